// model/validate_update.cpp - what may not change once an object exists.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/json_edit.hpp"
#include "model/schema.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

/// The value at `name`, as a thing to compare: absent and null are the same.
json::value value_at(const Reader& from, std::string_view name) {
  const auto* value = from.get(name);
  return value == nullptr ? json::value() : *value;
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

/// A claim template as far as it names storage, without the amount; status and server-set metadata do not count.
json::object comparable_template(const Reader& claim) {
  const auto spec = claim.child("spec");
  auto rest = without(spec, {});
  if (auto* resources = object_at(rest, "resources")) {
    if (auto* requests = object_at(*resources, "requests")) erase(*requests, "storage");
  }
  return rest;
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

Quantity storage_in(const std::map<std::string, Quantity>& amounts) {
  const auto found = amounts.find("storage");
  return found == amounts.end() ? Quantity() : found->second;
}

/// Each template of before is there, and asks for no other storage, nor for less of it. Further ones may come, and
/// amounts may grow (kubernetes/kubernetes#69041, #68737). False: it is another set.
bool check_claim_templates(const Reader& now, const Reader& old) {
  std::map<std::string, Reader> templates;
  for (const auto& claim : now.children("volumeClaimTemplates")) {
    templates.emplace(claim.child("metadata").text("name"), claim);
  }
  for (const auto& before : old.children("volumeClaimTemplates")) {
    const auto found = templates.find(before.child("metadata").text("name"));
    if (found == templates.end() || comparable_template(found->second) != comparable_template(before)) return false;
    const auto had = storage_in(before.child("spec").child("resources").quantity_map("requests"));
    const auto resources = found->second.child("spec").child("resources");
    if (storage_in(resources.quantity_map("requests")) < had) {
      resources.child("requests")
          .fail("storage",
                fmt::format("forbidden: it may grow, and its claims follow, but not become less than {}", had.text()));
    }
  }
  return true;
}

}  // namespace

void check_same(const Reader& now, const Reader& old, std::string_view name) {
  if (value_at(now, name) != value_at(old, name)) now.fail(name, "invalid value: field is immutable");
}

void check_meta_update(const Reader& now, const Reader& old) {
  check_same(now, old, "name");
  check_same(now, old, "namespace");
  // No uid means: whichever it is.
  if (now.has("uid") && old.has("uid")) check_same(now, old, "uid");
}

void check_stateful_set_update(const Reader& now, const Reader& old) {
  const auto fixed = [](const Reader& spec) {
    return without(spec, {"replicas", "ordinals", "template", "updateStrategy", "minReadySeconds",
                          "persistentVolumeClaimRetentionPolicy", "revisionHistoryLimit", "volumeClaimTemplates"});
  };
  if (fixed(now) == fixed(old) && check_claim_templates(now, old)) return;
  now.fail("",
           "forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
           "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
           "are forbidden");
}

void check_pod_update(const Reader& now, const Reader& old) {
  if (comparable_pod_spec(now) != comparable_pod_spec(old)) {
    now.fail("",
             "forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
             "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds` and `spec.tolerations` (only additions)");
  }
  if (!old.text("nodeName").empty()) check_same(now, old, "nodeName");
}

/// `now` and `old` are whole claims: whether one may grow is in its status.
void check_claim_update(const Reader& now, const Reader& old) {
  const auto spec = now.child("spec");
  const auto old_spec = old.child("spec");
  const bool bound = old.child("status").text("phase") == "Bound";
  const auto fixed = [](const Reader& from) {
    return without(from, {"resources", "volumeName", "storageClassName", "volumeAttributesClassName"});
  };
  const auto fixed_resources = [&](const Reader& from) {
    auto resources = without(from.child("resources"), {});
    if (auto* requests = object_at(resources, "requests")) erase(*requests, "storage");  // looked at by its amount
    return resources;
  };
  // Both are filled in once: by binding, and by the default class.
  const bool same_volume =
      old_spec.text("volumeName").empty() || spec.text("volumeName") == old_spec.text("volumeName");
  const bool same_class =
      !old_spec.has("storageClassName") || spec.text("storageClassName") == old_spec.text("storageClassName");
  const auto size = storage_in(spec.child("resources").quantity_map("requests"));
  const auto old_size = storage_in(old_spec.child("resources").quantity_map("requests"));
  const bool same_size = bound || !(size < old_size || old_size < size);
  if (fixed(spec) != fixed(old_spec) || fixed_resources(spec) != fixed_resources(old_spec) || !same_volume ||
      !same_class || !same_size) {
    return spec.fail("",
                     "forbidden: spec is immutable after creation except resources.requests and "
                     "volumeAttributesClassName for bound claims");
  }
  // Smaller than was asked for is fine as long as it is more than there is: so a growth that failed is taken back.
  const auto there = storage_in(old.child("status").quantity_map("capacity"));
  if (size < old_size && !(there < size)) {
    spec.child("resources").child("requests").fail("storage", "forbidden: field can not be less than status.capacity");
  }
}

/// Where the content is does not change under whoever uses it.
void check_volume_update(const Reader& now, const Reader& old) {
  const auto source = [](const Reader& spec) {
    json::object sources;
    if (!spec.present()) return sources;
    for (const auto& entry : *spec.raw()) {
      const std::string_view key(entry.key().data(), entry.key().size());
      if (is_persistent_volume_source(key) && !entry.value().is_null()) sources[key] = entry.value();
    }
    return sources;
  };
  if (source(now) != source(old)) {
    now.fail("persistentvolumesource", "forbidden: spec.persistentvolumesource is immutable after creation");
  }
  check_same(now, old, "volumeMode");
  if (old.has("nodeAffinity")) check_same(now, old, "nodeAffinity");
}

void check_service_update(const Reader& now, const Reader& old) {
  if (old.text("type") == "ExternalName" || now.text("type") == "ExternalName") return;
  if (!old.text("clusterIP").empty() && !now.text("clusterIP").empty()) check_same(now, old, "clusterIP");
  if (now.integer("healthCheckNodePort") != 0 && old.integer("healthCheckNodePort") != 0) {
    check_same(now, old, "healthCheckNodePort");
  }
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

void check_selector_update(const Reader& now, const Reader& old) { check_same(now, old, "selector"); }

void check_storage_class_update(const Reader& now, const Reader& old) {
  for (const auto* name : {"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"}) {
    check_same(now, old, name);
  }
}

void check_volume_attachment_update(const Reader& now, const Reader& old) { check_same(now, old, "spec"); }

void check_secret_update(const Reader& now, const Reader& old) {
  check_same(now, old, "type");
  check_immutable_data(now, old);
}

void check_controller_revision_update(const Reader& now, const Reader& old) { check_same(now, old, "data"); }

void check_endpoint_slice_update(const Reader& now, const Reader& old) { check_same(now, old, "addressType"); }

}  // namespace berth::model
