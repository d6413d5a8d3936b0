// runtime/logs/log_sink.hpp - where lines go: the journal, files, or both.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/log_health.hpp"
#include "runtime/logs/batch_mark.hpp"
#include "runtime/logs/log_files.hpp"
#include "runtime/logs/log_line.hpp"
#include "runtime/logs/log_source.hpp"

namespace berth::runtime {

/// One thread.
class LogSink {
 public:
  virtual ~LogSink() = default;

  /// Stores `lines` of one stream, in order. A write that fails may have stored the first of them: so many as it has
  /// told the collector's mark (set_stored). Unavailable: no stream can be stored now, try again later. Any other error
  /// concerns this stream; ResourceExhausted, a full disk, will pass.
  virtual Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) = 0;

  /// The same for a batch that a killed collector had begun to store: goes on where that stopped, if it can.
  virtual Status resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                        const std::vector<LinePiece>& lines) {
    return write(source, is_stderr, batch.time, lines);
  }

  /// No more will come from this run: descriptors may be closed.
  virtual void finish(const LogSource& source) = 0;

  /// Now and then: removes what is beyond the limits. `live` are uids of pods that still have streams.
  virtual void clean_up(const std::vector<std::string>& live) = 0;
};

struct FileSinkLimits {
  std::size_t file_bytes = std::size_t{10} << 20;  ///< Then the file is rotated.
  unsigned rotated = 2;                            ///< Kept besides the current one.
  std::size_t attempts = 2;                        ///< Kept of each container that lives: the newest, and --previous
  std::size_t total_bytes = std::size_t{1} << 30;  ///< Of all logs; the oldest dead pods' go first.
  std::chrono::hours dead_pods{7 * 24};            ///< Logs of pods that are gone longer than this go.
  std::chrono::seconds gone_pods{60};              ///< The same once berthd has said so, see mark_pod_logs_gone().
};

/// How files are made.
struct FileSinkOptions {
  std::filesystem::path links{};  ///< Where each current file has a link. Empty: nowhere.
  std::string owner{};            ///< Of folders, see log_owner.hpp. Empty: all that is there is ours.
  bool beside = false;            ///< There is another sink, which counts: see BatchMark::set_copied().
  BatchMark* mark = nullptr;      ///< The collector's. None: a kill may tear a line, and have some stored twice.
};

/// Files in CRI format, named as log_files.hpp says. Folders are 0750, files 0640, root's.
///
/// A file ends with a whole line whenever no write is under way, also after one that failed half-way. What a power cut
/// tore is ended with kTornMark before the next line.
std::unique_ptr<LogSink> make_file_sink(const std::filesystem::path& directory, const FileSinkLimits& limits = {},
                                        const FileSinkOptions& options = {});

/// Moves the folders of `from` to `to`, on the same file system, and says that they are `owner`'s; those that cannot be
/// moved stay. NotFound and nothing to move are success.
Status move_log_folders(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& owner);

/// The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), one datagram a line:
/// MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, BERTH_NAMESPACE, BERTH_POD, BERTH_POD_UID, BERTH_CONTAINER, BERTH_STREAM,
/// BERTH_ATTEMPT, CONTAINER_ID, and BERTH_PARTIAL=1 for a piece of a long line.
std::unique_ptr<LogSink> make_journal_sink(const std::filesystem::path& socket = "/run/systemd/journal/socket",
                                           BatchMark* mark = nullptr);

/// A sink that stores in `first`, and then copies into `copy`. The copy makes nobody wait: what it does not take is
/// missing there. It is tried again after a second, and says itself, in a line of its own, how many lines are missing.
class CopyingSink : public LogSink {
 public:
  virtual LogFilesTrouble trouble() const = 0;
  virtual std::uint64_t trouble_changes() const = 0;  ///< Grows when trouble() begins or ends.
};
struct CopyingOptions {
  std::chrono::milliseconds retry{1000};
  BatchMark* mark = nullptr;  ///< The collector's, which both sinks know.
};
std::unique_ptr<CopyingSink> make_copying_sink(std::unique_ptr<LogSink> first, std::unique_ptr<LogSink> copy,
                                               const CopyingOptions& options);

}  // namespace berth::runtime
