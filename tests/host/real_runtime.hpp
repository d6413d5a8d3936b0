// tests/host/real_runtime.hpp - PodRuntime on the containerd of tests/bed/run, as a subject of tests.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/atomic_file.hpp"
#include "runtime/logs/collector.hpp"
#include "tests/contracts/runtime_contract.hpp"

namespace berth::runtime {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

inline std::string variable(const char* name) {
  const char* const value = ::getenv(name);
  return value ? value : "";
}

struct Directory {
  fs::path path;
  Directory() {
    auto text = (fs::temp_directory_path() / "berth-rt-XXXXXX").string();
    path = ::mkdtemp(text.data());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    ::umount2((path / "ipc").c_str(), MNT_DETACH);  // a mount of its own, which an agent leaves to the next
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// berth-logd in a thread: reads all output, and keeps what it read.
class CollectorThread final : public LogSink {
 public:
  explicit CollectorThread(const fs::path& run_dir) {
    auto made =
        make_collector(run_dir / "io", *this, {.wake_fd = wake_.get(), .attach_socket = run_dir / "attach.sock"});
    EXPECT_TRUE(made.ok()) << made.error().message();
    if (!made) return;
    thread_ = std::thread([this, collector = *std::move(made)] {
      while (!stopping_ && collector->turn(seconds(60))) continue;
    });
  }
  ~CollectorThread() override {
    stopping_ = true;
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
  }
  CollectorThread(const CollectorThread&) = delete;
  CollectorThread& operator=(const CollectorThread&) = delete;

  Status write(const LogSource&, bool, WallTime, const std::vector<LinePiece>& lines) override {
    const std::scoped_lock lock(mutex_);
    for (const auto& line : lines) text_ += std::string(line.text) + "\n";
    return Ok{};
  }
  void finish(const LogSource&) override {}
  void clean_up(const std::vector<std::string>&) override {}
  std::string text() {
    const std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  UniqueFd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::string text_;
  std::thread thread_;
};

inline RuntimeConfig config_in(const fs::path& run_dir) {
  RuntimeConfig config;
  config.address = variable("BERTH_TEST_CONTAINERD");
  config.run_dir = run_dir;
  config.cgroup_parent = "/berth-rt-test";
  return config;
}

inline RuntimeSubject make_real() {
  RuntimeSubject subject;
  if (variable("BERTH_TEST_CONTAINERD").empty()) {
    subject.skip = "no BERTH_TEST_CONTAINERD: run me by tests/bed/run";
    return subject;
  }
  auto directory = std::make_shared<Directory>();
  subject.image = variable("BERTH_TEST_IMAGE");
  subject.runtime = make_containerd_runtime(config_in(directory->path));
  subject.keep = directory;
  subject.collect = [path = directory->path, collector = std::make_shared<std::unique_ptr<CollectorThread>>()] {
    if (!*collector) *collector = std::make_unique<CollectorThread>(path);
  };
  subject.end = [runtime = subject.runtime.get()](const std::string& id, std::int32_t code) {
    const auto written =
        runtime->exec(id, {"/bin/sh", "-c", fmt::format("echo {} > /code", code)}, std::chrono::seconds(20));
    ASSERT_TRUE(written.ok()) << written.error().message();
  };
  return subject;
}

/// Waits until `check` holds; a daemon and the kernel do what the tests wait for.
template <typename Check>
bool eventually(Check check, seconds patience = seconds(20)) {
  const auto limit = steady_clock::now() + patience;
  while (!check()) {
    if (steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

inline pid_t parent_of(std::uint32_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const auto at = status.find("\nPPid:");
  return at == std::string::npos ? -1 : std::stoi(status.substr(at + 6));
}

/// What only the real one can be asked.
class ContainerdRuntimeTest : public RuntimeContract {
 protected:
  fs::path run_dir() const { return std::static_pointer_cast<Directory>(subject_.keep)->path; }

  ExecResult exec(const ContainerSpec& spec, const std::string& script) {
    const auto result = runtime().exec(id_of(spec), {"/bin/sh", "-c", script}, seconds(20));
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
    return result.value_or({});
  }
  /// Another agent takes over.
  void restart() {
    subject_.runtime.reset();
    const std::scoped_lock lock(mutex_);
    connected_ = 0;
    subject_.runtime = make_containerd_runtime(config_in(run_dir()));
    runtime().subscribe([](const std::string&) {},
                        [this] {
                          const std::scoped_lock told(mutex_);
                          ++connected_;
                          told_.notify_all();
                        });
  }
};

}  // namespace berth::runtime
