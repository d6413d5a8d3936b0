// runtime/logs/file_sink.cpp - lines into size-rotated files, see log_sink.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <list>
#include <map>
#include <set>
#include <tuple>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "runtime/logs/log_owner.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

// Open files are a cache: a host may have more containers than descriptors.
constexpr std::size_t kMaxOpenFiles = 256;

/// How many bytes were written, and why not all of them.
struct Written {
  std::size_t bytes = 0;
  Status status = Ok{};
};

Written write_all(int fd, std::string_view bytes, const fs::path& path) {
  Written done;
  while (done.bytes < bytes.size()) {
    const auto written = ::write(fd, bytes.data() + done.bytes, bytes.size() - done.bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      done.status = Error::from_errno(errno, "write " + path.string());
      return done;
    }
    done.bytes += static_cast<std::size_t>(written);
  }
  return done;
}

/// The files of one run: 3.log, 3.log.20060102-150405, ...
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

/// Ends a last line that is torn, so that it neither swallows the next one nor passes for a whole one.
Status repair_tail(int fd, off_t size, const fs::path& path) {
  if (size == 0) return Ok{};
  char last = '\n';
  if (::pread(fd, &last, 1, size - 1) != 1 || last == '\n') return Ok{};
  return write_all(fd, std::string(kTornMark) + "\n", path).status;
}

/// Makes `link` lead to `target`, whatever it is now.
void point(const fs::path& link, const fs::path& target) {
  if (::symlink(target.c_str(), link.c_str()) == 0 || errno != EEXIST) return;
  std::error_code error;
  if (fs::read_symlink(link, error) == target) return;
  fs::remove(link, error);
  [[maybe_unused]] const auto done = ::symlink(target.c_str(), link.c_str());
}

class FileSink final : public LogSink {
 public:
  FileSink(fs::path directory, const FileSinkLimits& limits, const FileSinkOptions& options)
      : directory_(std::move(directory)),
        limits_(limits),
        options_(options),
        mark_(options.mark != nullptr ? *options.mark : unshared_) {}

  Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) override;
  Status resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                const std::vector<LinePiece>& lines) override;
  void finish(const LogSource& source) override { drop(source.container_id); }
  void clean_up(const std::vector<std::string>& live) override;

 private:
  struct File {
    std::string id;
    fs::path path;
    UniqueFd fd;
    std::uint64_t inode = 0;
    std::size_t size = 0;
  };
  enum class Tail { Mend, Leave };

  Result<File*> open(const LogSource& source, Tail tail);
  void begin_folder(const LogSource& source, const fs::path& path) const;
  void format(WallTime time, bool is_stderr, const std::vector<LinePiece>& lines);
  static bool continues(const File& file, std::size_t start, std::string_view records);
  Status append(File& file, std::string_view records, std::size_t before);
  void remove_old_attempts(const fs::path& container) const;
  void remove_stale_links() const;
  bool is_ours(const fs::path& pod, bool& gone) const;

  void tell_stored(std::size_t lines) const { options_.beside ? mark_.set_copied(lines) : mark_.set_stored(lines); }

  void drop(const std::string& id) {
    const auto found = index_.find(id);
    if (found == index_.end()) return;
    files_.erase(found->second);
    index_.erase(found);
  }

  /// As the kubelet does: renamed once and for all, so that who has it open, or knows its inode, finds it again.
  void rotate(const fs::path& path, WallTime now) const {
    std::error_code ignored;
    if (limits_.rotated == 0) {
      fs::remove(path, ignored);
      return;
    }
    auto older = rotated_log_files(path);
    const auto newest = older.empty() ? std::string() : older.front().string().substr(path.native().size());
    fs::rename(path, path.string() + rotated_suffix(now, newest), ignored);
    for (auto i = std::size_t{limits_.rotated} - 1; i < older.size(); ++i) fs::remove(older[i], ignored);
  }

  fs::path directory_;
  FileSinkLimits limits_;
  FileSinkOptions options_;
  BatchMark unshared_;
  BatchMark& mark_;
  std::list<File> files_;  ///< Most recently used first.
  std::map<std::string, std::list<File>::iterator> index_;
  std::string buffer_;
};

Status FileSink::write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) {
  auto file = open(source, Tail::Mend);
  if (!file) return std::move(file).error();
  if ((*file)->size >= limits_.file_bytes) {
    // Now and not after the write that filled it: there is a current file whenever nobody writes.
    rotate((*file)->path, time);
    drop(source.container_id);
    file = open(source, Tail::Mend);
    if (!file) return std::move(file).error();
  }
  format(time, is_stderr, lines);
  mark_.set_file((*file)->inode, (*file)->size);
  return append(**file, buffer_, 0);
}

/// The file has a beginning of the batch's records, torn perhaps: what follows is added. When it is not the file that
/// was written to then, nothing was: it had been about to be rotated, or made.
Status FileSink::resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                        const std::vector<LinePiece>& lines) {
  auto file = open(source, Tail::Leave);
  if (!file) return std::move(file).error();
  format(batch.time, is_stderr, lines);
  const auto known = batch.inode != 0 && (*file)->inode == batch.inode && (*file)->size >= batch.size;
  if (!known || !continues(**file, batch.size, buffer_)) {
    drop(source.container_id);
    return write(source, is_stderr, batch.time, lines);
  }
  return append(**file, buffer_, (*file)->size - batch.size);
}

/// Whether what the file has from `start` on is a beginning of `records`.
bool FileSink::continues(const File& file, std::size_t start, std::string_view records) {
  const auto there = file.size - start;
  if (there > records.size()) return false;
  std::string text(there, '\0');
  return ::pread(file.fd.get(), text.data(), there, static_cast<off_t>(start)) == static_cast<ssize_t>(there) &&
         records.starts_with(text);
}

void FileSink::format(WallTime time, bool is_stderr, const std::vector<LinePiece>& lines) {
  constexpr std::size_t kUsual = std::size_t{256} * 1024;
  buffer_.clear();
  const auto head = cri_head(time, is_stderr);
  for (const auto& line : lines) append_cri_line(buffer_, head, line);
  // Many short lines make much of little: that memory goes back with the next batch.
  if (buffer_.capacity() > kUsual && buffer_.size() < kUsual) buffer_.shrink_to_fit();
}

/// `records` but for the first `before` bytes, which the file has.
Status FileSink::append(File& file, std::string_view records, std::size_t before) {
  const auto written = write_all(file.fd.get(), records.substr(before), file.path);
  if (written.status) {
    file.size += written.bytes;
    return Ok{};
  }
  // Only whole lines may stay. Who follows the file has hardly seen the rest: it is there for microseconds.
  const auto there = records.substr(0, before + written.bytes);
  const auto last = there.rfind('\n');
  const auto whole = last == std::string_view::npos ? 0 : last + 1;
  const auto start = file.size - before;
  if (whole != there.size() && ::ftruncate(file.fd.get(), static_cast<off_t>(start + whole)) != 0) {
    log(LogLevel::Warning, "a torn line stays in a log file, ignoring",
        {{"error", Error::from_errno(errno, "truncate " + file.path.string()).message()}});
  }
  tell_stored(
      static_cast<std::size_t>(std::count(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(whole), '\n')));
  drop(std::string(file.id));
  return written.status;
}

Result<FileSink::File*> FileSink::open(const LogSource& source, Tail tail) {
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
  if (tail == Tail::Mend) {
    if (auto repaired = repair_tail(fd.get(), facts.st_size, path); !repaired) return std::move(repaired).error();
    if (::fstat(fd.get(), &facts) != 0) return Error::from_errno(errno, "stat " + path.string());
  }
  if (files_.size() >= kMaxOpenFiles) drop(std::string(files_.back().id));
  files_.push_front({.id = source.container_id,
                     .path = path,
                     .fd = std::move(fd),
                     .inode = facts.st_ino,
                     .size = static_cast<std::size_t>(facts.st_size)});
  index_[source.container_id] = files_.begin();
  begin_folder(source, path);
  if (facts.st_size == 0) remove_old_attempts(path.parent_path());  // A new one began: a crash loop has many.
  return &files_.front();
}

/// What belongs to a file besides its lines. That it cannot be made keeps no line from being stored.
void FileSink::begin_folder(const LogSource& source, const fs::path& path) const {
  if (!options_.owner.empty()) {
    const auto folder = path.parent_path().parent_path();
    if (::access((folder / kLogOwnerFile).c_str(), F_OK) != 0) (void)write_log_owner(folder, {.name = options_.owner});
  }
  if (!options_.links.empty()) {
    if (make_directories(options_.links, 0755)) point(options_.links / log_link_name(source), path);
  }
}

/// Links into our directory that lead nowhere: their files were removed.
void FileSink::remove_stale_links() const {
  if (options_.links.empty()) return;
  const auto inside = directory_.string() + "/";
  std::vector<fs::path> stale;
  std::error_code error;
  for (fs::directory_iterator it(options_.links, error), end; !error && it != end; it.increment(error)) {
    std::error_code none;
    const auto target = fs::read_symlink(it->path(), none);
    if (none || !target.string().starts_with(inside)) continue;
    if (!fs::exists(target, none) && !none) stale.push_back(it->path());
  }
  for (const auto& link : stale) fs::remove(link, error);
}

/// Whether we may remove that folder; with `gone`, what is said of its pod.
bool FileSink::is_ours(const fs::path& pod, bool& gone) const {
  if (options_.owner.empty()) return true;
  const auto owner = read_log_owner(pod);
  gone = owner.gone;
  return owner.name == options_.owner;
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
  remove_stale_links();
}

void FileSink::clean_up(const std::vector<std::string>& live) {
  struct PodLogs {
    fs::path path;
    fs::file_time_type newest;
    std::size_t bytes = 0;
    bool gone = false;
  };
  std::vector<PodLogs> dead;
  std::size_t total = 0;
  std::error_code error;
  for (const auto& pod : fs::directory_iterator(directory_, error)) {
    PodLogs logs{.path = pod.path(), .newest = fs::file_time_type::min()};
    if (!is_ours(pod.path(), logs.gone)) continue;
    const auto name = pod.path().filename().string();
    const auto is_live =
        std::any_of(live.begin(), live.end(), [&](const auto& uid) { return name.ends_with("_" + uid); });
    if (is_live) {
      for (const auto& container : fs::directory_iterator(pod.path(), error)) remove_old_attempts(container.path());
    }
    for (const auto& file : fs::recursive_directory_iterator(pod.path(), error)) {
      if (!file.is_regular_file(error)) continue;
      logs.bytes += file.file_size(error);
      logs.newest = std::max(logs.newest, file.last_write_time(error));
    }
    total += logs.bytes;
    if (!is_live) dead.push_back(std::move(logs));
  }
  std::sort(dead.begin(), dead.end(), [](const auto& a, const auto& b) { return a.newest < b.newest; });
  const auto now = fs::file_time_type::clock::now();
  for (const auto& logs : dead) {
    const auto old = logs.newest <= now - (logs.gone ? limits_.gone_pods : std::chrono::seconds(limits_.dead_pods));
    if (!old && total <= limits_.total_bytes) continue;
    fs::remove_all(logs.path, error);
    total -= std::min(total, logs.bytes);
  }
  remove_stale_links();
}

}  // namespace

std::unique_ptr<LogSink> make_file_sink(const fs::path& directory, const FileSinkLimits& limits,
                                        const FileSinkOptions& options) {
  return std::make_unique<FileSink>(directory, limits, options);
}

Status move_log_folders(const fs::path& from, const fs::path& to, const std::string& owner) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error))
    folders.push_back(it->path());
  if (folders.empty()) return Ok{};
  if (auto made = make_directories(to, 0750); !made) return made;
  Status first = Ok{};
  for (const auto& folder : folders) {
    const auto target = to / folder.filename();
    auto said = write_log_owner(folder, {.name = owner});
    if (said && ::rename(folder.c_str(), target.c_str()) != 0) {
      said = Error::from_errno(errno, "move " + folder.string() + " to " + target.string());
    }
    if (!said && first) first = std::move(said);
  }
  return first;
}

}  // namespace berth::runtime
