// runtime/logs/log_source.hpp - which container run a stream of output belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// One run (attempt) of one container; from the file `meta` beside its FIFOs.
struct LogSource {
  std::string ns;
  std::string pod;
  std::string pod_uid;
  std::string container;
  std::string container_id;
  std::uint32_t attempt = 0;
};

/// Reads the key=value lines of a `meta` file: BERTH_NAMESPACE, BERTH_POD, BERTH_POD_UID, BERTH_CONTAINER,
/// CONTAINER_ID, ATTEMPT. Other keys are ignored. InvalidArgument: one is missing, or a value that becomes part of a
/// path has a slash, is ".." or is empty.
Result<LogSource> parse_log_source(std::string_view meta);

}  // namespace berth::runtime
