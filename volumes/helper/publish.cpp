// volumes/helper/publish.cpp - brings a volume to a pod.
#include <fmt/format.h>

#include <system_error>

#include "volumes/helper/device.hpp"
#include "volumes/helper/nfs.hpp"
#include "volumes/helper/stage.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

/// As mountinfo shows it: /var/run is a link on many hosts. Never looks at the last component, which may be a mount
/// that does not answer.
Status resolve_parent(std::filesystem::path& path) {
  if (!path.is_absolute() || path.filename().empty()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("path \"{}\": must be absolute", path.string()));
  }
  std::error_code failure;
  const auto parent = std::filesystem::weakly_canonical(path.parent_path(), failure);
  if (failure) return Error::from_errno(failure.value(), "resolve " + path.string());
  path = parent / path.filename();
  return Ok{};
}

}  // namespace

Answer publish(const PublishJob& job) {
  auto real = job;
  if (auto resolved = resolve_parent(real.run_dir); !resolved) return resolved.error();
  if (auto resolved = resolve_parent(real.target); !resolved) return resolved.error();
  if (is_device(real.volume.source)) return publish_device(real);
  if (!std::holds_alternative<model::NfsSource>(real.volume.source)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{} is neither on a server nor on a device", real.volume.name));
  }
  if (auto published = publish_nfs(real); !published) return published.error();
  return json::object();
}

}  // namespace berth::volumes::helper
