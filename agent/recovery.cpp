// agent/recovery.cpp - see recovery.hpp.
#include "agent/recovery.hpp"

#include <map>
#include <utility>

#include "base/log.hpp"

namespace berth::agent {

Recovery::Recovery(RecoveryRooms rooms, OnOrphan on_orphan) : rooms_(rooms), on_orphan_(std::move(on_orphan)) {}

void Recovery::begin(std::set<std::string> uids) {
  unadopted_ = std::move(uids);
  adopting_ = unadopted_.size();
}

void Recovery::on_settled(const std::string& uid) {
  if (unadopted_.erase(uid) == 0 || !unadopted_.empty()) return;
  log(LogLevel::Info, "pods adopted", {{"count", std::to_string(adopting_)}});
}

void Recovery::look_for_orphans() {
  incomplete_ = false;
  rooms_.lane.run([this] {
    std::map<std::string, runtime::PodIdentity> found;
    if (auto containers = rooms_.runtime.all_containers()) {
      for (const auto& container : *containers) found[container.pod.uid] = container.pod;
    } else {
      rooms_.loop.post([this] { incomplete_ = true; });
    }
    if (auto attached = rooms_.network.attached_pods()) {
      for (const auto& uid : *attached) found.try_emplace(uid, runtime::PodIdentity{.uid = uid, .ns = "", .name = uid});
    }
    if (auto mounted = rooms_.volumes.mounted_pods()) {
      for (const auto& uid : *mounted) found.try_emplace(uid, runtime::PodIdentity{.uid = uid, .ns = "", .name = uid});
    }
    rooms_.loop.post([this, found]() mutable {
      // An object that does not decode, or that is bound to a name this node had once, is no orphan.
      for (const auto& object : rooms_.store.list(model::Kind::Pod).objects) found.erase(object->meta.uid);
      for (const auto& [uid, identity] : found) on_orphan_(identity);
    });
  });
}

void Recovery::retry() {
  if (incomplete_) look_for_orphans();
}

}  // namespace berth::agent
