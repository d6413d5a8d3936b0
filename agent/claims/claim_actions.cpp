// agent/claims/claim_actions.cpp - what ClaimController does, action by action.
#include <algorithm>

#include <fmt/format.h>

#include "agent/claims/claim_controller.hpp"
#include "agent/claims/claim_objects.hpp"
#include "model/deletion.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// A pool's disks have no owner until their PersistentVolume is there: one claim at a time.
constexpr std::string_view kPool = "pool";

std::string claim_tag(const std::string& ns, const std::string& name) { return ns + "/" + name; }
std::string claim_tag(const model::ObjectKey& key) { return claim_tag(key.ns, key.name); }

Name name_of(const model::ObjectKey& key) { return {key.ns, key.name}; }

model::ObjectKey volume_key(const std::string& name) { return {Kind::PersistentVolume, "", name}; }

bool is_named(const std::string& provisioner) {
  const auto* traits = find_provisioner_traits(provisioner);
  return traits == nullptr || traits->named;
}

/// Is the volume promised to a claim other than this one?
bool has_other_claim(const json::object& volume, const BindAction& action) {
  const json::value whole(volume);
  const auto uid = find_string(whole, {"spec", "claimRef", "uid"});
  return !uid.empty() && uid != action.claim_uid;
}

/// User name and password of the target whose LUNs a pool gives out; nothing when its class names no secret, or one
/// that is not there: then the target says what it wants.
model::StringMap chap_secret(const model::StringMap& parameters, const std::string& ns, const ObjectCache& cache) {
  const auto name = parameters.find("iscsiSecretName");
  if (name == parameters.end()) return {};
  const auto secret_ns = parameters.find("iscsiSecretNamespace");
  const auto found = cache.secrets().find({secret_ns == parameters.end() ? ns : secret_ns->second, name->second});
  return found == cache.secrets().end() ? model::StringMap() : found->second->data;
}

}  // namespace

std::string ClaimController::uid_of_volume(const std::string& name) const {
  const auto found = cache_.volumes().find({"", name});
  return found == cache_.volumes().end() ? std::string() : found->second->meta.uid;
}

// --- binding ----------------------------------------------------------------------------------------

void ClaimController::bind(const BindAction& action) {
  const auto tag = claim_tag(action.claim);
  if (!cache_.volumes().contains({"", action.volume}) || !begin(tag)) return;
  auto refused = std::make_shared<bool>(false);
  // The volume first: a crash in between leaves a volume that is promised to the claim, and the next plan goes on.
  writer_.modify(
      volume_key(action.volume), {}, Durability::Durable,
      [action, refused](json::object& raw) {
        *refused = has_other_claim(raw, action);
        if (*refused) return false;
        auto& spec = raw["spec"].get_object();
        if (!spec.contains("claimRef")) annotate(raw, "pv.kubernetes.io/bound-by-controller", "yes");
        raw["spec"].get_object()["claimRef"] = claim_reference(action.claim, action.claim_uid);
        raw["status"] = {{"phase", "Bound"}};
        return true;
      },
      [this, action, tag, refused](const Status& status) {
        if (status && !*refused) return bind_claim(action, tag);
        finished(tag, status ? Status(Error(ErrorCode::Aborted, "the volume was bound to another claim")) : status);
      });
}

void ClaimController::bind_claim(const BindAction& action, const std::string& tag) {
  const auto volume = cache_.volumes().find({"", action.volume});
  const auto capacity = volume == cache_.volumes().end() ? std::string() : volume->second->capacity.text();
  json::array modes;
  if (volume != cache_.volumes().end()) {
    for (const auto& mode : volume->second->access_modes) modes.emplace_back(mode);
  }
  writer_.modify(
      action.claim, action.claim_uid, Durability::Durable,
      [action, capacity, modes](json::object& raw) {
        annotate(raw, "pv.kubernetes.io/bind-completed", "yes");
        if (action.chosen) annotate(raw, "pv.kubernetes.io/bound-by-controller", "yes");
        auto& spec = raw["spec"].get_object();
        spec["volumeName"] = action.volume;
        if (!action.storage_class.empty()) spec["storageClassName"] = action.storage_class;
        raw["status"] = {{"phase", "Bound"}, {"accessModes", modes}, {"capacity", {{"storage", capacity}}}};
        return true;
      },
      [this, tag, action](const Status& written) {
        if (written) waiting_.erase(name_of(action.claim));
        finished(tag, written);
      });
}

void ClaimController::lose(const LostClaim& action) {
  const auto tag = claim_tag(action.claim);
  // Not for a volume that only cannot be read.
  if (writer_.exists(volume_key(action.volume), {}) || !begin(tag)) return;
  writer_.modify(
      action.claim, action.claim_uid, Durability::Durable,
      [](json::object& raw) {
        raw["status"].emplace_object()["phase"] = "Lost";
        return true;
      },
      [this, action, tag](const Status& status) {
        if (status) {
          say(action.claim, action.claim_uid, "ClaimLost",
              "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        }
        finished(tag, status);
      });
}

// --- provisioning -----------------------------------------------------------------------------------

void ClaimController::assign_class(const ClassAction& action) {
  const auto tag = claim_tag(action.claim);
  if (!begin(tag)) return;
  writer_.modify(
      action.claim, action.claim_uid, Durability::Lazy,
      [action](json::object& raw) {
        auto& field = raw["spec"].get_object()["storageClassName"];
        if (!field.is_null()) return false;
        field = action.storage_class;
        return true;
      },
      [this, tag](const Status& status) { finished(tag, status); });
}

void ClaimController::delegate(const DelegateAction& action) {
  const auto tag = claim_tag(action.claim);
  if (!begin(tag)) return;
  writer_.modify(
      action.claim, action.claim_uid, Durability::Durable,
      [action](json::object& raw) {
        annotate(raw, "volume.beta.kubernetes.io/storage-provisioner", action.provisioner);
        return annotate(raw, "volume.kubernetes.io/storage-provisioner", action.provisioner);
      },
      [this, tag](const Status& status) { finished(tag, status); });
}

void ClaimController::provision(const ProvisionAction& action) {
  const auto tag = claim_tag(action.claim);
  const bool named = is_named(action.provisioner);
  if (!named && under_way_.contains(std::string(kPool))) return;
  if (!begin(tag)) return;
  volumes::ProvisionRequest request{.provisioner = action.provisioner,
                                    .parameters = action.parameters,
                                    .mount_options = action.mount_options,
                                    .ns = action.claim.ns,
                                    .claim = action.claim.name,
                                    .bytes = action.bytes,
                                    .block = action.volume_mode == "Block",
                                    .taken = {},
                                    .secret = chap_secret(action.parameters, action.claim.ns, cache_)};
  if (!named) {
    under_way_.emplace(kPool);
    for (const auto& [name, volume] : cache_.volumes()) request.taken.push_back(volume->source);
  }
  if (!retries_.contains(tag)) {
    say(action.claim, action.claim_uid, "Provisioning",
        fmt::format("External provisioner is provisioning volume for claim \"{}\"", tag));
  }
  lane_.run([this, &loop = loop_, &volumes = volumes_, alive = alive_, action, tag, request = std::move(request)] {
    volumes.provision(request, [this, &loop, alive, action, tag](const Result<volumes::Provisioned>& made) {
      loop.post([this, alive, action, tag, made] {
        if (*alive) provisioned(action, tag, made);
      });
    });
  });
}

void ClaimController::provisioned(const ProvisionAction& action, const std::string& tag,
                                  const Result<volumes::Provisioned>& made) {
  const auto end = [this, tag, named = is_named(action.provisioner)](const Status& status) {
    if (!named) under_way_.erase(std::string(kPool));
    finished(tag, status);
  };
  if (!made) {
    const auto message = fmt::format("failed to provision volume with StorageClass \"{}\": {}", action.storage_class,
                                     made.error().message());
    set_waiting(name_of(action.claim), message);
    if (!failed_with(made, ErrorCode::Aborted)) {
      say(action.claim, action.claim_uid, "ProvisioningFailed", message);
    }
    return end(failed_with(made, ErrorCode::NotFound) ? Error(ErrorCode::FailedPrecondition, message) : made.error());
  }
  writer_.create(make_provisioned_volume(action, *made, node_name_), Durability::Durable,
                 [this, action, end](const Status& status) {
                   if (!status && !failed_with(status, ErrorCode::AlreadyExists)) return end(status);
                   say(action.claim, action.claim_uid, "ProvisioningSucceeded",
                       "Successfully provisioned volume pvc-" + action.claim_uid);
                   end(Ok{});  // The volume is promised to the claim: the next plan binds it.
                 });
}

// --- growing ----------------------------------------------------------------------------------------

void ClaimController::expand(const ExpandAction& action) {
  const auto tag = claim_tag(action.claim);
  if (!begin(tag)) return;
  if (!retries_.contains(tag)) {
    say(action.claim, action.claim_uid, "Resizing", "External resizer is resizing volume " + action.volume);
    writer_.modify(action.claim, action.claim_uid, Durability::Lazy,
                   [now = clock_.wall()](json::object& raw) {
                     set_claim_condition(raw, "Resizing", {}, now);
                     return true;
                   },
                   {});
  }
  const volumes::ExpandRequest request{.provisioner = action.provisioner,
                                       .parameters = action.parameters,
                                       .source = action.source,
                                       .ns = action.claim.ns,
                                       .claim = action.claim.name,
                                       .bytes = action.bytes,
                                       .block = action.block};
  lane_.run([this, &loop = loop_, &volumes = volumes_, alive = alive_, action, tag, request] {
    volumes.expand(request, [this, &loop, alive, action, tag](const Result<std::int64_t>& size) {
      loop.post([this, alive, action, tag, size] {
        if (*alive) expanded(action, tag, size);
      });
    });
  });
}

void ClaimController::expanded(const ExpandAction& action, const std::string& tag, const Result<std::int64_t>& size) {
  if (!size) {
    const auto message = fmt::format("resize volume \"{}\" by resizer \"{}\" failed: {}", action.volume,
                                     action.provisioner, size.error().message());
    if (!failed_with(size, ErrorCode::Aborted)) say(action.claim, action.claim_uid, "VolumeResizeFailed", message);
    return finished(
        tag, failed_with(size, ErrorCode::NotFound) ? Error(ErrorCode::FailedPrecondition, message) : size.error());
  }
  const auto capacity = *size > action.bytes ? size_text(*size) : action.capacity;
  writer_.modify(
      volume_key(action.volume), {}, Durability::Durable,
      [capacity](json::object& raw) {
        raw["spec"].get_object()["capacity"] = {{"storage", capacity}};
        return true;
      },
      [this, action, tag, capacity](const Status& status) {
        if (!status) return finished(tag, status);
        grown(action, tag, capacity);
      });
}

/// The volume is as large as it should be; its file system maybe not yet.
void ClaimController::grown(const ExpandAction& action, const std::string& tag, const std::string& capacity) {
  const bool pending = action.mount_grows;
  writer_.modify(
      action.claim, action.claim_uid, Durability::Durable,
      [pending, capacity, now = clock_.wall()](json::object& raw) {
        if (pending) {
          set_claim_condition(raw, "FileSystemResizePending",
                              "Waiting for user to (re-)start a pod to finish file system resize of volume on node.",
                              now);
        } else {
          set_claim_capacity(raw, capacity);
        }
        return true;
      },
      [this, action, tag, pending](const Status& status) {
        if (status) {
          say(action.claim, action.claim_uid, pending ? "FileSystemResizeRequired" : "VolumeResizeSuccessful",
              pending ? "Require file system resize of volume on node" : "Resize volume succeeded");
        }
        if (status) waiting_.erase(name_of(action.claim));
        finished(tag, status);
      });
}

/// A pod has mounted the grown volume, and its file system with it.
void ClaimController::resized(const ResizedAction& action) {
  const auto tag = claim_tag(action.claim);
  if (!begin(tag)) return;
  writer_.modify(
      action.claim, action.claim_uid, Durability::Durable,
      [action](json::object& raw) {
        set_claim_capacity(raw, action.capacity);
        return true;
      },
      [this, action, tag](const Status& status) {
        if (status) {
          say(action.claim, action.claim_uid, "FileSystemResizeSuccessful",
              fmt::format("MountVolume.NodeExpandVolume succeeded for volume \"{}\" {}", action.volume, node_name_));
        }
        finished(tag, status);
      });
}

// --- releasing --------------------------------------------------------------------------------------

void ClaimController::set_volume_phase(const std::string& volume, std::string_view phase, const std::string& message,
                                       StoreWriter::Done done) {
  writer_.modify(
      volume_key(volume), {}, Durability::Durable,
      [phase = std::string(phase), message](json::object& raw) {
        json::object status = {{"phase", phase}};
        if (!message.empty()) status["message"] = message;
        raw["status"] = std::move(status);
        return true;
      },
      std::move(done));
}

void ClaimController::release(const ReleaseAction& action) {
  // The claim's tag, not the volume's: never beside provisioning the same content.
  const auto tag = claim_tag(action.claim_ns, action.claim_name);
  const model::ObjectKey claim{Kind::PersistentVolumeClaim, action.claim_ns, action.claim_name};
  // A claim that is stored and cannot be read is a claim all the same.
  const bool unread = !cache_.claims().contains(name_of(claim)) && writer_.exists(claim, {});
  const bool destroys = action.fate == Fate::Reclaim || action.fate == Fate::Drop;
  if (destroys && (unread || writer_.exists(claim, action.claim_uid))) return;
  if (!begin(tag)) return;
  switch (action.fate) {
    case Fate::Keep:
      return set_volume_phase(action.volume, "Released", {},
                              [this, tag](const Status& status) { finished(tag, status); });
    case Fate::Reclaim: return reclaim(action, tag);
    case Fate::Drop: return drop_volume(volume_key(action.volume), tag);
    case Fate::Refuse:
      return set_volume_phase(action.volume, "Failed", action.message, [this, action, tag](const Status& status) {
        if (status) {
          say(volume_key(action.volume), uid_of_volume(action.volume), action.reason, action.message);
        }
        finished(tag, status);
      });
  }
}

void ClaimController::reclaim(const ReleaseAction& action, const std::string& tag) {
  const volumes::ReclaimRequest request{.provisioner = action.provisioner,
                                        .parameters = action.parameters,
                                        .source = action.source,
                                        .ns = action.claim_ns,
                                        .claim = action.claim_name,
                                        .mount_options = action.mount_options,
                                        .secret = chap_secret(action.parameters, action.claim_ns, cache_)};
  lane_.run([this, &loop = loop_, &volumes = volumes_, alive = alive_, action, tag, request] {
    volumes.reclaim(request, [this, &loop, alive, action, tag](const Status& gone) {
      loop.post([this, alive, action, tag, gone] {
        if (*alive) reclaimed(action, tag, gone);
      });
    });
  });
}

void ClaimController::reclaimed(const ReleaseAction& action, const std::string& tag, const Status& gone) {
  if (gone) return drop_volume(volume_key(action.volume), tag);
  // Under way, or a large directory that is not through yet: the next call goes on.
  const bool goes_on = failed_with(gone, ErrorCode::Aborted) ||
                       (action.provisioner == kDirectoryProvisioner && failed_with(gone, ErrorCode::DeadlineExceeded));
  if (goes_on) return finished(tag, gone);
  const auto& error = gone.error();
  const auto status =
      error.code() == ErrorCode::NotFound ? Error(ErrorCode::FailedPrecondition, error.message()) : error;
  say(volume_key(action.volume), uid_of_volume(action.volume), "VolumeFailedDelete", error.message());
  set_volume_phase(action.volume, "Failed", error.message(), [this, tag, status](const Status& /*written*/) {
    finished(tag, status);  // Tried again, with patience.
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
  set_volume_phase(key.name, "Released", {}, [this, key, tag](const Status& status) {
    if (!status) return finished(tag, status);
    writer_.delete_object(key, {}, [this, tag](const Status& deleted) { finished(tag, deleted); });
  });
}

}  // namespace berth::agent
