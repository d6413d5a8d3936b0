// model/validate_storage.cpp - claims, volumes, storage classes.
#include <fmt/format.h>

#include <algorithm>

#include "model/names.hpp"
#include "model/schema.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_access_modes(const Reader& spec) {
  const auto modes = spec.texts("accessModes");
  if (modes.empty()) spec.fail("accessModes", "required: at least 1 access mode is required");
  for (const auto& mode : modes) {
    if (mode == "ReadWriteOnce" || mode == "ReadOnlyMany" || mode == "ReadWriteMany" || mode == "ReadWriteOncePod")
      continue;
    spec.fail("accessModes",
              fmt::format("unsupported value: \"{}\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", "
                          "\"ReadWriteOnce\", \"ReadWriteOncePod\"",
                          mode.substr(0, 64)));
  }
  if (modes.size() > 1 && std::find(modes.begin(), modes.end(), "ReadWriteOncePod") != modes.end()) {
    spec.fail("accessModes", "forbidden: may not use ReadWriteOncePod with other access modes");
  }
}

/// A PersistentVolume's mountOptions, in its spec or in the annotation of old, for kinds whose mounts take none.
void check_mount_options(const Reader& root) {
  constexpr std::string_view kAnnotation = "volume.beta.kubernetes.io/mount-options";
  constexpr std::string_view kRefused = "forbidden: may not specify mount options for this volume type";
  if (!root.child("spec").has("hostPath")) return;
  if (!root.child("spec").texts("mountOptions").empty()) root.child("spec").fail("mountOptions", std::string(kRefused));
  const auto annotations = root.child("metadata").child("annotations");
  if (!annotations.text(kAnnotation).empty()) annotations.fail(kAnnotation, std::string(kRefused));
}

/// A positive amount of "storage" in the quantities at `name`.
void check_storage_amount(const Reader& parent, std::string_view name) {
  const auto amounts = parent.quantity_map(name);
  const auto found = amounts.find("storage");
  const auto list = parent.child(name);
  if (found == amounts.end()) return list.fail("storage", "required");
  if (found->second <= Quantity()) list.fail("storage", invalid(found->second.text(), "must be greater than zero"));
}

}  // namespace

void check_claim(const Reader& root) { check_claim_spec(root.child("spec")); }

void check_claim_spec(const Reader& spec) {
  if (!spec.present()) return spec.fail("", "required");
  check_access_modes(spec);
  check_label_selector(spec.child("selector"));
  check_storage_amount(spec.child("resources"), "requests");
  check_text(spec, "volumeAttributesClassName", dns_subdomain_error);
  check_text(spec, "storageClassName", dns_subdomain_error);
  check_text(spec, "volumeName", dns_subdomain_error);
  check_choice(spec, "volumeMode", {"Block", "Filesystem"});
}

void check_persistent_volume(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return spec.fail("", "required");
  check_access_modes(spec);
  check_storage_amount(spec, "capacity");
  for (const auto& [resource, amount] : spec.quantity_map("capacity")) {
    if (resource != "storage") spec.child("capacity").fail(resource, unsupported(resource, {"storage"}));
  }
  check_choice(spec, "persistentVolumeReclaimPolicy", {"Delete", "Recycle", "Retain"});
  check_choice(spec, "volumeMode", {"Block", "Filesystem"});
  check_text(spec, "storageClassName", dns_subdomain_error);
  std::size_t sources = 0;
  for (const auto& entry : *spec.raw()) {
    const std::string_view key(entry.key().data(), entry.key().size());
    if (!is_persistent_volume_source(key) || entry.value().is_null()) continue;
    if (!entry.value().is_object())
      spec.fail(key, fmt::format("expected a mapping, found {}", describe(entry.value())));
    if (++sources > 1) spec.fail(key, "forbidden: may not specify more than 1 volume type");
  }
  if (sources == 0) spec.fail("", "required: must specify a volume type");
  check_shared_sources(spec, root.child("metadata").text("name"));
  check_foreign_sources(spec);
  check_mount_options(root);
  const auto host_path = spec.child("hostPath").text("path");
  if (!host_path.empty() && host_path.find_first_not_of('/') == std::string::npos &&
      spec.text("persistentVolumeReclaimPolicy") == "Recycle") {
    spec.fail("persistentVolumeReclaimPolicy", "forbidden: may not be 'recycle' for a hostPath mount of '/'");
  }
  check_node_selector(spec.child("nodeAffinity").child("required"));
  if (spec.has("local") && !spec.child("nodeAffinity").child("required").present()) {
    spec.fail("nodeAffinity", "required: local volume requires node affinity");
  }
}

void check_storage_class(const Reader& root) {
  if (require_text(root, "provisioner")) check_text(root, "provisioner", qualified_name_error);
  constexpr std::size_t kMostParameters = 512;
  constexpr std::size_t kMostBytes = 256 * 1024;
  const auto parameters = root.text_map("parameters");
  if (parameters.size() > kMostParameters) {
    root.fail("parameters", fmt::format("too long: may not have more than {} entries", kMostParameters));
  }
  std::size_t bytes = 0;
  for (const auto& [key, value] : parameters) {
    if (key.empty()) root.fail("parameters", "invalid value: \"\": field can not be empty");
    bytes += key.size() + value.size();
  }
  if (bytes > kMostBytes) root.fail("parameters", fmt::format("too long: may not be more than {} bytes", kMostBytes));
  check_choice(root, "reclaimPolicy", {"Delete", "Retain"});
  check_choice(root, "volumeBindingMode", {"Immediate", "WaitForFirstConsumer"});
}

void check_volume_attachment(const Reader& root) {
  const auto spec = root.child("spec");
  if (require_text(spec, "attacher")) check_text(spec, "attacher", qualified_name_error);
  if (require_text(spec, "nodeName")) check_text(spec, "nodeName", dns_subdomain_error);
  const auto source = spec.child("source");
  if (source.has("inlineVolumeSpec")) {
    if (source.has("persistentVolumeName")) {
      source.fail("inlineVolumeSpec", "forbidden: may not be specified together with persistentVolumeName");
    }
  } else if (require_text(source, "persistentVolumeName")) {
    check_text(source, "persistentVolumeName", dns_subdomain_error);
  }
}

}  // namespace berth::model
