// model/decode_volume_sources.cpp - spec.volumes: one source per volume.
#include <utility>

#include "model/decode_internal.hpp"

namespace berth::model {
namespace {

constexpr std::int32_t kDefaultMode = 0644;

std::vector<KeyToPath> read_items(const Reader& source) {
  std::vector<KeyToPath> items;
  for (const auto& item : source.children("items")) {
    items.push_back({item.text("key"), item.text("path"), item.maybe_int32("mode")});
  }
  return items;
}

ConfigMapSource read_config_map(const Reader& from) {
  return {from.text("name"), read_items(from), from.int32("defaultMode", kDefaultMode), from.flag("optional")};
}

/// A volume says secretName; a projected source says name.
SecretSource read_secret(const Reader& from, std::string_view name_field) {
  return {from.text(name_field), read_items(from), from.int32("defaultMode", kDefaultMode), from.flag("optional")};
}

DownwardSource read_downward(const Reader& from) {
  DownwardSource source;
  for (const auto& item : from.children("items")) {
    source.items.push_back(
        {item.text("path"), read_field_ref(item), read_resource_field_ref(item), item.maybe_int32("mode")});
  }
  source.default_mode = from.int32("defaultMode", kDefaultMode);
  return source;
}

/// A projected volume with a source we cannot make is unsupported as a whole, by that source's name.
VolumeSource read_projected(const Reader& from) {
  ProjectedSource projected;
  projected.default_mode = from.int32("defaultMode", kDefaultMode);
  for (const auto& source : from.children("sources")) {
    if (const auto map = source.child("configMap"); map.present()) {
      projected.sources.emplace_back(read_config_map(map));
    } else if (const auto secret = source.child("secret"); secret.present()) {
      projected.sources.emplace_back(read_secret(secret, "name"));
    } else if (const auto downward = source.child("downwardAPI"); downward.present()) {
      projected.sources.emplace_back(read_downward(downward));
    } else if (source.present() && !source.raw()->empty()) {
      const auto key = source.raw()->begin()->key();
      return UnsupportedSource{"projected " + std::string(key.data(), key.size())};
    }
  }
  return projected;
}

VolumeSource read_source(const Reader& volume) {
  if (const auto from = volume.child("emptyDir"); from.present()) {
    EmptyDirSource source{from.text("medium"), std::nullopt};
    if (from.has("sizeLimit")) source.size_limit = from.quantity("sizeLimit");
    return source;
  }
  if (const auto from = volume.child("hostPath"); from.present()) {
    return HostPathSource{from.text("path"), from.text("type")};
  }
  if (const auto from = volume.child("configMap"); from.present()) return read_config_map(from);
  if (const auto from = volume.child("secret"); from.present()) return read_secret(from, "secretName");
  if (const auto from = volume.child("downwardAPI"); from.present()) return read_downward(from);
  if (const auto from = volume.child("projected"); from.present()) return read_projected(from);
  if (const auto from = volume.child("persistentVolumeClaim"); from.present()) {
    return ClaimSource{from.text("claimName"), from.flag("readOnly")};
  }
  if (auto disk = read_disk_source(volume)) {
    return std::visit([](auto&& source) -> VolumeSource { return std::forward<decltype(source)>(source); },
                      *std::move(disk));
  }
  for (const auto& entry : *volume.raw()) {
    const std::string_view key(entry.key().data(), entry.key().size());
    if (key != "name" && entry.value().is_object()) return UnsupportedSource{std::string(key)};
  }
  return EmptyDirSource{};  // what a volume without a source means, see SetDefaults_Volume
}

}  // namespace

std::vector<Volume> read_volumes(const Reader& pod_spec) {
  std::vector<Volume> volumes;
  for (const auto& volume : pod_spec.children("volumes")) {
    if (volume.present()) volumes.push_back({volume.text("name"), read_source(volume)});
  }
  return volumes;
}

}  // namespace berth::model
