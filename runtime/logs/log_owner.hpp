// runtime/logs/log_owner.hpp - whose a pod's folder of log files is, and whether the pod is gone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// In each pod's folder. What has none, or another's, is not ours to remove: a kubelet or another agent may use the
/// same directory.
constexpr std::string_view kLogOwnerFile = ".berth";

struct LogOwner {
  std::string name;   ///< A stateDir; empty: nobody we know.
  bool gone = false;  ///< The pod's object is.
};

LogOwner read_log_owner(const std::filesystem::path& pod_folder);
Status write_log_owner(const std::filesystem::path& pod_folder, const LogOwner& owner);

}  // namespace berth::runtime
