// runtime/logs/collector.hpp - reads the FIFOs of all containers and stores their lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "runtime/log_health.hpp"
#include "runtime/logs/batch_mark.hpp"
#include "runtime/logs/line_budget.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {

/// One thread, one epoll, one buffer for all streams.
///
/// Streams are FIFOs at <directory>/<container id>/{stdout,stderr}; the file `meta` beside them says whose they are. A
/// directory appears complete (renamed into place); names that begin with a dot are not looked at.
///
/// No line is lost or torn when this process ends, even by SIGKILL: bytes are looked at with tee(2), their complete
/// lines stored, and only then taken from the FIFO. Ended in between, the next one goes on where it stopped, by what
/// the mark says (batch_mark.hpp): no line is stored twice in a file, one at most in the journal. A line that is not
/// finished stays in the FIFO.
///
/// Each stream gets at most 64 KiB a turn, so one that shouts does not starve the others. When the sink cannot take
/// more, bytes stay in the FIFOs and containers wait: nothing is dropped. What it took of a batch leaves the FIFO.
/// While the sink is away all streams wait; any other failure makes only the stream wait that met it, on a full disk
/// too, where another one's few bytes may fit.
///
/// Dropped is only what a container writes beyond `limit`, when there is one. Its log says how much, at the end of each
/// period and of the stream.
///
/// A stream lasts as long as its directory: writers may go and others come. When the last one goes, an unfinished line
/// is stored as it is. A directory that is removed and made again under the same name is read again.
///
/// Who asks at the socket (see attach_server.hpp) gets a copy of a stream from now on, as it is read and before it is
/// stored, beginning with the line that is not finished: kubectl attach.
///
/// While it runs it holds a lock (flock(2)) on <directory>/.collector: whoever wants to wait for a stream to be read
/// can see whether anybody will.
class Collector {
 public:
  virtual ~Collector() = default;

  /// Handles what is ready, waiting at most `timeout` for something to be, or until `wake_fd` is readable. False:
  /// nothing happened.
  virtual Result<bool> turn(std::chrono::milliseconds timeout) = 0;

  struct Counters {
    std::uint64_t lines = 0;
    std::uint64_t bytes = 0;
    std::uint64_t sink_errors = 0;
    std::size_t streams = 0;
  };
  virtual Counters counters() const = 0;

  /// Of which containers not everything is stored: what was dropped of those that live, and what waits for longer than
  /// `tell_after`. The number grows whenever the troubles are others than before.
  virtual LogHealth health() const = 0;
  virtual std::uint64_t health_changes() const = 0;

  /// Grows whenever berthd wrote its settings (runtime/log_settings.hpp).
  virtual std::uint64_t settings_changes() const = 0;
};

struct CollectorOptions {
  /// The sink is away (Unavailable): all streams wait so long. It is full (ResourceExhausted): that stream does. Any
  /// other error: that stream, and twice as long each time up to 32 times.
  std::chrono::milliseconds sink_retry{1000};
  /// While it is readable, turn() does not wait. Never read; outlives the collector. -1: none.
  int wake_fd = -1;
  /// Where to listen for those who want to be attached. Empty: nobody may. When it cannot be, the log is collected all
  /// the same.
  std::filesystem::path attach_socket{};
  LineLimit limit{};
  /// Failures that pass sooner than this are nobody's business.
  std::chrono::milliseconds tell_after{2000};
  /// Which the sink has, too; outlives both. None: a kill may have a batch stored twice.
  BatchMark* mark = nullptr;
};

/// Errors: FailedPrecondition (another collector holds the lock), or as of inotify_init(2), epoll_create(2).
Result<std::unique_ptr<Collector>> make_collector(const std::filesystem::path& directory, LogSink& sink,
                                                  const CollectorOptions& options = {});

}  // namespace berth::runtime
