// volumes/payload.hpp - the files that a configMap, secret, downwardAPI or projected volume shows.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::volumes {

struct PayloadFile {
  std::string content;
  mode_t mode = 0644;
  bool operator==(const PayloadFile&) const = default;
};

/// By path relative to the volume: "mongod.conf", "certs/tls.key".
using Payload = std::map<std::string, PayloadFile>;

inline constexpr std::size_t kMaxPayloadFiles = 10'000;
inline constexpr std::size_t kMaxPayloadBytes = 64 * 1024 * 1024;

/// Ok when every path is relative, below 4096 bytes, without "..", not starting with ".." (those names are the
/// atomic writer's own), no path is also a directory of another, and the limits hold. InvalidArgument names the path;
/// ResourceExhausted the limit.
Status check_payload(const Payload& payload);

/// The keys of a config map or secret as files: all, or those of `items` under their paths and modes. A key that
/// is not there is NotFound unless `optional`.
Result<Payload> pick_keys(const std::map<std::string, std::string>& data, const std::vector<model::KeyToPath>& items,
                          std::int32_t default_mode, bool optional);

/// The permission bits of a mode from a manifest.
inline mode_t permissions(std::int32_t mode) { return static_cast<mode_t>(mode) & 0777U; }

}  // namespace berth::volumes
