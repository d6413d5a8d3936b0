// runtime/logs/journal_log_reader.cpp - reads back what the journal sink wrote. See log_reader.hpp, sd_journal_open(3).
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstring>

#include "runtime/log_reader.hpp"

namespace berth::runtime {
namespace {

struct CloseJournal {
  void operator()(sd_journal* journal) const { ::sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, CloseJournal>;

/// The value of one field of the current entry; empty when it has none.
std::string field(sd_journal* journal, const char* name) {
  const void* data = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal, name, &data, &size) < 0) return {};
  const std::string_view pair(static_cast<const char*>(data), size);
  return std::string(pair.substr(std::strlen(name) + 1));
}

Status add_match(sd_journal* journal, const std::string& match) {
  const auto error = ::sd_journal_add_match(journal, match.data(), match.size());
  if (error < 0) return Error::from_errno(-error, "journal match " + match);
  return Ok{};
}

class JournalCursor final : public LogCursor {
 public:
  explicit JournalCursor(Journal journal) : journal_(std::move(journal)) {}

  Status seek(const LogQuery& query) {
    auto error = 0;
    if (query.tail) {
      error = seek_tail(*query.tail);
    } else if (query.since) {
      const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(query.since->time_since_epoch()).count();
      error = ::sd_journal_seek_realtime_usec(journal_.get(), static_cast<std::uint64_t>(usec));
    } else {
      error = ::sd_journal_seek_head(journal_.get());
    }
    if (error < 0) return Error::from_errno(-error, "journal seek");
    since_ = query.since;
    return Ok{};
  }

  Result<std::optional<LogLine>> next() override {
    for (;;) {
      auto moved = ::sd_journal_next(journal_.get());
      if (moved == 0) {
        ::sd_journal_process(journal_.get());  // Takes up new files and quiets the descriptor.
        moved = ::sd_journal_next(journal_.get());
      }
      if (moved < 0) return Error::from_errno(-moved, "journal next");
      if (moved == 0) return std::optional<LogLine>();
      std::uint64_t usec = 0;
      ::sd_journal_get_realtime_usec(journal_.get(), &usec);
      const WallTime time{std::chrono::microseconds(usec)};
      if (since_ && time < *since_) continue;
      return std::optional<LogLine>(LogLine{.time = time,
                                            .is_stderr = field(journal_.get(), "BERTH_STREAM") == "stderr",
                                            .partial = field(journal_.get(), "BERTH_PARTIAL") == "1",
                                            .text = field(journal_.get(), "MESSAGE")});
    }
  }

  int wait_fd() const override { return ::sd_journal_get_fd(journal_.get()); }

 private:
  bool ends_a_line() { return field(journal_.get(), "BERTH_PARTIAL") != "1"; }

  /// To the entry that ends the line before the last `lines` ones, because next() begins by moving forward; a line has
  /// as many entries as it has pieces. Not positive: as of sd_journal_previous(3).
  int seek_tail(std::uint64_t lines) {
    auto moved = ::sd_journal_seek_tail(journal_.get());
    if (moved < 0) return moved;
    const bool none = lines == 0;
    for (bool last = true;; last = false) {  // What the log ends with is a line, finished or not.
      moved = ::sd_journal_previous(journal_.get());
      if (moved == 0) return ::sd_journal_seek_head(journal_.get());  // Fewer lines than asked for.
      if (moved < 0 || none) return moved;
      if (!last && !ends_a_line()) continue;
      if (lines == 0) return moved;
      --lines;
    }
  }

  Journal journal_;
  std::optional<WallTime> since_;
};

class JournalLogReader final : public LogReader {
 public:
  explicit JournalLogReader(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<std::unique_ptr<LogCursor>> open(const LogQuery& query) override {
    sd_journal* raw = nullptr;
    const auto error = directory_.empty() ? ::sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY)
                                          : ::sd_journal_open_directory(&raw, directory_.c_str(), 0);
    if (error < 0) return Error::from_errno(-error, "open the journal");
    Journal journal(raw);
    ::sd_journal_set_data_threshold(journal.get(), 0);
    for (const auto& match : {"BERTH_POD_UID=" + query.pod_uid, "BERTH_CONTAINER=" + query.container,
                              "BERTH_ATTEMPT=" + std::to_string(query.attempt)}) {
      if (auto added = add_match(journal.get(), match); !added) return std::move(added).error();
    }
    auto cursor = std::make_unique<JournalCursor>(std::move(journal));
    if (cursor->wait_fd() < 0) return Error(ErrorCode::Unavailable, "watch the journal");
    if (auto sought = cursor->seek(query); !sought) return std::move(sought).error();
    return std::unique_ptr<LogCursor>(std::move(cursor));
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace

std::unique_ptr<LogReader> make_journal_log_reader(const std::filesystem::path& directory) {
  return std::make_unique<JournalLogReader>(directory);
}

std::unique_ptr<LogReader> make_log_reader(std::vector<std::filesystem::path> directories) {
  // The same test as berth-logd's: both must choose the same place.
  if (::access("/run/systemd/journal/socket", F_OK) == 0) return make_journal_log_reader();
  return make_file_log_reader(std::move(directories));
}

}  // namespace berth::runtime
