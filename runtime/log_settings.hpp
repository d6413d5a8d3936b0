// runtime/log_settings.hpp - front door: where log files are, as berthd tells berth-logd.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// `logs` of berthd.yaml.
struct LogSettings {
  /// Files in the kubelet's layout, beside the journal too, for log shippers. Empty: none beside the journal, and
  /// where there is no journal those in <stateDir>/logs, for berth alone.
  std::filesystem::path directory = "/var/log/pods";
  std::filesystem::path links = "/var/log/containers";  ///< One link for each of them. Empty: none.

  bool operator==(const LogSettings&) const = default;
};

/// What berth-logd does until berthd has told it anything.
LogSettings no_log_settings();

/// Where berthd writes them: in the directory that berth-logd watches, under a name that is no container's.
constexpr std::string_view kLogSettingsFile = ".settings";
std::filesystem::path log_settings_path(const std::filesystem::path& run_dir);

/// Leaves the file alone when it says the same. Errors: as of write_file().
Status write_log_settings(const std::filesystem::path& run_dir, const LogSettings& settings);

/// no_log_settings() when nothing is there. What is not known is skipped: berthd may be newer than we.
LogSettings read_log_settings(const std::filesystem::path& run_dir);

/// Where the only log files are on a host without a journal.
std::filesystem::path log_directory(const LogSettings& settings, const std::filesystem::path& state_dir);

/// Tells berth-logd that the object of pod `uid` is gone, by a word in its folder in `settings.directory`: the files
/// are removed a minute after their last line. Only when they are `state_dir`'s; nothing there is success.
Status mark_pod_logs_gone(const LogSettings& settings, const std::filesystem::path& state_dir, const std::string& uid);

/// The same for all pods but those whose uids are in `here`.
Status mark_other_logs_gone(const LogSettings& settings, const std::filesystem::path& state_dir,
                            const std::set<std::string>& here);

}  // namespace berth::runtime
