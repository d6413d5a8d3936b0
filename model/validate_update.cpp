// model/validate_update.cpp - what may not change once an object exists.
#include <fmt/format.h>

#include <algorithm>

#include "model/json_edit.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

/// The value at `name`, as a thing to compare: absent and null are the same.
json::value value_at(const Reader& from, std::string_view name) {
  const auto* value = from.get(name);
  return value == nullptr ? json::value() : *value;
}

void check_same(const Reader& now, const Reader& old, std::string_view name) {
  if (value_at(now, name) != value_at(old, name)) now.fail(name, "invalid value: field is immutable");
}

/// The object without the members in `names`.
json::object without(const Reader& from, std::initializer_list<std::string_view> names) {
  json::object rest;
  if (!from.present()) return rest;
  for (const auto& entry : *from.raw()) {
    const std::string_view key(entry.key().data(), entry.key().size());
    if (std::find(names.begin(), names.end(), key) == names.end()) rest[entry.key()] = entry.value();
  }
  return rest;
}

/// Claim templates as far as they name storage; status and server-set metadata do not count.
json::value comparable_templates(const Reader& spec) {
  json::array result;
  for (const auto& claim : spec.children("volumeClaimTemplates")) {
    json::object one;
    one["name"] = claim.child("metadata").text("name");
    one["spec"] = value_at(claim, "spec");
    result.push_back(std::move(one));
  }
  return result;
}

void check_stateful_set_update(const Reader& now, const Reader& old) {
  const auto fixed = [](const Reader& spec) {
    return without(spec, {"replicas", "ordinals", "template", "updateStrategy", "minReadySeconds",
                          "persistentVolumeClaimRetentionPolicy", "revisionHistoryLimit", "volumeClaimTemplates"});
  };
  if (fixed(now) == fixed(old) && comparable_templates(now) == comparable_templates(old)) return;
  now.fail("",
           "forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
           "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
           "are forbidden");
}

/// A pod may get other images; all else of its spec is what it was started with.
json::object comparable_pod_spec(const Reader& spec) {
  auto rest = without(
      spec, {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates"});
  for (const auto* list : {"containers", "initContainers"}) {
    each_object(rest, list, [](json::object& container) { erase(container, "image"); });
  }
  return rest;
}

void check_pod_update(const Reader& now, const Reader& old) {
  if (comparable_pod_spec(now) != comparable_pod_spec(old)) {
    now.fail("",
             "forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
             "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds` and `spec.tolerations` (only additions)");
  }
  if (!old.text("nodeName").empty()) check_same(now, old, "nodeName");
}

void check_claim_update(const Reader& now, const Reader& old) {
  const auto fixed = [](const Reader& spec) { return without(spec, {"resources", "volumeName", "storageClassName"}); };
  // Both are filled in once: by the default class, and by binding.
  const bool same_volume = old.text("volumeName").empty() || now.text("volumeName") == old.text("volumeName");
  const bool same_class = !old.has("storageClassName") || now.text("storageClassName") == old.text("storageClassName");
  if (fixed(now) != fixed(old) || !same_volume || !same_class) {
    now.fail("", "forbidden: spec is immutable after creation except resources.requests for bound claims");
  }
  const auto amount = [](const Reader& spec) {
    const auto requests = spec.child("resources").quantity_map("requests");
    const auto found = requests.find("storage");
    return found == requests.end() ? Quantity() : found->second;
  };
  if (amount(now) < amount(old)) {
    now.child("resources").fail("requests", "forbidden: field can not be less than the previous value");
  }
}

void check_service_update(const Reader& now, const Reader& old) {
  if (old.text("type") == "ExternalName" || now.text("type") == "ExternalName") return;
  if (!old.text("clusterIP").empty() && !now.text("clusterIP").empty()) check_same(now, old, "clusterIP");
}

void check_immutable_data(const Reader& now, const Reader& old) {
  if (!old.flag("immutable")) return;
  if (!now.flag("immutable")) now.fail("immutable", "forbidden: field is immutable when `immutable` is set");
  for (const auto* name : {"data", "binaryData"}) {
    if (value_at(now, name) != value_at(old, name)) {
      now.fail(name, "forbidden: field is immutable when `immutable` is set");
    }
  }
}

}  // namespace

void check_update(Kind kind, const Reader& root, const Reader& old) {
  const auto metadata = root.child("metadata");
  const auto old_metadata = old.child("metadata");
  check_same(metadata, old_metadata, "name");
  check_same(metadata, old_metadata, "namespace");
  // No uid means: whichever it is.
  if (metadata.has("uid") && old_metadata.has("uid")) check_same(metadata, old_metadata, "uid");
  const auto spec = root.child("spec");
  const auto old_spec = old.child("spec");
  switch (kind) {
    case Kind::StatefulSet: return check_stateful_set_update(spec, old_spec);
    case Kind::DaemonSet: return check_same(spec, old_spec, "selector");
    case Kind::Pod: return check_pod_update(spec, old_spec);
    case Kind::PersistentVolumeClaim: return check_claim_update(spec, old_spec);
    case Kind::Service: return check_service_update(spec, old_spec);
    case Kind::StorageClass:
      for (const auto* name : {"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"}) {
        check_same(root, old, name);
      }
      return;
    case Kind::Secret: check_same(root, old, "type"); return check_immutable_data(root, old);
    case Kind::ConfigMap: return check_immutable_data(root, old);
    case Kind::ControllerRevision: return check_same(root, old, "data");
    case Kind::Namespace:
    case Kind::Node:
    case Kind::PersistentVolume:
    case Kind::ServiceAccount:
    case Kind::Endpoints:
    case Kind::EndpointSlice:
    case Kind::Lease:
    case Kind::Event: return;
  }
}

}  // namespace berth::model
