// agent/recovery.cpp - see recovery.hpp.
#include "agent/recovery.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace berth::agent {
namespace {

constexpr std::chrono::seconds kLookAgain{2};

/// A mark that cannot be read may have named any store: it is nobody's.
std::optional<StoreMark> mark_in(const std::filesystem::path& file) {
  auto mark = read_store_mark(file);
  return mark ? *std::move(mark) : StoreMark{};
}

std::optional<StoreMark> mark_of(const RecoveryRooms& rooms) {
  auto mark = mark_in(rooms.mark_file);
  if (!mark && !rooms.kept_mark_file.empty()) mark = mark_in(rooms.kept_mark_file);
  return mark;
}

/// Everything that is on the host; the first room that cannot be asked is the error.
Result<std::map<std::string, runtime::PodIdentity>> look_through(const RecoveryRooms& rooms) {
  std::map<std::string, runtime::PodIdentity> found;
  const auto containers = rooms.runtime.all_containers();
  if (!containers) return containers.error();
  for (const auto& container : *containers) found[container.pod.uid] = container.pod;
  const auto present = rooms.runtime.present_pods();
  if (!present) return present.error();
  const auto attached = rooms.network.attached_pods();
  if (!attached) return attached.error();
  const auto mounted = rooms.volumes.mounted_pods();
  if (!mounted) return mounted.error();
  for (const auto* uids : {&*present, &*attached, &*mounted}) {
    for (const auto& uid : *uids) found.try_emplace(uid, runtime::PodIdentity{.uid = uid, .ns = "", .name = uid});
  }
  return found;
}

}  // namespace

Recovery::Recovery(RecoveryRooms rooms, RecoveryCallbacks callbacks)
    : rooms_(std::move(rooms)), callbacks_(std::move(callbacks)), from_copy_(rooms_.from_copy) {
  trust();
}

void Recovery::trust() {
  const auto mark = mark_of(rooms_);
  trusted_ = mark && same_store(*mark, rooms_.store.identity()) && mark->strangers.empty();
}

void Recovery::begin(std::set<std::string> uids) {
  unadopted_ = std::move(uids);
  adopting_ = unadopted_.size();
  take_unreadable();
}

void Recovery::take_unreadable() {
  // Now: a manifest may write such a row anew, with another uid, before the host was looked through.
  unreadable_ = rooms_.store.problems();
  rooms_.store.visit(model::Kind::Pod, {}, [&](const model::ObjectPtr& pod) {
    const auto more = without_uid({pod});
    unreadable_.insert(unreadable_.end(), more.begin(), more.end());
  });
  // What is made in the place of such a row waits until it is known whether its pod runs.
  if (std::ranges::any_of(unreadable_, [](const auto& row) { return row.kind == "Pod"; })) trusted_ = false;
}

void Recovery::on_settled(const std::string& uid) {
  if (unadopted_.erase(uid) == 0 || !unadopted_.empty()) return;
  log(LogLevel::Info, "pods adopted", {{"count", std::to_string(adopting_)}});
}

void Recovery::look_for_orphans() {
  if (judged_) return;
  incomplete_ = false;
  rooms_.lane.run([this] {
    OrphanFacts facts;
    facts.mark = mark_of(rooms_);
    auto found = look_through(rooms_);
    const auto error = found ? std::string() : found.error().message();
    if (found) facts.found = *std::move(found);
    rooms_.loop.post([this, facts = std::move(facts), error] {
      if (error.empty()) return from_copy_ ? take_found(facts.found) : judge(facts);
      incomplete_ = true;
      log(LogLevel::Debug, "what runs here is not known yet, asking again", {{"error", error}});
      again_ = rooms_.loop.after(kLookAgain, [this] { retry(); });
    });
  });
}

void Recovery::take_found(const std::map<std::string, runtime::PodIdentity>& found) {
  found_.clear();
  for (const auto& [uid, pod] : found) found_.insert(uid);
  if (callbacks_.on_found) callbacks_.on_found();
}

void Recovery::on_store() {
  if (!std::exchange(from_copy_, false)) return;
  trust();
  take_unreadable();
  look_for_orphans();
}

void Recovery::judge(OrphanFacts facts) {
  if (judged_) return;
  judged_ = true;
  facts.identity = rooms_.store.identity();
  facts.node = rooms_.node;
  facts.problems = unreadable_;
  // An object that does not decode, or that is bound to a name this node had once, is no orphan.
  rooms_.store.visit(model::Kind::Pod, {},
                     [&](const model::ObjectPtr& object) { facts.known.insert(object->meta.uid); });
  found_.clear();
  for (const auto& [uid, pod] : facts.found) found_.insert(uid);
  auto plan = plan_orphans(facts);
  strangers_ = std::move(plan.strangers);
  for (const auto& stranger : strangers_) {
    log(LogLevel::Warning,
        "a pod without an object runs on, and a pod of its name waits: berth pods adopt UID, or berth pods remove UID",
        {{"pod", stranger.ns + "/" + stranger.name}, {"uid", stranger.uid}, {"why", stranger.why}});
  }
  write_mark();
  callbacks_.on_strangers(strangers_);
  for (const auto& orphan : plan.remove) callbacks_.on_orphan(orphan);
}

void Recovery::write_mark() {
  StoreMark mark{.id = rooms_.store.identity().id, .opened = rooms_.store.identity().opened, .strangers = {}};
  for (const auto& stranger : strangers_) mark.strangers.insert(stranger.uid);
  // A small file in memory, see on-disk.md: on the loop, so that it is there before anything is done about it.
  if (auto written = write_store_mark(rooms_.mark_file, mark); !written) {
    log(LogLevel::Warning, "the store's mark is not written: the next start will ask about pods without an object",
        {{"error", written.error().message()}});
  }
  if (rooms_.kept_mark_file.empty()) return;
  // Whatever of it is there after a crash says enough: this store's, or another's, of which all are strangers.
  rooms_.lane.run([file = rooms_.kept_mark_file, mark] {
    if (auto written = write_store_mark(file, mark, Durability::Durable); !written) {
      log(LogLevel::Warning,
          "the store's mark is not kept: the start after a boot may ask about pods without an object",
          {{"error", written.error().message()}});
    }
  });
}

void Recovery::retry() {
  if (incomplete_) look_for_orphans();
}

bool Recovery::holds(const model::Pod& pod) const {
  if (from_copy_) return !found_.contains(pod.meta.uid);
  if (!judged_) return !trusted_;
  if (pod.meta.deleting() || found_.contains(pod.meta.uid)) return false;
  return std::any_of(strangers_.begin(), strangers_.end(),
                     [&](const auto& stranger) { return in_the_way(stranger, pod); });
}

void Recovery::explain(const std::string& uid, const std::string& why) {
  for (auto& stranger : strangers_) {
    if (stranger.uid == uid) stranger.why = why;
  }
  callbacks_.on_strangers(strangers_);
}

void Recovery::drop(const std::string& uid) {
  if (std::erase_if(strangers_, [&](const auto& each) { return each.uid == uid; }) == 0) return;
  write_mark();
  callbacks_.on_strangers(strangers_);
}

}  // namespace berth::agent
