// agent/claims/claim_actions.cpp - what ClaimController asks for, action by action.
#include <algorithm>

#include <fmt/format.h>

#include "agent/claims/claim_controller.hpp"
#include "agent/claims/claim_objects.hpp"
#include "agent/claims/pool_hold.hpp"
#include "agent/claims/volume_parameters.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The group of what a volume and its claim say of each other.
constexpr int kBothSides = 1;

Name name_of(const model::ObjectKey& key) { return {key.ns, key.name}; }

model::ObjectKey volume_key(const std::string& name) { return {Kind::PersistentVolume, "", name}; }

bool is_named(const std::string& provisioner) {
  const auto* traits = find_provisioner_traits(provisioner);
  return traits == nullptr || traits->named;
}

/// Is the volume promised to a claim other than this one?
bool has_other_claim(const json::object& volume, const BindAction& action) {
  const auto* spec = volume.if_contains("spec");
  const auto uid = spec == nullptr ? std::string_view() : find_string(*spec, {"claimRef", "uid"});
  return !uid.empty() && uid != action.claim_uid;
}

std::string_view annotation_in(const json::object& object, std::string_view name) {
  return find_string(object.at("metadata"), {"annotations", name});
}
bool has_annotation(const json::object& object, std::string_view name) { return !annotation_in(object, name).empty(); }

/// User name and password of the target whose LUNs a pool gives out; nothing when its class names no secret, or one
/// that is not there: then the target says what it wants.
model::StringMap chap_secret(const model::StringMap& parameters, const std::string& ns, const ObjectCache& cache) {
  const auto secret = secret_of(parameters, ns);
  const auto found = cache.secrets().find(secret);
  return secret.second.empty() || found == cache.secrets().end() ? model::StringMap() : found->second->data;
}

Write volume_phase(const std::string& volume, std::string_view phase, const std::string& message) {
  return {.key = volume_key(volume), .edit = [phase = std::string(phase), message](json::object& raw) {
            json::object status = {{"phase", phase}};
            if (!message.empty()) status["message"] = message;
            raw["status"] = std::move(status);
            return Edit::Done;
          }};
}

/// The outcome of a server or a helper, which knows nothing of our objects: "not found" there is no success here.
Error as_failure(const Error& error, const std::string& message) {
  return error.code() == ErrorCode::NotFound ? Error(ErrorCode::FailedPrecondition, message) : error;
}

}  // namespace

/// One thing at a time: what comes next is planned when it is seen to be done.
Work ClaimController::carry_out(const Name& name, const ClaimPlan& plan) {
  Work work;
  pool_waiting_.erase(name);
  for (const auto& action : plan.unprotect) {
    const auto is_volume = action.key.kind == Kind::PersistentVolume;
    work.writes.push_back({.verb = Write::Verb::DropFinalizer,
                           .key = action.key,
                           .uid = action.uid,
                           .finalizer = std::string(is_volume ? model::kVolumeProtection : model::kClaimProtection)});
  }
  for (const auto& waiting : plan.waiting) report(waiting, work);
  if (!plan.unhold.empty()) {
    unhold(plan.unhold.front(), work);
  } else if (!plan.bind.empty()) {
    bind(plan.bind.front(), work);
  } else if (!plan.hold.empty()) {
    hold(plan.hold.front(), work);
  } else if (!plan.select.empty()) {
    select(plan.select.front(), work);
  } else if (!plan.provision.empty()) {
    provision(plan.provision.front(), work);
  } else if (!plan.classes.empty()) {
    const auto& action = plan.classes.front();
    work.writes.push_back({.key = action.claim,
                           .uid = action.claim_uid,
                           .edit =
                               [action](json::object& raw) {
                                 auto& field = raw["spec"].get_object()["storageClassName"];
                                 if (!field.is_null()) return Edit::Leave;
                                 field = action.storage_class;
                                 return Edit::Done;
                               },
                           .durability = Durability::Lazy});
  } else if (!plan.delegate.empty()) {
    const auto& action = plan.delegate.front();
    work.writes.push_back({.key = action.claim, .uid = action.claim_uid, .edit = [action](json::object& raw) {
                             annotate(raw, "volume.beta.kubernetes.io/storage-provisioner", action.provisioner);
                             const auto told =
                                 annotate(raw, "volume.kubernetes.io/storage-provisioner", action.provisioner);
                             return told ? Edit::Done : Edit::Leave;
                           }});
  } else if (!plan.expand.empty()) {
    expand(plan.expand.front(), work);
  } else if (!plan.resized.empty()) {
    resized(plan.resized.front(), work);
  } else if (plan.lost.empty() || !lose(plan.lost.front(), work)) {
    std::any_of(plan.release.begin(), plan.release.end(), [&](const auto& action) { return release(action, work); });
  }
  if (plan.others) {
    if (plan.waiting.empty()) waiting_.erase(name);
    begun_.erase(name);
    return work;
  }
  const auto claim = context_.cache.claims().find(name);
  if (plan.waiting.empty() && plan.expand.empty() && claim != context_.cache.claims().end() &&
      claim->second->phase == "Bound") {
    waiting_.erase(name);
    begun_.erase(name);
  }
  return work;
}

std::string ClaimController::uid_of_volume(const std::string& name) const {
  const auto found = index_.find(name);
  return found ? found->meta.uid : std::string();
}

// --- binding ----------------------------------------------------------------------------------------

void ClaimController::bind(const BindAction& action, Work& work) {
  const auto volume = index_.find(action.volume);
  if (!volume) return;
  given_[name_of(action.claim)] = action.volume;
  index_.give(action.volume);
  json::array modes;
  for (const auto& mode : volume->access_modes) modes.emplace_back(mode);
  // Both sides at once: there is no volume that is promised to a claim which goes before it knows, and no claim that
  // counts on a volume which another got.
  work.writes.push_back({.key = volume_key(action.volume),
                         .edit =
                             [action](json::object& raw) {
                               if (has_other_claim(raw, action) || has_annotation(raw, kReclaiming))
                                 return Edit::Refuse;
                               auto& spec = raw["spec"].get_object();
                               if (!spec.contains("claimRef"))
                                 annotate(raw, "pv.kubernetes.io/bound-by-controller", "yes");
                               raw["spec"].get_object()["claimRef"] = claim_reference(action.claim, action.claim_uid);
                               raw["status"] = {{"phase", "Bound"}};
                               return Edit::Done;
                             },
                         .group = kBothSides});
  work.writes.push_back(
      {.key = action.claim,
       .uid = action.claim_uid,
       .edit =
           [action, modes, capacity = volume->capacity.text()](json::object& raw) {
             const auto* named = raw["spec"].get_object().if_contains("volumeName");
             if (action.chosen && named != nullptr && *named != json::value(action.volume)) return Edit::Refuse;
             annotate(raw, "pv.kubernetes.io/bind-completed", "yes");
             if (action.chosen) annotate(raw, "pv.kubernetes.io/bound-by-controller", "yes");
             auto& spec = raw["spec"].get_object();
             spec["volumeName"] = action.volume;
             if (!action.storage_class.empty()) spec["storageClassName"] = action.storage_class;
             raw["status"] = {{"phase", "Bound"}, {"accessModes", modes}, {"capacity", {{"storage", capacity}}}};
             return Edit::Done;
           },
       .group = kBothSides});
}

/// From then on no other host makes it, however late this one is.
void ClaimController::select(const SelectAction& action, Work& work) const {
  work.writes.push_back(
      {.key = action.claim, .uid = action.claim_uid, .edit = [action, node = context_.node_name](json::object& raw) {
         const auto is_bound = !find_string(raw.at("spec"), {"volumeName"}).empty();
         if (is_bound || annotation_in(raw, kSelectedNode) != action.before) return Edit::Refuse;
         return annotate(raw, kSelectedNode, node) ? Edit::Done : Edit::Leave;
       }});
}

/// From then on nobody else decides what becomes of its content, and nobody binds it.
void ClaimController::hold(const HoldAction& action, Work& work) const {
  const auto volume = index_.find(action.volume);
  if (!volume) return;
  // A claim that is stored and cannot be read is a claim all the same.
  const auto claim = context_.store.get({Kind::PersistentVolumeClaim, volume->claim_ns, volume->claim_name});
  if (claim && claim->meta.uid == action.claim_uid) return;
  work.writes.push_back({.key = volume_key(action.volume),
                         .uid = volume->meta.uid,
                         .edit = [action, node = context_.node_name](json::object& raw) {
                           const auto uid = find_string(raw.at("spec"), {"claimRef", "uid"});
                           const auto same =
                               uid == action.claim_uid && annotation_in(raw, kReclaiming) == action.before;
                           if (!same) return Edit::Refuse;
                           return annotate(raw, kReclaiming, node) ? Edit::Done : Edit::Leave;
                         }});
}

/// Not while it is still being removed for the claim that it had: the end of that wakes it.
void ClaimController::unhold(const UnholdAction& action, Work& work) const {
  if (std::any_of(going_.begin(), going_.end(), [&](const auto& each) { return each.second == action.volume; })) return;
  work.writes.push_back(
      {.key = volume_key(action.volume), .uid = uid_of_volume(action.volume), .edit = [action](json::object& raw) {
         if (annotation_in(raw, kReclaiming) != action.holder) return Edit::Refuse;
         model::object_in(model::object_in(raw, "metadata"), "annotations").erase(kReclaiming);
         return Edit::Done;
       }});
}

bool ClaimController::lose(const LostClaim& action, Work& work) const {
  if (context_.store.get(volume_key(action.volume))) return false;  // Not for a volume that only cannot be read.
  work.writes.push_back({.key = action.claim,
                         .uid = action.claim_uid,
                         .edit =
                             [](json::object& raw) {
                               raw["status"].emplace_object()["phase"] = "Lost";
                               return Edit::Done;
                             },
                         .said = event(action.claim, action.claim_uid, "ClaimLost",
                                       "Bound claim has lost its PersistentVolume. Data on the volume is lost!")});
  return true;
}

// --- provisioning -----------------------------------------------------------------------------------

/// Content is made or destroyed for the name of a claim, which the next claim of that name has, too: not on the word of
/// a store that we may have lost sight of. 0: not now.
BootTime ClaimController::sure_until() const {
  return hosts_ && context_.held_until ? context_.held_until() : BootTime::max();
}

void ClaimController::provision(const ProvisionAction& action, Work& work) {
  const auto name = name_of(action.claim);
  const auto until = sure_until();
  if (until == BootTime{}) return set_waiting(name, "waiting for this host's session to hold");
  const bool named = is_named(action.provisioner);
  if (!named && (pool_user_ || !take_pools(name, work))) {
    pool_waiting_.insert(name);
    return;
  }
  volumes::ProvisionRequest request{.provisioner = action.provisioner,
                                    .parameters = action.parameters,
                                    .mount_options = action.mount_options,
                                    .ns = action.claim.ns,
                                    .claim = action.claim.name,
                                    .bytes = action.bytes,
                                    .block = action.volume_mode == "Block",
                                    .taken = {},
                                    .secret = chap_secret(action.parameters, action.claim.ns, context_.cache),
                                    .until = until};
  if (!named) {
    pool_user_ = name;
    for (const auto& [key, volume] : context_.cache.volumes()) request.taken.push_back(volume->source);
  }
  if (begun_.insert(name).second) {
    work.events.push_back(
        event(action.claim, action.claim_uid, "Provisioning",
              fmt::format("External provisioner is provisioning volume for claim \"{}/{}\"", name.first, name.second)));
  }
  work.effects.push_back([this, action, request = std::move(request)](const Answer& answer) {
    auto& context = context_;
    context.lane.run([this, &loop = context.loop, &volumes = context.volumes, alive = alive_, action, request, answer] {
      volumes.provision(request, [this, &loop, alive, action, answer](const Result<volumes::Provisioned>& made) {
        loop.post([this, alive, action, answer, made] {
          if (*alive) answer(provisioned(action, made));
        });
      });
    });
  });
}

/// Which disks are whose is known by the volumes, and those come after the choice: one host at a time chooses. False:
/// not now.
bool ClaimController::take_pools(const Name& name, Work& work) {
  if (!hosts_) return true;
  const auto hold = read_pool_hold(context_.store);
  const auto ours = hold.node == context_.node_name;
  if (ours && hold.turn == pool_turn_) return true;
  if (!hold.node.empty() && !ours && !hosts_->is_lost(hold.node)) {
    if (!hosts_->live.contains(hold.node)) {
      set_waiting(name, fmt::format("waiting for node {}, which takes a disk from a pool", hold.node));
    }
    return false;
  }
  pool_turn_ = hold.turn + 1;
  for (auto& write : take_pools_after(hold, context_.node_name)) work.writes.push_back(std::move(write));
  return false;
}

Work ClaimController::give_back_pools() const {
  Work work;
  const auto hold = read_pool_hold(context_.store);
  if (pool_user_ || !pool_waiting_.empty() || hold.node != context_.node_name) return work;
  work.writes.push_back(give_pools_back(hold));
  return work;
}

Work ClaimController::provisioned(const ProvisionAction& action, const Result<volumes::Provisioned>& made) {
  Work work;
  if (!made) {
    const auto message = fmt::format("failed to provision volume with StorageClass \"{}\": {}", action.storage_class,
                                     made.error().message());
    set_waiting(name_of(action.claim), message);
    if (!failed_with(made, ErrorCode::Aborted)) {
      work.events.push_back(event(action.claim, action.claim_uid, "ProvisioningFailed", message));
    }
    work.failed = as_failure(made.error(), message);
    return work;
  }
  const auto name = "pvc-" + action.claim_uid;
  // Promised to the claim from the start: the next plan binds it.
  work.writes.push_back({.verb = Write::Verb::Create,
                         .key = volume_key(name),
                         .object = make_provisioned_volume(action, *made, context_.node_name,
                                                           /*has_notes=*/hosts_ && !is_named(action.provisioner)),
                         .may_exist = true,
                         .said = event(action.claim, action.claim_uid, "ProvisioningSucceeded",
                                       "Successfully provisioned volume " + name)});
  return work;
}

// --- growing ----------------------------------------------------------------------------------------

void ClaimController::expand(const ExpandAction& action, Work& work) {
  if (begun_.insert(name_of(action.claim)).second) {
    work.events.push_back(
        event(action.claim, action.claim_uid, "Resizing", "External resizer is resizing volume " + action.volume));
    work.writes.push_back({.key = action.claim,
                           .uid = action.claim_uid,
                           .edit =
                               [now = context_.clock.wall()](json::object& raw) {
                                 set_claim_condition(raw, "Resizing", {}, now);
                                 return Edit::Done;
                               },
                           .durability = Durability::Lazy});
  }
  const volumes::ExpandRequest request{.provisioner = action.provisioner,
                                       .parameters = action.parameters,
                                       .source = action.source,
                                       .ns = action.claim.ns,
                                       .claim = action.claim.name,
                                       .bytes = action.bytes,
                                       .block = action.block};
  work.effects.push_back([this, action, request](const Answer& answer) {
    auto& context = context_;
    context.lane.run([this, &loop = context.loop, &volumes = context.volumes, alive = alive_, action, request, answer] {
      volumes.expand(request, [this, &loop, alive, action, answer](const Result<std::int64_t>& size) {
        loop.post([this, alive, action, answer, size] {
          if (*alive) answer(expanded(action, size));
        });
      });
    });
  });
}

/// The volume is as large as it should be; its file system maybe not yet.
Work ClaimController::expanded(const ExpandAction& action, const Result<std::int64_t>& size) {
  Work work;
  if (!size) {
    const auto message = fmt::format("resize volume \"{}\" by resizer \"{}\" failed: {}", action.volume,
                                     action.provisioner, size.error().message());
    if (!failed_with(size, ErrorCode::Aborted)) {
      work.events.push_back(event(action.claim, action.claim_uid, "VolumeResizeFailed", message));
    }
    work.failed = as_failure(size.error(), message);
    return work;
  }
  const auto capacity = *size > action.bytes ? size_text(*size) : action.capacity;
  work.writes.push_back({.key = volume_key(action.volume),
                         .edit =
                             [capacity](json::object& raw) {
                               raw["spec"].get_object()["capacity"] = {{"storage", capacity}};
                               return Edit::Done;
                             },
                         .group = kBothSides});
  const auto pending = action.mount_grows;
  work.writes.push_back(
      {.key = action.claim,
       .uid = action.claim_uid,
       .edit =
           [pending, capacity, now = context_.clock.wall()](json::object& raw) {
             if (pending) {
               set_claim_condition(
                   raw, "FileSystemResizePending",
                   "Waiting for user to (re-)start a pod to finish file system resize of volume on node.", now);
             } else {
               set_claim_capacity(raw, capacity);
             }
             return Edit::Done;
           },
       .group = kBothSides,
       .said = event(action.claim, action.claim_uid, pending ? "FileSystemResizeRequired" : "VolumeResizeSuccessful",
                     pending ? "Require file system resize of volume on node" : "Resize volume succeeded")});
  return work;
}

/// A pod has mounted the grown volume, and its file system with it.
void ClaimController::resized(const ResizedAction& action, Work& work) const {
  work.writes.push_back({.key = action.claim,
                         .uid = action.claim_uid,
                         .edit =
                             [action](json::object& raw) {
                               set_claim_capacity(raw, action.capacity);
                               return Edit::Done;
                             },
                         .said = event(action.claim, action.claim_uid, "FileSystemResizeSuccessful",
                                       fmt::format("MountVolume.NodeExpandVolume succeeded for volume \"{}\" {}",
                                                   action.volume, context_.node_name))});
}

// --- releasing --------------------------------------------------------------------------------------

/// False: not now.
bool ClaimController::release(const ReleaseAction& action, Work& work) {
  const model::ObjectKey claim{Kind::PersistentVolumeClaim, action.claim_ns, action.claim_name};
  const auto stored = context_.store.get(claim);
  // A claim that is stored and cannot be read is a claim all the same.
  const bool unread = stored && !context_.cache.claims().contains(name_of(claim));
  const bool destroys = action.fate == Fate::Reclaim || action.fate == Fate::Drop;
  if (destroys && (unread || (stored && stored->meta.uid == action.claim_uid))) return false;
  switch (action.fate) {
    case Fate::Keep: work.writes.push_back(volume_phase(action.volume, "Released", {})); break;
    case Fate::Reclaim: return reclaim(action, work);
    case Fate::Drop: drop_volume(action.volume, work); break;
    case Fate::Refuse: {
      auto write = volume_phase(action.volume, "Failed", action.message);
      write.said = event(volume_key(action.volume), uid_of_volume(action.volume), action.reason, action.message);
      work.writes.push_back(std::move(write));
      break;
    }
  }
  return true;
}

/// False: not now.
bool ClaimController::reclaim(const ReleaseAction& action, Work& work) {
  const auto until = sure_until();
  if (until == BootTime{}) return false;
  going_[{action.claim_ns, action.claim_name}] = action.volume;
  const volumes::ReclaimRequest request{.provisioner = action.provisioner,
                                        .parameters = action.parameters,
                                        .source = action.source,
                                        .ns = action.claim_ns,
                                        .claim = action.claim_name,
                                        .mount_options = action.mount_options,
                                        .secret = chap_secret(action.parameters, action.claim_ns, context_.cache),
                                        .until = until};
  work.effects.push_back([this, action, request](const Answer& answer) {
    auto& context = context_;
    context.lane.run([this, &loop = context.loop, &volumes = context.volumes, alive = alive_, action, request, answer] {
      volumes.reclaim(request, [this, &loop, alive, action, answer](const Status& gone) {
        loop.post([this, alive, action, answer, gone] {
          if (*alive) answer(reclaimed(action, gone));
        });
      });
    });
  });
  return true;
}

Work ClaimController::reclaimed(const ReleaseAction& action, const Status& gone) const {
  Work work;
  if (gone) {
    drop_volume(action.volume, work);
    return work;
  }
  const auto& error = gone.error();
  work.failed = as_failure(error, error.message());  // Tried again, with patience.
  // Under way, or a large directory that is not through yet: the next call goes on.
  const bool goes_on = error.code() == ErrorCode::Aborted ||
                       (action.provisioner == kDirectoryProvisioner && error.code() == ErrorCode::DeadlineExceeded);
  if (goes_on) return work;
  work.events.push_back(
      event(volume_key(action.volume), uid_of_volume(action.volume), "VolumeFailedDelete", error.message()));
  work.writes.push_back(volume_phase(action.volume, "Failed", error.message()));
  return work;
}

/// Its content is done with. Released first: should somebody's finalizer keep the object, the plan leaves it alone.
void ClaimController::drop_volume(const std::string& name, Work& work) const {
  const auto found = index_.find(name);
  const auto held = found && std::any_of(found->meta.finalizers.begin(), found->meta.finalizers.end(),
                                         [](const auto& each) { return each != model::kVolumeProtection; });
  if (!held) {
    work.writes.push_back({.verb = Write::Verb::Remove, .key = volume_key(name)});
    return;
  }
  work.writes.push_back(volume_phase(name, "Released", {}));
  work.writes.push_back({.verb = Write::Verb::Delete, .key = volume_key(name), .after = true});
}

}  // namespace berth::agent
