// volumes/file_volumes.hpp - configMap, secret, downwardAPI, projected: what files each of them means. Pure.
#pragma once

#include "volumes/payload.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

// Errors of all: NotFound (object or key missing and not optional), InvalidArgument (no such field). `default_mode`
// is the mode of files without their own; a projected volume's replaces that of its parts.
Result<Payload> config_map_payload(const model::ConfigMapSource& source, std::int32_t default_mode,
                                   const PodVolumesSpec& spec);
Result<Payload> secret_payload(const model::SecretSource& source, std::int32_t default_mode,
                               const PodVolumesSpec& spec);
Result<Payload> downward_payload(const model::DownwardSource& source, std::int32_t default_mode,
                                 const PodVolumesSpec& spec);
/// Parts are merged in order; on equal paths the later one wins.
Result<Payload> projected_payload(const model::ProjectedSource& source, const PodVolumesSpec& spec);

}  // namespace berth::volumes
