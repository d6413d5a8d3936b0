// volumes/config_map.cpp - a config map's keys as files, see file_volumes.hpp.
#include <fmt/format.h>

#include "volumes/file_volumes.hpp"

namespace berth::volumes {

Result<Payload> config_map_payload(const model::ConfigMapSource& source, std::int32_t default_mode,
                                   const PodVolumesSpec& spec) {
  const auto found = spec.config_maps.find(source.name);
  if (found == spec.config_maps.end()) {
    if (source.optional) return Payload();
    return Error(ErrorCode::NotFound, fmt::format("config map {}/{} not found", spec.pod.meta.ns, source.name));
  }
  auto picked = pick_keys(found->second->data, source.items, default_mode, source.optional);
  if (!picked) return picked.error().context(fmt::format("config map {}/{}", spec.pod.meta.ns, source.name));
  return picked;
}

}  // namespace berth::volumes
