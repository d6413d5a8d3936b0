// agent/claim_controller.cpp - see claim_controller.hpp.
#include "agent/claim_controller.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "model/deletion.hpp"

namespace berth::agent {
namespace {

using model::Kind;

std::string node_of(const model::ObjectPtr& pod) {
  return pod ? std::string(find_string(json::value(pod->raw), {"spec", "nodeName"})) : std::string();
}

std::string claim_tag(const std::string& ns, const std::string& name) { return ns + "/" + name; }

json::object claim_reference(const model::ObjectKey& claim, const std::string& uid) {
  return {{"kind", "PersistentVolumeClaim"},
          {"apiVersion", "v1"},
          {"namespace", claim.ns},
          {"name", claim.name},
          {"uid", uid}};
}

}  // namespace

json::object make_provisioned_volume(const ProvisionAction& action, const volumes::Provisioned& made,
                                     const std::string& node_name) {
  json::array modes;
  for (const auto& mode : action.access_modes) modes.emplace_back(mode);
  const json::value here = {
      {"key", "kubernetes.io/hostname"}, {"operator", "In"}, {"values", json::array{json::value(node_name)}}};
  const json::value term = {{"matchExpressions", json::array{here}}};
  json::object spec = {{"capacity", {{"storage", action.capacity}}},
                       {"accessModes", std::move(modes)},
                       {"persistentVolumeReclaimPolicy", action.reclaim_policy},
                       {"storageClassName", action.storage_class},
                       {"volumeMode", "Filesystem"},
                       {"claimRef", claim_reference(action.claim, action.claim_uid)}};
  auto source = model::encode_source(made.source);
  for (auto& member : source) spec[member.key()] = std::move(member.value());
  if (made.local) spec["nodeAffinity"] = {{"required", {{"nodeSelectorTerms", json::array{term}}}}};
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolume"},
          {"metadata",
           {{"name", "pvc-" + action.claim_uid},
            {"annotations", {{"pv.kubernetes.io/provisioned-by", std::string(kDirectoryProvisioner)}}}}},
          {"spec", std::move(spec)},
          {"status", {{"phase", "Bound"}}}};
}

ClaimController::ClaimController(Loop& loop, Lane& lane, const ObjectCache& cache, StoreWriter& writer,
                                 volumes::PodVolumes& volumes, EventSink events, std::string node_name)
    : loop_(loop),
      lane_(lane),
      cache_(cache),
      writer_(writer),
      volumes_(volumes),
      events_(std::move(events)),
      node_name_(std::move(node_name)) {}

ClaimController::~ClaimController() { *alive_ = false; }

void ClaimController::on_change(const store::Change& change) {
  switch (change.object->kind) {
    case Kind::PersistentVolumeClaim:
    case Kind::PersistentVolume:
    case Kind::StorageClass: mark(); return;
    case Kind::Pod:  // A first consumer, or the last user of a released volume is gone.
      if (change.type != store::ChangeType::Modified || node_of(change.previous) != node_of(change.object)) mark();
      return;
    case Kind::Namespace:
    case Kind::Node:
    case Kind::ConfigMap:
    case Kind::Secret:
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

std::string ClaimController::resolve(const model::Pod& pod, const std::string& claim,
                                     volumes::BoundClaim& bound) const {
  const auto& ns = pod.meta.ns;
  const auto found = cache_.claims().find({ns, claim});
  if (found == cache_.claims().end()) return fmt::format("persistentvolumeclaim \"{}\" not found", claim);
  if (!holds_claim(pod, *found->second)) return fmt::format("persistentvolumeclaim \"{}\" is being deleted", claim);
  const auto volume = cache_.volumes().find({"", found->second->volume_name});
  if (found->second->phase != "Bound" || volume == cache_.volumes().end()) {
    const auto why = waiting_.find({ns, claim});
    return fmt::format("persistentvolumeclaim \"{}\" is not bound{}", claim,
                       why == waiting_.end() ? std::string() : ": " + why->second);
  }
  bound = {.claim_name = claim,
           .volume_name = volume->first.second,
           .source = volume->second->source,
           .mount_options = volume->second->mount_options,
           .block = volume->second->volume_mode == "Block",
           .read_only = false,
           .secret = {}};
  return {};
}

void ClaimController::mark() {
  if (run_posted_) return;
  run_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (*alive) run();
  });
}

void ClaimController::run() {
  run_posted_ = false;
  ClaimFacts facts;
  for (const auto& [name, claim] : cache_.claims()) facts.claims.push_back(*claim);
  for (const auto& [name, volume] : cache_.volumes()) facts.volumes.push_back(*volume);
  for (const auto& [name, storage_class] : cache_.storage_classes()) facts.classes.push_back(*storage_class);
  const auto node = cache_.nodes().find({"", node_name_});
  if (node != cache_.nodes().end()) facts.node = node->second.get();
  for (const auto& [name, pod] : cache_.pods()) {
    for (const auto& volume : pod->spec.volumes) {
      const auto* source = std::get_if<model::ClaimSource>(&volume.source);
      if (source == nullptr) continue;
      facts.mounted.insert({name.first, source->claim_name});
      const auto claim = cache_.claims().find({name.first, source->claim_name});
      if (claim != cache_.claims().end() && holds_claim(*pod, *claim->second)) facts.held.insert(claim->first);
      if (pod->spec.node_name == node_name_) facts.used.insert({name.first, source->claim_name});
    }
  }

  std::erase_if(waiting_, [&](const auto& entry) { return !cache_.claims().contains(entry.first); });
  const auto plan = plan_claims(facts);
  for (const auto& action : plan.bind) bind(action);
  for (const auto& action : plan.provision) provision(action);
  for (const auto& action : plan.release) release(action);
  for (const auto& action : plan.unprotect) {
    const auto finalizer =
        action.key.kind == Kind::PersistentVolume ? model::kVolumeProtection : model::kClaimProtection;
    writer_.drop_finalizer(action.key, action.uid, finalizer, {});
  }
  for (const auto& waiting : plan.waiting) report(waiting);
}

void ClaimController::report(const WaitingClaim& waiting) {
  auto& last = waiting_[{waiting.claim.ns, waiting.claim.name}];
  if (last == waiting.message) return;
  last = waiting.message;
  const auto claim = cache_.claims().find({waiting.claim.ns, waiting.claim.name});
  const auto type = waiting.reason == "WaitForFirstConsumer" ? "Normal" : "Warning";
  events_(waiting.claim, claim == cache_.claims().end() ? std::string() : claim->second->meta.uid, type, waiting.reason,
          waiting.message);
}

void ClaimController::bind(const BindAction& action) {
  const auto tag = claim_tag(action.claim.ns, action.claim.name);
  if (!under_way_.insert(tag).second) return;
  const auto volume = cache_.volumes().find({"", action.volume});
  if (volume == cache_.volumes().end()) {
    under_way_.erase(tag);
    return;
  }
  const auto bind_claim = [this, action, tag](const Status& status) {
    if (!status) {
      finished(tag, status);
      return;
    }
    const auto bound = cache_.volumes().find({"", action.volume});
    const auto capacity = bound == cache_.volumes().end() ? std::string() : bound->second->capacity.text();
    json::array modes;
    if (bound != cache_.volumes().end()) {
      for (const auto& mode : bound->second->access_modes) modes.emplace_back(mode);
    }
    writer_.modify(
        action.claim, action.claim_uid, Durability::Durable,
        [action, capacity, modes](json::object& raw) {
          auto& spec = raw["spec"].get_object();
          spec["volumeName"] = action.volume;
          if (!action.storage_class.empty()) spec["storageClassName"] = action.storage_class;
          raw["status"] = {{"phase", "Bound"}, {"accessModes", modes}, {"capacity", {{"storage", capacity}}}};
          return true;
        },
        [this, tag, action](const Status& written) {
          if (written) waiting_.erase({action.claim.ns, action.claim.name});
          finished(tag, written);
        });
  };
  // The volume first: a crash in between leaves a volume that is promised to the claim, and the next plan goes on.
  writer_.modify(
      {Kind::PersistentVolume, "", action.volume}, {}, Durability::Durable,
      [action](json::object& raw) {
        raw["spec"].get_object()["claimRef"] = claim_reference(action.claim, action.claim_uid);
        raw["status"] = {{"phase", "Bound"}};
        return true;
      },
      bind_claim);
}

void ClaimController::provision(const ProvisionAction& action) {
  const auto tag = claim_tag(action.claim.ns, action.claim.name);
  if (!under_way_.insert(tag).second) return;
  lane_.run([this, &loop = loop_, &volumes = volumes_, alive = alive_, action, tag] {
    volumes::ProvisionRequest request;
    request.provisioner = kDirectoryProvisioner;
    request.ns = action.claim.ns;
    request.claim = action.claim.name;
    volumes.provision(request, [this, &loop, alive, action, tag](const Result<volumes::Provisioned>& made) {
      loop.post([this, alive, action, tag, made] {
        if (*alive) provisioned(action, tag, made);
      });
    });
  });
}

void ClaimController::provisioned(const ProvisionAction& action, const std::string& tag,
                                  const Result<volumes::Provisioned>& made) {
  if (!made) {
    events_(action.claim, action.claim_uid, "Warning", "ProvisioningFailed", made.error().message());
    finished(tag, made.error());
    return;
  }
  writer_.create(make_provisioned_volume(action, *made, node_name_), Durability::Durable,
                 [this, action, tag](const Status& status) {
                   if (status || failed_with(status, ErrorCode::AlreadyExists)) {
                     events_(action.claim, action.claim_uid, "Normal", "ProvisioningSucceeded",
                             "Successfully provisioned volume pvc-" + action.claim_uid);
                     finished(tag, Ok{});  // The volume is promised to the claim: the next plan binds it.
                   } else {
                     finished(tag, status);
                   }
                 });
}

void ClaimController::release(const ReleaseAction& action) {
  // The claim's tag, not the volume's: never beside provisioning the same directory.
  const auto tag = claim_tag(action.claim_ns, action.claim_name);
  if (writer_.exists({Kind::PersistentVolumeClaim, action.claim_ns, action.claim_name}, {}) && action.reclaim) return;
  if (!under_way_.insert(tag).second) return;
  const model::ObjectKey key{Kind::PersistentVolume, "", action.volume};
  if (action.drop) {
    drop_volume(key, tag);
    return;
  }
  if (!action.reclaim) {
    writer_.modify(
        key, {}, Durability::Durable,
        [](json::object& raw) {
          raw["status"] = {{"phase", "Released"}};
          return true;
        },
        [this, tag](const Status& status) { finished(tag, status); });
    return;
  }
  lane_.run([this, &loop = loop_, &volumes = volumes_, alive = alive_, action, key, tag] {
    volumes::ReclaimRequest request;
    request.provisioner = kDirectoryProvisioner;
    request.ns = action.claim_ns;
    request.claim = action.claim_name;
    volumes.reclaim(request, [this, &loop, alive, key, tag](const Status& gone) {
      loop.post([this, alive, key, gone, tag] {
        if (!*alive) return;
        if (!gone) {
          events_(key, {}, "Warning", "VolumeFailedDelete", gone.error().message());
          finished(tag, gone);
          return;
        }
        drop_volume(key, tag);
      });
    });
  });
}

/// Its content is done with. Released first: should somebody's finalizer keep the object, the plan leaves it alone.
void ClaimController::drop_volume(const model::ObjectKey& key, const std::string& tag) {
  const auto found = cache_.volumes().find({"", key.name});
  const auto held = found != cache_.volumes().end() &&
                    std::any_of(found->second->meta.finalizers.begin(), found->second->meta.finalizers.end(),
                                [](const auto& finalizer) { return finalizer != model::kVolumeProtection; });
  if (!held) {
    writer_.remove(key, {}, [this, tag](const Status& status) { finished(tag, status); });
    return;
  }
  writer_.modify(
      key, {}, Durability::Durable,
      [](json::object& raw) {
        raw["status"] = {{"phase", "Released"}};
        return true;
      },
      [this, key, tag](const Status& status) {
        if (!status) return finished(tag, status);
        writer_.delete_object(key, {}, [this, tag](const Status& deleted) { finished(tag, deleted); });
      });
}

void ClaimController::finished(const std::string& what, const Status& status) {
  under_way_.erase(what);
  if (status || failed_with(status, ErrorCode::NotFound)) {
    mark();
    return;
  }
  log(LogLevel::Warning, "claim action failed", {{"what", what}, {"error", status.error().message()}});
  constexpr std::chrono::seconds kRetry{5};
  retry_ = loop_.after(kRetry, [this] { mark(); });
}

}  // namespace berth::agent
