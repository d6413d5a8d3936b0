// runtime/logs/file_sink.cpp - lines into size-rotated files, see log_sink.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <list>
#include <map>
#include <set>
#include <tuple>

#include "base/atomic_file.hpp"
#include "base/fnv.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

// Open files are a cache: a host may have more containers than descriptors.
constexpr std::size_t kMaxOpenFiles = 256;

Status write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(errno, "write " + path.string());
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return Ok{};
}

std::string pod_folder(const LogSource& source) {
  auto name = source.ns + "_" + source.pod + "_" + source.pod_uid;
  if (name.size() <= NAME_MAX) return name;
  // Names with equal hashes still differ in the uid.
  const auto hash = fmt::format("~{:016x}", Fnv1a().add(name).value());
  // The uid stays at the end: clean_up() knows living pods by it.
  const auto rest = source.ns.size() + source.pod_uid.size() + 2 + hash.size();
  if (rest >= NAME_MAX) return name.substr(0, NAME_MAX - hash.size()) + hash;  // Not Kubernetes' kind of names.
  return source.ns + "_" + source.pod.substr(0, NAME_MAX - rest) + hash + "_" + source.pod_uid;
}

/// The files of one run: 3.log, 3.log.1, ...
struct Attempt {
  std::uint32_t number = 0;
  fs::file_time_type newest = fs::file_time_type::min();
  std::vector<fs::path> files;
};

std::vector<Attempt> attempts_in(const fs::path& container) {
  std::map<std::uint32_t, Attempt> attempts;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(container, error)) {
    const auto name = file.path().filename().string();
    std::uint32_t number = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed != std::errc() || !std::string_view(end).starts_with(".log")) continue;
    auto& attempt = attempts[number];
    attempt.number = number;
    if (const auto time = file.last_write_time(error); !error) attempt.newest = std::max(attempt.newest, time);
    attempt.files.push_back(file.path());
  }
  std::vector<Attempt> all;
  all.reserve(attempts.size());
  for (auto& [number, attempt] : attempts) all.push_back(std::move(attempt));
  return all;
}

/// Ends a last line that is torn, so that it neither swallows the next one nor passes for a whole one. A kill tears,
/// too: write(2) to a file ends between two pages when a fatal signal is pending.
Status repair_tail(int fd, off_t size, const fs::path& path) {
  if (size == 0) return Ok{};
  char last = '\n';
  if (::pread(fd, &last, 1, size - 1) != 1 || last == '\n') return Ok{};
  return write_all(fd, std::string(kTornMark) + "\n", path);
}

class FileSink final : public LogSink {
 public:
  FileSink(fs::path directory, const FileSinkLimits& limits) : directory_(std::move(directory)), limits_(limits) {}

  Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) override {
    auto file = open(source);
    if (!file) return std::move(file).error();
    if ((*file)->size >= limits_.file_bytes) {
      // Now and not after the write that filled it: there is a current file whenever nobody writes.
      rotate((*file)->path);
      drop(source.container_id);
      file = open(source);
      if (!file) return std::move(file).error();
    }
    buffer_.clear();
    for (const auto& line : lines) append_cri_line(buffer_, time, is_stderr, line);
    if (auto written = write_all((*file)->fd.get(), buffer_, (*file)->path); !written) {
      drop(source.container_id);  // Reopened next time, which repairs a torn tail.
      return written;
    }
    (*file)->size += buffer_.size();
    return Ok{};
  }

  void finish(const LogSource& source) override { drop(source.container_id); }
  void clean_up(const std::vector<std::string>& live) override;

 private:
  struct File {
    std::string id;
    fs::path path;
    UniqueFd fd;
    std::size_t size = 0;
  };

  Result<File*> open(const LogSource& source);
  void remove_old_attempts(const fs::path& container) const;

  void drop(const std::string& id) {
    const auto found = index_.find(id);
    if (found == index_.end()) return;
    files_.erase(found->second);
    index_.erase(found);
  }

  void rotate(const fs::path& path) const {
    std::error_code ignored;
    if (limits_.rotated == 0) fs::remove(path, ignored);
    for (auto i = limits_.rotated; i > 0; --i) {
      const auto from = i == 1 ? path : fs::path(path.string() + "." + std::to_string(i - 1));
      fs::rename(from, path.string() + "." + std::to_string(i), ignored);
    }
  }

  fs::path directory_;
  FileSinkLimits limits_;
  std::list<File> files_;  ///< Most recently used first.
  std::map<std::string, std::list<File>::iterator> index_;
  std::string buffer_;
};

Result<FileSink::File*> FileSink::open(const LogSource& source) {
  if (const auto found = index_.find(source.container_id); found != index_.end()) {
    files_.splice(files_.begin(), files_, found->second);
    return &files_.front();
  }
  const auto path = log_file_path(directory_, source);
  if (auto made = make_directories(path.parent_path(), 0750); !made) return std::move(made).error();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) return Error::from_errno(errno, "open " + path.string());
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return Error::from_errno(errno, "stat " + path.string());
  if (auto repaired = repair_tail(fd.get(), facts.st_size, path); !repaired) return std::move(repaired).error();
  if (files_.size() >= kMaxOpenFiles) drop(std::string(files_.back().id));
  files_.push_front(
      {.id = source.container_id, .path = path, .fd = std::move(fd), .size = static_cast<std::size_t>(facts.st_size)});
  index_[source.container_id] = files_.begin();
  if (facts.st_size == 0) remove_old_attempts(path.parent_path());  // A new one began: a crash loop has many.
  return &files_.front();
}

/// The newest ones stay, and those that are being written. Newest by time: counting may have begun anew.
void FileSink::remove_old_attempts(const fs::path& container) const {
  auto attempts = attempts_in(container);
  if (attempts.size() <= limits_.attempts) return;
  std::set<fs::path> open;
  for (const auto& file : files_) open.insert(file.path);
  const auto rank = [&](const Attempt& attempt) {
    const auto current = container / (std::to_string(attempt.number) + ".log");
    return std::tuple(open.contains(current), attempt.newest, attempt.number);
  };
  std::sort(attempts.begin(), attempts.end(), [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
  std::error_code ignored;
  for (auto i = limits_.attempts; i < attempts.size(); ++i) {
    if (std::get<0>(rank(attempts[i]))) continue;
    for (const auto& file : attempts[i].files) fs::remove(file, ignored);
  }
}

void FileSink::clean_up(const std::vector<std::string>& live) {
  struct PodLogs {
    fs::path path;
    fs::file_time_type newest;
    std::size_t bytes = 0;
  };
  std::vector<PodLogs> dead;
  std::size_t total = 0;
  std::error_code error;
  for (const auto& pod : fs::directory_iterator(directory_, error)) {
    const auto name = pod.path().filename().string();
    const auto is_live =
        std::any_of(live.begin(), live.end(), [&](const auto& uid) { return name.ends_with("_" + uid); });
    if (is_live) {
      for (const auto& container : fs::directory_iterator(pod.path(), error)) remove_old_attempts(container.path());
    }
    PodLogs logs{.path = pod.path(), .newest = fs::file_time_type::min(), .bytes = 0};
    for (const auto& file : fs::recursive_directory_iterator(pod.path(), error)) {
      if (!file.is_regular_file(error)) continue;
      logs.bytes += file.file_size(error);
      logs.newest = std::max(logs.newest, file.last_write_time(error));
    }
    total += logs.bytes;
    if (!is_live) dead.push_back(std::move(logs));
  }
  std::sort(dead.begin(), dead.end(), [](const auto& a, const auto& b) { return a.newest < b.newest; });
  const auto limit = fs::file_time_type::clock::now() - limits_.dead_pods;
  for (const auto& logs : dead) {
    if (logs.newest > limit && total <= limits_.total_bytes) break;
    fs::remove_all(logs.path, error);
    total -= std::min(total, logs.bytes);
  }
}

}  // namespace

fs::path log_file_path(const fs::path& directory, const LogSource& source) {
  return directory / pod_folder(source) / source.container / (std::to_string(source.attempt) + ".log");
}

std::unique_ptr<LogSink> make_file_sink(const fs::path& directory, const FileSinkLimits& limits) {
  return std::make_unique<FileSink>(directory, limits);
}

}  // namespace berth::runtime
