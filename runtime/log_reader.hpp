// runtime/log_reader.hpp - front door: reading back what containers wrote (kubectl logs).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::runtime {

struct LogQuery {
  std::string ns;
  std::string pod;
  std::string pod_uid;
  std::string container;
  std::uint32_t attempt = 0;          ///< Which run of the container: restart count, or one less for --previous.
  std::optional<std::uint64_t> tail;  ///< Only the last N lines.
  std::optional<WallTime> since;
};

struct LogLine {
  WallTime time;
  bool is_stderr = false;
  bool partial = false;  ///< The line goes on in the next record: print no newline.
  std::string text;      ///< Bytes, without newline.
};

/// A position in one container's log that moves forward as lines arrive. One thread at a time.
class LogCursor {
 public:
  virtual ~LogCursor() = default;
  /// The next line, or nullopt when there is none yet. DataLoss: lines were rotated away before they were read
  /// (reading goes on after them).
  virtual Result<std::optional<LogLine>> next() = 0;
  /// A descriptor that becomes readable when next() may have more (inotify or journal); call next() until nullopt then.
  virtual int wait_fd() const = 0;
};

/// Reads from wherever berth-logd writes: the journal or files. Any thread.
class LogReader {
 public:
  virtual ~LogReader() = default;
  /// NotFound: nothing was ever written for that container run.
  virtual Result<std::unique_ptr<LogCursor>> open(const LogQuery& query) = 0;
};

/// Files below the first of `directories` that has any of the run, in berth-logd's layout (docs/on-disk.md).
std::unique_ptr<LogReader> make_file_log_reader(std::vector<std::filesystem::path> directories);
/// The journal of this host (sd_journal_open(3)), or, for tests, of `directory`.
std::unique_ptr<LogReader> make_journal_log_reader(const std::filesystem::path& directory = {});
/// The journal when systemd's journald runs here, else files.
std::unique_ptr<LogReader> make_log_reader(std::vector<std::filesystem::path> directories);

}  // namespace berth::runtime
