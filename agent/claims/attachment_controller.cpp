// agent/claims/attachment_controller.cpp - see attachment_controller.hpp.
#include "agent/claims/attachment_controller.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/claims/attachment.hpp"
#include "agent/objects/attachment_key.hpp"
#include "agent/objects/pod_facts.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// Nothing tells when a pod that has ended is unmounted.
constexpr std::chrono::milliseconds kAskAgain{1000};

}  // namespace

Controller AttachmentController::row() {
  return {.name = "attachments",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const Key& key) { return plan(key); },
          .ended = [this](const Key& key, const Waker&) { ended(key); },
          // Of the host whose pods they are about, whoever's key it is.
          .is_mine = [](const Key&) { return true; }};
}

void AttachmentController::wake_all(const Waker& wake) const {
  for (const auto& name : context_.cache.pods_of_node(context_.node_name)) wake_for(*context_.cache.pod(name), wake);
  for (const auto& [name, attachment] : context_.cache.attachments()) {
    if (attachment->node_name == context_.node_name) wake(attachment_key(name.second));
  }
}

void AttachmentController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const Name name{object.meta.ns, object.meta.name};
  if (object.kind == Kind::Pod) {
    const auto* spec = object.raw.if_contains("spec");
    if (spec == nullptr || find_string(*spec, {"nodeName"}) != context_.node_name) return;
    if (change.type == store::ChangeType::Deleted) {
      said_.erase(object.meta.uid);
      if (const auto pod = model::decode_pod(object)) wake_for(*pod, wake);
    } else if (const auto pod = context_.cache.pod(name)) {
      wake_for(*pod, wake);
    }
  } else if (object.kind == Kind::PersistentVolumeClaim) {
    const auto found = context_.cache.claims().find(name);
    if (found != context_.cache.claims().end() && !found->second->volume_name.empty()) {
      wake(attachment_key(found->second->volume_name));
    }
  } else if (object.kind == Kind::PersistentVolume || object.kind == Kind::VolumeAttachment) {
    const auto there = context_.cache.attachments().find({"", name.second});
    const auto ours = there != context_.cache.attachments().end() && there->second->node_name == context_.node_name;
    if (!ours) leaving_.erase(name.second);
    if (object.kind == Kind::VolumeAttachment) kick_users(name.second);
    wake(attachment_key(name.second));
  }
}

void AttachmentController::wake_for(const model::Pod& pod, const Waker& wake) const {
  for (const auto& volume : volumes_of(pod)) wake(attachment_key(volume));
}

std::set<std::string> AttachmentController::volumes_of(const model::Pod& pod) const {
  std::set<std::string> volumes;
  for (const auto& name : references_of(pod.spec).claims) {
    const auto claim = context_.cache.claims().find({pod.meta.ns, name});
    if (claim != context_.cache.claims().end() && claim->second->phase == "Bound") {
      volumes.insert(claim->second->volume_name);
    }
  }
  return volumes;
}

AttachmentController::Users AttachmentController::users(const std::string& volume) const {
  Users users;
  const auto found = context_.cache.volumes().find({"", volume});
  if (found == context_.cache.volumes().end()) return users;
  const auto& bound = *found->second;
  for (const auto& name : context_.cache.pods_using({Kind::PersistentVolumeClaim, bound.claim_ns, bound.claim_name})) {
    const auto pod = context_.cache.pod(name);
    if (!is_terminal(*pod) && volumes_of(*pod).contains(volume)) users.push_back(pod);
  }
  return users;
}

AttachmentController::Users AttachmentController::users_here(const std::string& volume) const {
  auto here = users(volume);
  std::erase_if(here, [this](const PodPtr& pod) { return pod->spec.node_name != context_.node_name; });
  return here;
}

bool AttachmentController::is_needed(const std::string& volume) const {
  const auto found = context_.cache.volumes().find({"", volume});
  if (found == context_.cache.volumes().end()) return false;
  const auto claim = context_.cache.claims().find({found->second->claim_ns, found->second->claim_name});
  return claim != context_.cache.claims().end() && needs_attachment(*claim->second, *found->second);
}

std::string AttachmentController::why_not(const std::string& volume) const {
  const auto found = context_.cache.attachments().find({"", volume});
  if (found == context_.cache.attachments().end()) {
    return fmt::format("waiting for volume \"{}\" to be attached to this node", volume);
  }
  const auto& holder = *found->second;
  if (holder.node_name != context_.node_name || holder.attacher != kAttacher) {
    std::vector<std::string> pods;
    for (const auto& pod : users(volume)) {
      if (pod->spec.node_name == holder.node_name) pods.push_back(pod->meta.name);
    }
    return multi_attach_error(volume, holder.node_name, pods);
  }
  if (asking_.contains(volume) || leaving_.contains(volume)) {
    return fmt::format("waiting for volume \"{}\" to be attached to this node again", volume);
  }
  return {};
}

std::string AttachmentController::may_mount(const model::Pod& pod, const std::string& volume) {
  if (!is_needed(volume)) return {};
  auto why = why_not(volume);
  if (why.empty()) granted_[pod.meta.uid].insert(volume);
  return why;
}

void AttachmentController::on_gone(const std::string& uid) {
  const auto found = granted_.find(uid);
  if (found == granted_.end()) return;
  const auto volumes = std::move(found->second);
  granted_.erase(found);
  for (const auto& volume : volumes) (*wake_)(attachment_key(volume));
}

void AttachmentController::kick_users(const std::string& volume) const {
  for (const auto& pod : users_here(volume)) {
    if (pod->status.phase != "Running") context_.kick(pod->meta.uid);
  }
}

Work AttachmentController::plan(const Key& key) {
  Work work;
  const auto& volume = key.name;
  const auto found = context_.cache.attachments().find({"", volume});
  const auto there = found != context_.cache.attachments().end();
  const auto ours = there && found->second->node_name == context_.node_name && found->second->attacher == kAttacher;
  const auto wanted = is_needed(volume) ? users_here(volume) : Users{};
  if (ours) return wanted.empty() || leaving_.contains(volume) ? release(volume) : work;
  if (wanted.empty()) return work;
  if (!there) {
    work.writes.push_back({.verb = Write::Verb::Create,
                           .key = key,
                           .object = make_attachment(volume, context_.node_name),
                           .may_exist = true});
    return work;
  }
  for (const auto& pod : wanted) {
    auto& told = said_[pod->meta.uid];
    if (std::exchange(told, found->second->meta.uid) == found->second->meta.uid) continue;
    work.events.push_back(
        {{Kind::Pod, pod->meta.ns, pod->meta.name}, pod->meta.uid, "Warning", "FailedAttachVolume", why_not(volume)});
  }
  return work;
}

Work AttachmentController::release(const std::string& volume) {
  Work work;
  asking_.insert(volume);
  work.effects.push_back([this, volume](const Answer& answer) {
    context_.lane.run([this, &loop = context_.loop, &volumes = context_.volumes, alive = alive_, volume, answer] {
      loop.post([this, alive, volume, answer, mounted = volumes.mounted_pods()] {
        if (*alive) answer(released(volume, mounted));
      });
    });
  });
  return work;
}

Work AttachmentController::released(const std::string& volume, const Result<std::vector<std::string>>& mounted) {
  Work work;
  const auto found = context_.cache.attachments().find({"", volume});
  if (found == context_.cache.attachments().end() || found->second->node_name != context_.node_name) return work;
  if (!leaving_.contains(volume)) {
    if (!mounted) {
      work.failed = mounted.error();
      return work;
    }
    // Who came meanwhile was told to wait, and asks again.
    if (is_needed(volume) && !users_here(volume).empty()) return work;
    if (is_used(volume, *mounted)) {
      work.look_again = kAskAgain;
      return work;
    }
  }
  leaving_.insert(volume);
  work.writes.push_back({.verb = Write::Verb::Remove, .key = attachment_key(volume), .uid = found->second->meta.uid});
  return work;
}

void AttachmentController::ended(const Key& key) {
  if (asking_.erase(key.name) > 0) kick_users(key.name);
}

/// May the pod with that uid, of which something is here, have the volume?
bool AttachmentController::has_mounted(const std::string& uid, const std::string& volume) const {
  const auto granted = granted_.find(uid);
  // Its claim may be another of that name by now.
  if (granted != granted_.end() && granted->second.contains(volume)) return true;
  for (const auto& name : context_.cache.pods_of_node(context_.node_name)) {
    const auto pod = context_.cache.pod(name);
    if (pod->meta.uid != uid) continue;
    const auto names = references_of(pod->spec).claims;
    return std::any_of(names.begin(), names.end(), [&](const std::string& each) {
      const auto claim = context_.cache.claims().find({name.first, each});
      return claim == context_.cache.claims().end() || claim->second->volume_name == volume;
    });
  }
  return granted == granted_.end();
}

bool AttachmentController::is_used(const std::string& volume, const std::vector<std::string>& mounted) const {
  const auto has = [&](const std::string& uid) { return has_mounted(uid, volume); };
  if (std::any_of(mounted.begin(), mounted.end(), has)) return true;
  // A mount may be on its way for a pod that lost its object just now.
  return std::any_of(granted_.begin(), granted_.end(), [&](const auto& each) {
    const auto& uid = each.first;
    const auto here = context_.cache.pods_of_node(context_.node_name);
    const auto has_object = std::any_of(here.begin(), here.end(),
                                        [&](const Name& name) { return context_.cache.pod(name)->meta.uid == uid; });
    return each.second.contains(volume) && !has_object && context_.is_driven(uid);
  });
}

}  // namespace berth::agent
