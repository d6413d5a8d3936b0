// model/decode_storage.cpp - PersistentVolumeClaim, PersistentVolume, VolumeAttachment, StorageClass.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "model/decode_internal.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> options;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) options.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return options;
}

/// How a class was named before 1.6; it counts before spec.storageClassName, as in Kubernetes to this day.
std::optional<std::string> old_class(const ObjectMeta& meta) {
  const auto found = meta.annotations.find("volume.beta.kubernetes.io/storage-class");
  return found == meta.annotations.end() ? std::nullopt : std::optional(found->second);
}

void read_claim(const Reader& root, PersistentVolumeClaim& claim) {
  const auto spec = root.child("spec");
  claim.access_modes = spec.texts("accessModes");
  if (spec.has("storageClassName")) claim.storage_class_name = spec.text("storageClassName");
  if (const auto old = old_class(claim.meta)) claim.storage_class_name = *old;
  claim.volume_name = spec.text("volumeName");
  claim.volume_mode = spec.text("volumeMode", "Filesystem");
  const auto requests = spec.child("resources").quantity_map("requests");
  if (const auto found = requests.find("storage"); found != requests.end()) claim.request = found->second;
  claim.selector = read_label_selector(spec.child("selector"));
  claim.phase = root.child("status").text("phase");
  const auto capacity = root.child("status").quantity_map("capacity");
  if (const auto found = capacity.find("storage"); found != capacity.end()) claim.capacity = found->second;
}

void read_volume(const Reader& root, PersistentVolume& volume) {
  const auto spec = root.child("spec");
  const auto capacity = spec.quantity_map("capacity");
  if (const auto found = capacity.find("storage"); found != capacity.end()) volume.capacity = found->second;
  volume.access_modes = spec.texts("accessModes");
  volume.storage_class_name = old_class(volume.meta).value_or(spec.text("storageClassName"));
  volume.reclaim_policy = spec.text("persistentVolumeReclaimPolicy", "Retain");
  volume.volume_mode = spec.text("volumeMode", "Filesystem");
  const auto bound_to = spec.child("claimRef");
  volume.claim_ns = bound_to.text("namespace");
  volume.claim_name = bound_to.text("name");
  volume.claim_uid = bound_to.text("uid");
  volume.source = read_persistent_source(spec);
  volume.mount_options = spec.texts("mountOptions");
  // The annotation of old goes before the field, as Kubernetes has it.
  const auto annotation = volume.meta.annotations.find("volume.beta.kubernetes.io/mount-options");
  if (annotation != volume.meta.annotations.end()) volume.mount_options = split_options(annotation->second);
  volume.node_affinity = read_node_selector(spec.child("nodeAffinity").child("required"));
  volume.phase = root.child("status").text("phase");
}

void read_volume_attachment(const Reader& root, VolumeAttachment& attachment) {
  const auto spec = root.child("spec");
  attachment.attacher = spec.text("attacher");
  attachment.node_name = spec.text("nodeName");
  attachment.volume_name = spec.child("source").text("persistentVolumeName");
}

void read_storage_class(const Reader& root, StorageClass& result) {
  result.provisioner = root.text("provisioner");
  result.parameters = root.text_map("parameters");
  result.reclaim_policy = root.text("reclaimPolicy", "Delete");
  result.volume_binding_mode = root.text("volumeBindingMode", "Immediate");
  result.allow_volume_expansion = root.flag("allowVolumeExpansion");
  result.mount_options = root.texts("mountOptions");
}

}  // namespace

bool StorageClass::is_default() const {
  for (const auto* name :
       {"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"}) {
    const auto found = meta.annotations.find(name);
    if (found != meta.annotations.end() && found->second == "true") return true;
  }
  return false;
}

Result<PersistentVolumeClaim> decode_claim(const Object& object) {
  return decode<PersistentVolumeClaim>(object, read_claim);
}
Result<PersistentVolume> decode_volume(const Object& object) { return decode<PersistentVolume>(object, read_volume); }
Result<VolumeAttachment> decode_volume_attachment(const Object& object) {
  return decode<VolumeAttachment>(object, read_volume_attachment);
}
Result<StorageClass> decode_storage_class(const Object& object) {
  return decode<StorageClass>(object, read_storage_class);
}

}  // namespace berth::model
