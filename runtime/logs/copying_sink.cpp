// runtime/logs/copying_sink.cpp - the journal, and files beside it that make nobody wait. See log_sink.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {
namespace {

using std::chrono::steady_clock;

class JournalAndFiles final : public CopyingSink {
 public:
  JournalAndFiles(std::unique_ptr<LogSink> first, std::unique_ptr<LogSink> copy, const CopyingOptions& options)
      : first_(std::move(first)),
        copy_(std::move(copy)),
        options_(options),
        mark_(options.mark != nullptr ? *options.mark : unshared_) {}

  Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) override {
    auto done = first_->write(source, is_stderr, time, lines);
    const auto& stored = done ? lines : head(lines);
    if (!stored.empty()) copy(source, is_stderr, time, stored, nullptr);
    return done;
  }

  Status resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                const std::vector<LinePiece>& lines) override {
    auto done = first_->resume(source, is_stderr, batch, lines);
    const auto& stored = done ? lines : head(lines);
    if (!stored.empty()) copy(source, is_stderr, batch.time, stored, &batch);
    return done;
  }

  void finish(const LogSource& source) override {
    first_->finish(source);
    copy_->finish(source);
    if (const auto found = gaps_.find(source.container_id); found != gaps_.end()) {
      (void)say_missed(source, found->second);
      gaps_.erase(found);
    }
  }

  void clean_up(const std::vector<std::string>& live) override {
    first_->clean_up(live);
    copy_->clean_up(live);
  }

  LogFilesTrouble trouble() const override { return trouble_; }
  std::uint64_t trouble_changes() const override { return changes_; }

 private:
  /// What a container's file lacks.
  struct Gap {
    std::uint64_t lines = 0;
    std::string error;
    steady_clock::time_point again{};  ///< Not tried before.
  };

  /// Those that the first sink took before it failed.
  const std::vector<LinePiece>& head(const std::vector<LinePiece>& lines) {
    head_.assign(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min(mark_.stored(), lines.size())));
    return head_;
  }

  void copy(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines,
            const BatchMark::Pending* batch) {
    const auto gap = gaps_.find(source.container_id);
    if (gap != gaps_.end()) {
      if (steady_clock::now() < gap->second.again || !say_missed(source, gap->second)) {
        miss(source, lines.size(), {});
        return;
      }
    }
    mark_.set_copied(0);
    const auto done = batch != nullptr ? copy_->resume(source, is_stderr, *batch, lines)
                                       : copy_->write(source, is_stderr, time, lines);
    if (!done) {
      miss(source, lines.size() - std::min(mark_.copied(), lines.size()), done.error().message());
    } else {
      if (gap != gaps_.end()) gaps_.erase(gap);
      look_if_well();
    }
  }

  /// `error` is empty when it was not tried.
  void miss(const LogSource& source, std::size_t lines, const std::string& error) {
    auto& gap = gaps_[source.container_id];
    gap.lines += lines;
    trouble_.missed += lines;
    if (error.empty()) return;
    gap.error = error;
    gap.again = steady_clock::now() + options_.retry;
    if (!trouble_.since) {
      trouble_.since = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      trouble_.error = error;
      ++changes_;
      log(LogLevel::Warning, "log files for shippers are not complete: lines are in the journal only",
          {{"pod", source.ns + "/" + source.pod}, {"container", source.container}, {"error", error}});
    }
  }

  /// In the file itself, for who reads nothing else. False: there is no room for that either.
  bool say_missed(const LogSource& source, Gap& gap) {
    if (gap.lines == 0) return true;
    const auto text = fmt::format("berth: {} lines of this container are missing here: {}", gap.lines, gap.error);
    const auto said = copy_->write(source, /*is_stderr=*/true, std::chrono::system_clock::now(), {{.text = text}});
    if (said) {
      gap.lines = 0;
    } else {
      gap.again = steady_clock::now() + options_.retry;
    }
    return said.ok();
  }

  /// After a line that was copied: a container that ended proves nothing.
  void look_if_well() {
    if (!gaps_.empty() || !trouble_.since) return;
    trouble_.since.reset();
    trouble_.error.clear();
    ++changes_;
    log(LogLevel::Info, "log files for shippers are complete again", {{"missing", std::to_string(trouble_.missed)}});
  }

  std::unique_ptr<LogSink> first_;
  std::unique_ptr<LogSink> copy_;
  CopyingOptions options_;
  BatchMark unshared_;
  BatchMark& mark_;
  std::map<std::string, Gap> gaps_;  ///< By container id: of those that are failing.
  std::vector<LinePiece> head_;
  LogFilesTrouble trouble_;
  std::uint64_t changes_ = 0;
};

}  // namespace

std::unique_ptr<CopyingSink> make_copying_sink(std::unique_ptr<LogSink> first, std::unique_ptr<LogSink> copy,
                                               const CopyingOptions& options) {
  return std::make_unique<JournalAndFiles>(std::move(first), std::move(copy), options);
}

}  // namespace berth::runtime
