// volumes/secret.cpp - a secret's keys as files, see file_volumes.hpp. They are kept in memory only.
#include <fmt/format.h>

#include "volumes/file_volumes.hpp"

namespace berth::volumes {

Result<Payload> secret_payload(const model::SecretSource& source, std::int32_t default_mode,
                               const PodVolumesSpec& spec) {
  const auto found = spec.secrets.find(source.secret_name);
  if (found == spec.secrets.end()) {
    if (source.optional) return Payload();
    return Error(ErrorCode::NotFound, fmt::format("secret {}/{} not found", spec.pod.meta.ns, source.secret_name));
  }
  auto picked = pick_keys(found->second->data, source.items, default_mode, source.optional);
  if (!picked) return picked.error().context(fmt::format("secret {}/{}", spec.pod.meta.ns, source.secret_name));
  return picked;
}

}  // namespace berth::volumes
