// runtime/logs/file_log_reader.cpp - reads back what the file sink wrote, over rotations. See log_reader.hpp.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>

#include "base/unique_fd.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/logs/log_line.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{64} * 1024;

struct OpenFile {
  UniqueFd fd;
  ino_t inode = 0;
  off_t size = 0;
};

Result<OpenFile> open_log(const fs::path& path) {
  OpenFile file;
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.fd) return Error::from_errno(errno, "open " + path.string());
  struct stat facts {};
  if (::fstat(file.fd.get(), &facts) != 0) return Error::from_errno(errno, "stat " + path.string());
  file.inode = facts.st_ino;
  file.size = facts.st_size;
  return file;
}

/// Where in a file the last lines of a log begin: a line may be stored in many pieces.
class TailSearch {
 public:
  /// `newest`: what it ends with is the end of the log, also in the middle of a line.
  TailSearch(const OpenFile& file, bool newest) : file_(file), newest_(newest) {}

  /// Behind the record that ends the line before the last `lines` ones, which are lowered by those that this file has.
  /// None: all of it, and perhaps some of the file before.
  std::optional<off_t> offset(std::uint64_t& lines) {
    for (auto end = file_.size; end > 0;) {
      const auto begin = record_begin(end);
      if (ends_a_line(begin, end)) {
        if (lines == 0) return end;
        --lines;
      }
      end = begin;
    }
    return std::nullopt;
  }

 private:
  off_t record_begin(off_t end) {
    for (auto at = end - 1; at > 0; --at) {
      if (byte(at - 1) == '\n') return at;
    }
    return 0;
  }

  /// What a reader passes over, a torn record for one, is no line's.
  bool ends_a_line(off_t begin, off_t end) {
    const bool last = newest_ && end == file_.size;
    std::string ends;
    const auto newline = byte(end - 1) == '\n' ? end - 1 : end;
    for (auto at = begin; at < newline; ++at) {
      if (at == begin + kEnds) at = std::max(at, newline - kEnds);
      ends += byte(at);
    }
    const auto record = parse_cri_line(ends);
    return record && (last || !record->partial);
  }

  char byte(off_t at) {
    if (at < from_ || at >= from_ + got_) {
      from_ = std::max<off_t>(0, at + 1 - static_cast<off_t>(kBlock));
      got_ = std::max<ssize_t>(0, ::pread(file_.fd.get(), block_.data(), kBlock, from_));
    }
    return at < from_ + got_ ? block_[static_cast<std::size_t>(at - from_)] : '\0';
  }

  static constexpr off_t kEnds = 64;  ///< The time, stream and tag of a record are less, and so is kTornMark.

  const OpenFile& file_;
  const bool newest_;
  std::array<char, kBlock> block_{};
  off_t from_ = 0;
  ssize_t got_ = 0;
};

class FileCursor final : public LogCursor {
 public:
  FileCursor(fs::path path, std::optional<WallTime> since) : path_(std::move(path)), since_(since) {}

  Status open(std::optional<std::uint64_t> tail);
  Result<std::optional<LogLine>> next() override;
  int wait_fd() const override { return inotify_.get(); }

 private:
  std::deque<OpenFile> with_rotated(std::optional<OpenFile> current) const;
  bool fill();
  Result<bool> follow_rotation();
  void drain_inotify() const;
  std::optional<LogLine> take_line();

  fs::path path_;
  std::optional<WallTime> since_;
  std::deque<OpenFile> files_;  ///< Oldest first; the last one is the newest that we know.
  UniqueFd inotify_;
  std::string buffer_;
  std::size_t at_ = 0;  ///< Where the next line begins in buffer_.
};

Status FileCursor::open(std::optional<std::uint64_t> tail) {
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return Error::from_errno(errno, "inotify_init");
  if (::inotify_add_watch(inotify_.get(), path_.parent_path().c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
    return Error::from_errno(errno, "watch " + path_.parent_path().string());
  }
  // Only rotated files: the writer is between two, or could not begin the next one yet.
  auto current = open_log(path_);
  const auto missing = current ? std::optional<Error>() : current.error();
  if (missing && missing->code() != ErrorCode::NotFound) return *missing;
  files_ = with_rotated(missing ? std::nullopt : std::optional(*std::move(current)));
  if (files_.empty()) return missing.value_or(Error(ErrorCode::NotFound, path_.string()));
  if (!tail) return Ok{};
  auto left = *tail;
  bool found = left == 0;
  for (auto i = files_.size(); i > 0; --i) {
    auto& file = files_[i - 1];
    const auto offset = found ? std::optional(file.size) : TailSearch(file, i == files_.size()).offset(left);
    found = offset.has_value();
    ::lseek(file.fd.get(), offset.value_or(0), SEEK_SET);
  }
  return Ok{};
}

bool contains(const std::deque<OpenFile>& files, ino_t inode) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.inode == inode; });
}

/// `current` and the rotated files, oldest first. `current` may be rotated while we look: then it is met twice.
std::deque<OpenFile> FileCursor::with_rotated(std::optional<OpenFile> current) const {
  std::deque<OpenFile> files;
  if (current) files.push_front(*std::move(current));
  for (const auto& path : rotated_log_files(path_)) {
    auto older = open_log(path);
    if (older && !contains(files, older->inode)) files.push_front(*std::move(older));
  }
  return files;
}

/// Reads more of the first file into the buffer; false at its end.
bool FileCursor::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const auto old = buffer_.size();
  buffer_.resize(old + kBlock);
  const auto got = ::read(files_.front().fd.get(), buffer_.data() + old, kBlock);
  buffer_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

/// At the end of the newest file: has it been rotated away? True: files_ has its successors, too.
Result<bool> FileCursor::follow_rotation() {
  auto current = open_log(path_);
  if (!current) return false;  // Between rename and creation of the new one.
  const auto ours = files_.back().inode;
  if (current->inode == ours) return false;
  // Ours stays in front: it may have got lines since we met its end.
  auto newer = with_rotated(*std::move(current));
  const auto found = std::find_if(newer.begin(), newer.end(), [&](const auto& file) { return file.inode == ours; });
  const auto lost = found == newer.end();
  if (!lost) newer.erase(newer.begin(), found + 1);
  std::move(newer.begin(), newer.end(), std::back_inserter(files_));
  if (lost) return Error(ErrorCode::DataLoss, path_.string() + ": lines were rotated away before they were read");
  return true;
}

void FileCursor::drain_inotify() const {
  std::array<char, 4096> events{};
  while (::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
}

std::optional<LogLine> FileCursor::take_line() {
  for (;;) {
    const auto newline = buffer_.find('\n', at_);
    if (newline == std::string::npos) return std::nullopt;
    const auto line = std::string_view(buffer_).substr(at_, newline - at_);
    at_ = newline + 1;
    auto parsed = parse_cri_line(line);
    if (!parsed || (since_ && parsed->time < *since_)) continue;
    return parsed;
  }
}

Result<std::optional<LogLine>> FileCursor::next() {
  auto looked_again = false;
  for (;;) {
    if (auto line = take_line()) return line;
    if (fill()) continue;
    if (files_.size() > 1) {
      files_.pop_front();
      continue;
    }
    if (!looked_again) {
      // What comes after this point makes the descriptor readable again; what came before is read now.
      looked_again = true;
      drain_inotify();
      continue;
    }
    auto rotated = follow_rotation();
    if (!rotated) return std::move(rotated).error();
    if (!*rotated) return std::optional<LogLine>();
    looked_again = false;
  }
}

class FileLogReader final : public LogReader {
 public:
  explicit FileLogReader(std::vector<fs::path> directories) : directories_(std::move(directories)) {}

  Result<std::unique_ptr<LogCursor>> open(const LogQuery& query) override {
    LogSource source;
    source.ns = query.ns;
    source.pod = query.pod;
    source.pod_uid = query.pod_uid;
    source.container = query.container;
    source.attempt = query.attempt;
    auto missing = Error(ErrorCode::NotFound, "no directory");
    for (const auto& directory : directories_) {
      auto cursor = std::make_unique<FileCursor>(log_file_path(directory, source), query.since);
      auto opened = cursor->open(query.tail);
      if (opened) return std::unique_ptr<LogCursor>(std::move(cursor));
      const auto nothing = opened.error().code() == ErrorCode::NotFound;
      if (!nothing) return std::move(opened).error().context("read log");
      if (&directory == &directories_.front()) missing = std::move(opened).error();
    }
    return missing.context("read log");
  }

 private:
  std::vector<fs::path> directories_;
};

}  // namespace

std::unique_ptr<LogReader> make_file_log_reader(std::vector<fs::path> directories) {
  return std::make_unique<FileLogReader>(std::move(directories));
}

}  // namespace berth::runtime
