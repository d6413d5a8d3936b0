// runtime/io_directory.cpp - see io_directory.hpp.
#include "runtime/io_directory.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <thread>

#include "base/atomic_file.hpp"
#include "runtime/logs/log_source.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
constexpr auto kDrainDeadline = std::chrono::seconds(2);
constexpr auto kNobodyReads = std::chrono::milliseconds(300);
constexpr auto kDrainPause = std::chrono::milliseconds(2);
constexpr std::string_view kStdinKey = "STDIN=";  // "no", "yes" or "once"; berth-logd passes over it
constexpr std::size_t kMaxMeta = 64 * 1024;

/// No value can hold a newline: names come from validated objects; be sure anyway.
std::string one_line(std::string text) {
  for (auto& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

std::string meta_text(const ContainerSpec& spec, const std::string& id) {
  const auto* const stdin_text = !spec.has_stdin ? "no" : spec.stdin_once ? "once" : "yes";
  return fmt::format(
      "BERTH_NAMESPACE={}\nBERTH_POD={}\nBERTH_POD_UID={}\nBERTH_CONTAINER={}\nCONTAINER_ID={}\nATTEMPT={}\n{}{}\n",
      one_line(spec.pod.ns), one_line(spec.pod.name), one_line(spec.pod.uid), one_line(spec.name), one_line(id),
      spec.attempt, kStdinKey, stdin_text);
}

Status make_fifo(const fs::path& path) {
  if (::mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) return Error::from_errno(errno, "mkfifo " + path.string());
  return Ok{};
}

Status remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return Error::from_errno(error.value(), "remove " + path.string());
  return Ok{};
}

/// Bytes written and not yet read.
int unread(const std::vector<UniqueFd>& fifos) {
  int sum = 0;
  for (const auto& fifo : fifos) {
    int bytes = 0;
    if (::ioctl(fifo.get(), FIONREAD, &bytes) == 0) sum += bytes;
  }
  return sum;
}

}  // namespace

Result<TaskStdio> IoDirectory::make(const ContainerSpec& spec) {
  const auto id = container_id(spec.pod.uid, spec.name, spec.attempt);
  const auto final_path = directory_ / id;
  std::error_code error;
  if (!fs::exists(final_path, error)) {
    const auto staging = directory_ / ("." + id);
    if (auto made = make_directories(directory_, 0711); !made) return made.error();
    if (auto removed = remove_tree(staging); !removed) return removed.error();
    if (auto made = make_directories(staging, 0700); !made) return made.error();
    if (auto written = write_file(staging / "meta", meta_text(spec, id), 0600); !written) return written.error();
    if (auto made = make_fifo(staging / "stdout"); !made) return made.error();
    if (!spec.tty) {
      if (auto made = make_fifo(staging / "stderr"); !made) return made.error();
    }
    if (spec.has_stdin) {
      if (auto made = make_fifo(staging / "stdin"); !made) return made.error();
    }
    fs::rename(staging, final_path, error);
    if (error) return Error::from_errno(error.value(), "rename " + staging.string());
  }
  if (auto opened = open_all(id); !opened) return opened.error();
  TaskStdio stdio;
  stdio.out = final_path / "stdout";
  if (!spec.tty) stdio.err = final_path / "stderr";
  if (spec.has_stdin) stdio.in = final_path / "stdin";
  stdio.terminal = spec.tty;
  return stdio;
}

Status IoDirectory::adopt(const std::string& id) {
  {
    const std::scoped_lock lock(mutex_);
    if (open_.contains(id)) return Ok{};
  }
  return open_all(id);
}

Status IoDirectory::adopt_all() {
  Status first = Ok{};
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    const auto id = it->path().filename().string();
    if (id.starts_with('.')) continue;  // not finished, see make()
    if (auto adopted = adopt(id); !adopted && first) first = std::move(adopted);
  }
  return first;
}

std::vector<std::string> IoDirectory::ids() const {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    auto id = it->path().filename().string();
    if (id.starts_with('.')) id.erase(0, 1);  // see make()
    found.push_back(std::move(id));
  }
  return found;
}

Status IoDirectory::open_all(const std::string& id) {
  Open opened;
  for (const auto* name : {"stdout", "stderr", "stdin"}) {
    const auto path = directory_ / id / name;
    const bool is_stdin = std::string_view(name) == "stdin";
    // Read ends only: the collector has to see that all writers are gone. stdin is the other way round, and an open for
    // writing alone would fail while nobody reads.
    const auto mode = is_stdin ? O_RDWR : O_RDONLY;
    UniqueFd fd(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && errno == ENOENT) continue;
    if (!fd) return Error::from_errno(errno, "open " + path.string());
    if (is_stdin) {
      opened.in = std::move(fd);
    } else {
      opened.outputs.push_back(std::move(fd));
    }
  }
  if (opened.outputs.empty() && !opened.in) return Ok{};
  const std::scoped_lock lock(mutex_);
  open_[id] = std::move(opened);
  return Ok{};
}

Result<ContainerStreams> IoDirectory::streams(const std::string& id) const {
  const auto directory = directory_ / id;
  const auto meta = read_file(directory / "meta", kMaxMeta);
  if (!meta) return meta.error();
  const auto source = parse_log_source(*meta);
  if (!source) return source.error();
  std::error_code error;
  ContainerStreams found;
  found.container = source->container;
  found.terminal = !fs::exists(directory / "stderr", error);
  if (fs::exists(directory / "stdin", error)) found.in = directory / "stdin";
  const auto at = meta->find(fmt::format("\n{}", kStdinKey));
  const auto kind = at == std::string::npos ? std::string() : meta->substr(at + 1 + kStdinKey.size(), 4);
  // An earlier berth wrote nothing about it.
  found.has_stdin = kind.empty() ? !found.in.empty() : !kind.starts_with("no");
  found.stdin_once = kind == "once";
  return found;
}

Status IoDirectory::end_stdin(const std::string& id) {
  UniqueFd in;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) in = std::move(found->second.in);
  }
  const auto path = directory_ / id / "stdin";
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove " + path.string());
  return Ok{};
}

void IoDirectory::drain(const std::string& id) {
  std::vector<UniqueFd> fds;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) {
      for (const auto& fd : found->second.outputs) fds.emplace_back(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    }
  }
  for (const auto* name : {"stdout", "stderr"}) {  // after a restart of ours: what the FIFO held went with its last end
    if (!fds.empty()) break;
    const auto path = directory_ / id / name;
    if (UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)); fd)
      fds.push_back(std::move(fd));
  }
  const auto begin = std::chrono::steady_clock::now();
  auto last_progress = begin;
  for (int before = unread(fds); before > 0;) {
    const auto now = std::chrono::steady_clock::now();
    if (now - begin > kDrainDeadline || now - last_progress > kNobodyReads) break;
    std::this_thread::sleep_for(kDrainPause);
    const auto left = unread(fds);
    if (left != before) last_progress = now;
    before = left;
  }
}

Status IoDirectory::drain_and_remove(const std::string& id) {
  drain(id);
  return remove(id);
}

Status IoDirectory::remove(const std::string& id) {
  {
    const std::scoped_lock lock(mutex_);
    open_.erase(id);
  }
  if (auto removed = remove_tree(directory_ / ("." + id)); !removed) return removed;  // see make()
  return remove_tree(directory_ / id);
}

}  // namespace berth::runtime
