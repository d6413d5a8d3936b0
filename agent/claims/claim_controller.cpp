// agent/claims/claim_controller.cpp - see claim_controller.hpp; what is done to volumes is in claim_actions.cpp.
#include "agent/claims/claim_controller.hpp"

#include <array>

#include <fmt/format.h>

#include "agent/claims/claim_objects.hpp"
#include "agent/claims/claim_resolver.hpp"
#include "agent/objects/back_off.hpp"
#include "base/log.hpp"
#include "model/deletion.hpp"

namespace berth::agent {
namespace {

using model::Kind;

json::value spec_of(const model::ObjectPtr& object) {
  const auto* spec = object ? object->raw.if_contains("spec") : nullptr;
  return spec == nullptr ? json::value() : *spec;
}

bool says_same(const store::Change& change, std::initializer_list<std::string_view> path) {
  return change.previous &&
         find_string(json::value(change.previous->raw), path) == find_string(json::value(change.object->raw), path);
}

}  // namespace

ClaimController::ClaimController(Loop& loop, const Clock& clock, Lane& lane, const ObjectCache& cache,
                                 StoreWriter& writer, volumes::PodVolumes& volumes, EventSink events,
                                 std::string node_name, std::function<void(const std::string& uid)> kick)
    : loop_(loop),
      clock_(clock),
      lane_(lane),
      cache_(cache),
      writer_(writer),
      volumes_(volumes),
      events_(std::move(events)),
      node_name_(std::move(node_name)),
      kick_(std::move(kick)) {}

ClaimController::~ClaimController() { *alive_ = false; }

void ClaimController::plan_all() {
  for (const auto& [name, pod] : cache_.pods()) users_.put(*pod);
  mark();
}

void ClaimController::on_change(const store::Change& change) {
  const auto& object = *change.object;
  switch (object.kind) {
    case Kind::PersistentVolumeClaim:
      kick_users({object.meta.ns, object.meta.name});
      // Somebody asks for something else: what failed before says nothing about it.
      if (spec_of(change.previous) != spec_of(change.object)) {
        retries_.erase(fmt::format("{}/{}", object.meta.ns, object.meta.name));
      }
      return mark();
    case Kind::PersistentVolume:
      if (const auto found = cache_.volumes().find({"", object.meta.name}); found != cache_.volumes().end()) {
        kick_users({found->second->claim_ns, found->second->claim_name});
      }
      return mark();
    case Kind::StorageClass: retries_.clear(); return mark();
    case Kind::Secret: return on_secret({object.meta.ns, object.meta.name});
    case Kind::Pod: return on_pod(change);
    case Kind::Namespace:
    case Kind::Node:
    case Kind::ConfigMap:
    case Kind::ServiceAccount:
    case Kind::Service:
    case Kind::DaemonSet:
    case Kind::StatefulSet:
    case Kind::ControllerRevision:
    case Kind::Endpoints:
    case Kind::EndpointSlice:
    case Kind::Lease:
    case Kind::Event: return;
  }
}

/// Passwords of targets: for volumes that pods wait for, and for provisioners that failed without.
void ClaimController::on_secret(const Name& secret) {
  for (const auto& [name, volume] : cache_.volumes()) {
    const auto* iscsi = std::get_if<model::IscsiSource>(&volume->source);
    if (iscsi == nullptr || iscsi->secret_name != secret.second) continue;
    if ((iscsi->secret_ns.empty() ? volume->claim_ns : iscsi->secret_ns) != secret.first) continue;
    kick_users({volume->claim_ns, volume->claim_name});
  }
  if (retries_.empty()) return;
  retries_.clear();
  mark();
}

/// A first consumer, one that runs now, or the last user of a released volume is gone.
void ClaimController::on_pod(const store::Change& change) {
  const Name name{change.object->meta.ns, change.object->meta.name};
  const bool gone = change.type == store::ChangeType::Deleted;
  const bool other = !gone && (!change.previous || change.previous->meta.uid != change.object->meta.uid);
  const auto before = users_.claims_of_pod(name);
  const auto pod = cache_.pods().find(name);
  if (gone) {
    users_.drop(name);
  } else if (other && pod != cache_.pods().end()) {
    users_.put(*pod->second);
  }
  if (before.empty() && users_.claims_of_pod(name).empty()) return;
  const bool moved = gone || other || !says_same(change, {"spec", "nodeName"});
  const bool turned = gone || !says_same(change, {"status", "phase"});
  if (!moved && !turned) return;
  for (const auto& claim : before) kick_users({name.first, claim});  // Whoever waits for a ReadWriteOncePod claim.
  mark();
}

void ClaimController::kick_users(const Name& claim) const {
  for (const auto& name : users_.pods_of(claim)) {
    const auto pod = cache_.pods().find({claim.first, name});
    if (pod != cache_.pods().end() && pod->second->status.phase != "Running") kick_(pod->second->meta.uid);
  }
}

std::string ClaimController::resolve(const model::Pod& pod, const std::string& claim,
                                     volumes::BoundClaim& bound) const {
  const auto waiting = waiting_.find({pod.meta.ns, claim});
  return resolve_claim({cache_, users_, node_name_}, pod, claim,
                       waiting == waiting_.end() ? std::string() : waiting->second, bound);
}

void ClaimController::mark() {
  if (run_posted_) return;
  run_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (*alive) run();
  });
}

ClaimFacts ClaimController::facts() const {
  const auto node = cache_.nodes().find({"", node_name_});
  ClaimFacts facts{.claims = &cache_.claims(),
                   .volumes = &cache_.volumes(),
                   .classes = &cache_.storage_classes(),
                   .node = node == cache_.nodes().end() ? nullptr : node->second.get(),
                   .uses = {}};
  for (const auto& [name, pods] : users_.all()) {
    ClaimUse use;
    const auto claim = cache_.claims().find(name);
    for (const auto& user : pods) {
      const auto found = cache_.pods().find({name.first, user});
      if (found == cache_.pods().end()) continue;
      const auto& pod = *found->second;
      const bool here = pod.spec.node_name == node_name_;
      use.mounted = true;
      use.here = use.here || here;
      use.running = use.running || (here && pod.status.phase == "Running");
      use.held = use.held || (claim != cache_.claims().end() && holds_claim(pod, *claim->second));
    }
    facts.uses[name] = use;
  }
  return facts;
}

void ClaimController::run() {
  run_posted_ = false;
  std::erase_if(waiting_, [&](const auto& entry) { return !cache_.claims().contains(entry.first); });
  const auto plan = plan_claims(facts());
  for (const auto& action : plan.bind) bind(action);
  for (const auto& action : plan.provision) provision(action);
  for (const auto& action : plan.classes) assign_class(action);
  for (const auto& action : plan.delegate) delegate(action);
  for (const auto& action : plan.expand) expand(action);
  for (const auto& action : plan.resized) resized(action);
  for (const auto& action : plan.release) release(action);
  for (const auto& action : plan.lost) lose(action);
  for (const auto& action : plan.unprotect) {
    const auto finalizer =
        action.key.kind == Kind::PersistentVolume ? model::kVolumeProtection : model::kClaimProtection;
    writer_.drop_finalizer(action.key, action.uid, finalizer, {});
  }
  for (const auto& waiting : plan.waiting) report(waiting);
}

/// An event; which reasons are warnings is Kubernetes' decision.
void ClaimController::say(const model::ObjectKey& about, const std::string& uid, std::string_view reason,
                          const std::string& message) {
  constexpr std::array<std::string_view, 6> kWarnings{"ProvisioningFailed", "FailedBinding", "VolumeMismatch",
                                                      "VolumeResizeFailed", "ClaimLost",     "VolumeFailedDelete"};
  const bool warns =
      std::find(kWarnings.begin(), kWarnings.end(), reason) != kWarnings.end() || reason == "VolumeFailedRecycle";
  events_(about, uid, warns ? "Warning" : "Normal", reason, message);
}

void ClaimController::set_waiting(const Name& claim, const std::string& message) {
  auto& last = waiting_[claim];
  if (last == message) return;
  last = message;
  kick_users(claim);
}

void ClaimController::report(const WaitingClaim& waiting) {
  const Name name{waiting.claim.ns, waiting.claim.name};
  const auto known = waiting_.find(name);
  if (known != waiting_.end() && known->second == waiting.message) return;
  set_waiting(name, waiting.message);
  const auto claim = cache_.claims().find(name);
  say(waiting.claim, claim == cache_.claims().end() ? std::string() : claim->second->meta.uid, waiting.reason,
      waiting.message);
}

/// Not while something else is done for the same claim, nor before its next try is due.
bool ClaimController::begin(const std::string& tag) {
  const auto retry = retries_.find(tag);
  if (retry != retries_.end() && clock_.now() < retry->second.next) return false;
  return under_way_.insert(tag).second;
}

void ClaimController::finished(const std::string& tag, const Status& status) {
  under_way_.erase(tag);
  if (status || failed_with(status, ErrorCode::NotFound)) {
    retries_.erase(tag);
    return mark();
  }
  constexpr std::size_t kMostRetries = 10'000;
  if (retries_.size() > kMostRetries) retries_.clear();
  auto& retry = retries_[tag];
  log(LogLevel::Warning, "claim action failed",
      {{"claim", tag}, {"error", status.error().message()}, {"failures", std::to_string(retry.failures + 1)}});
  const auto delay = step_back_off(status.error().code(), retry.failures++, /*jitter=*/0.0);
  retry.next = clock_.now() + delay;
  retry.timer = loop_.after(delay, [this] { mark(); });
}

}  // namespace berth::agent
