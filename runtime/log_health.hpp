// runtime/log_health.hpp - front door: what berth-logd says of the lines that it does not store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/log_reader.hpp"

namespace berth::runtime {

/// One container of which not everything is stored.
struct LogTrouble {
  std::string ns{};
  std::string pod{};
  std::string pod_uid{};
  std::string container{};
  std::uint64_t dropped = 0;        ///< Lines over the limit, since berth-logd began.
  std::string error{};              ///< Why its lines are not stored now; empty: they are.
  std::optional<WallTime> since{};  ///< Since when not, to the second.

  bool operator==(const LogTrouble&) const = default;
};

/// What is wrong with the files beside the journal, which log shippers read. Nobody waits for them.
struct LogFilesTrouble {
  std::string error{};              ///< Why lines are missing there now; empty: none is.
  std::uint64_t missed = 0;         ///< Lines that are not in them, since berth-logd began.
  std::optional<WallTime> since{};  ///< To the second.

  bool operator==(const LogFilesTrouble&) const = default;
};

struct LogHealth {
  std::uint64_t lines = 0;  ///< Stored since berth-logd began.
  std::uint64_t bytes = 0;
  std::vector<LogTrouble> troubles{};
  LogFilesTrouble files{};

  bool operator==(const LogHealth&) const = default;
};

/// The file's text: a line for each fact, its fields separated by tabs. Pure.
std::string encode_log_health(const LogHealth& health);
/// What is not known is skipped: berth-logd may be older or newer than we. Pure.
LogHealth decode_log_health(std::string_view text);

/// Where berth-logd writes it, whole each time (renamed into place), when it changes.
constexpr std::string_view kLogHealthFile = "logd.health";
std::filesystem::path log_health_path(const std::filesystem::path& run_dir);

/// Nothing is known (no berth-logd has run yet): as if all were well.
LogHealth read_log_health(const std::filesystem::path& run_dir);

/// Why the newest lines of the container that `query` is about are not stored now; empty: they are. Pure.
std::string log_trouble(const LogHealth& health, const LogQuery& query);

/// `lines`, and after the last of them, while what comes next cannot be stored, a line that says so.
std::unique_ptr<LogReader> make_honest_log_reader(std::unique_ptr<LogReader> lines,
                                                  const std::filesystem::path& run_dir);

}  // namespace berth::runtime
