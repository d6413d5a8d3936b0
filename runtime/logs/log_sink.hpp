// runtime/logs/log_sink.hpp - where lines go: the journal or files.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/logs/log_line.hpp"
#include "runtime/logs/log_source.hpp"

namespace berth::runtime {

/// One thread. A write that fails may have stored the first of the lines; the collector writes all of them again
/// later: at least once, never lost.
class LogSink {
 public:
  virtual ~LogSink() = default;

  /// Stores `lines` of one stream, in order. Unavailable: no stream can be stored now, try again later. Any other error
  /// concerns this stream; ResourceExhausted, a full disk, will pass.
  virtual Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) = 0;

  /// No more will come from this run: descriptors may be closed.
  virtual void finish(const LogSource& source) = 0;

  /// Now and then: removes what is beyond the limits. `live` are uids of pods that still have streams.
  virtual void clean_up(const std::vector<std::string>& live) = 0;
};

struct FileSinkLimits {
  std::size_t file_bytes = std::size_t{10} << 20;  ///< Then the file is rotated.
  unsigned rotated = 2;                            ///< Kept besides the current one: N.log.1, N.log.2; at most 9
  std::size_t attempts = 2;                        ///< Kept of each container that lives: the newest, and --previous
  std::size_t total_bytes = std::size_t{1} << 30;  ///< Of all logs; the oldest dead pods' go first.
  std::chrono::hours dead_pods{7 * 24};            ///< Logs of pods that are gone longer than this go.
};

/// Files in CRI format: <directory>/<ns>_<pod>_<uid>/<container>/<attempt>.log. A folder name that would be too long
/// for a file system (NAME_MAX, 255) has the end of <pod> replaced by "~" and a hash of the whole.
std::unique_ptr<LogSink> make_file_sink(const std::filesystem::path& directory, const FileSinkLimits& limits = {});
std::filesystem::path log_file_path(const std::filesystem::path& directory, const LogSource& source);

/// The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), one datagram a line:
/// MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, BERTH_NAMESPACE, BERTH_POD, BERTH_POD_UID, BERTH_CONTAINER, BERTH_STREAM,
/// BERTH_ATTEMPT, CONTAINER_ID, and BERTH_PARTIAL=1 for a piece of a long line.
std::unique_ptr<LogSink> make_journal_sink(const std::filesystem::path& socket = "/run/systemd/journal/socket");

}  // namespace berth::runtime
