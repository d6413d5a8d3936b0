// runtime/containerd_client.hpp - containerd's services as plain calls on plain structs.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/grpc_channel.hpp"
#include "runtime/shim_silence.hpp"

namespace berth::runtime {

struct Descriptor {
  std::string media_type;
  std::string digest;
  std::int64_t size = 0;
};

struct ImageRecord {
  std::string name;
  Descriptor target;
};

/// A mount as a snapshotter describes it, see mount(8).
struct SnapshotMount {
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

struct ContainerRecord {
  std::string id;
  std::map<std::string, std::string> labels;
  std::string image;
  std::string spec_json;  ///< OCI runtime spec.
  std::string snapshot_key;
  WallTime created_at{};
};

enum class TaskStatus { Unknown, Created, Running, Stopped, Paused };

struct TaskRecord {
  std::string id;  ///< Of the container, or of the exec.
  std::uint32_t pid = 0;
  TaskStatus status = TaskStatus::Unknown;
  std::int32_t exit_status = 0;
  WallTime exited_at{};
};

/// Paths of FIFOs; empty: that stream is /dev/null.
struct TaskStdio {
  std::string in;
  std::string out;
  std::string err;
  bool terminal = false;
};

struct PluginRecord {
  std::string type;
  std::string id;
  std::string init_error;  ///< Empty: it works.
};

struct PullCredentials {
  std::string username;
  std::string password;
  std::string identity_token;
};

/// How long we wait for what containerd answers by itself, from its database. Nothing but a containerd that is stuck
/// takes so long: a deadline guards against never, and must not turn slow into never.
constexpr std::chrono::milliseconds kPatience{60'000};

/// How slow containerd is at the moment: what its last answers of its own took. Any thread.
class Pace {
 public:
  void took(std::chrono::milliseconds time) {
    const auto before = slowest_.load(std::memory_order_relaxed);
    // At once up, slowly down. Two that answer at the same time may lose one of them: it is an estimate.
    slowest_.store(std::max<std::int64_t>(time.count(), before * 7 / 8), std::memory_order_relaxed);
  }
  std::chrono::milliseconds now() const { return std::chrono::milliseconds(slowest_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<std::int64_t> slowest_{0};
};

/// One namespace of one containerd. Every call blocks for at most its deadline and may be made on any thread: kPatience
/// for what containerd answers by itself; 10 s, unless said, for what a shim has to answer, and longer as containerd
/// itself takes longer (one hung shim must not hold up the other pods, a slow host must not fail them all). Errors keep
/// containerd's code; the text starts with the service and method.
class ContainerdClient {
 public:
  struct Settings {
    std::string ns;
    std::string snapshotter;
    std::string runtime;
  };
  ContainerdClient(GrpcChannel& channel, Settings settings) : channel_(channel), settings_(std::move(settings)) {}

  // containerd_records.cpp
  Result<std::string> version(std::chrono::milliseconds deadline);
  Result<std::vector<PluginRecord>> plugins(std::chrono::milliseconds deadline);
  Status create_lease(const std::string& id, std::chrono::seconds lifetime);
  Status delete_lease(const std::string& id);
  /// Ids of the leases that match the filter.
  Result<std::vector<std::string>> leases(const std::string& filter);
  Result<std::vector<SnapshotMount>> prepare_snapshot(const std::string& key, const std::string& parent,
                                                      const std::map<std::string, std::string>& labels,
                                                      const std::string& lease);
  /// Keys of the snapshots that match the filter.
  Result<std::vector<std::string>> snapshots(const std::string& filter);
  Status remove_snapshot(const std::string& key);
  Status create_container(const ContainerRecord& record, const std::string& lease);
  Result<ContainerRecord> container(const std::string& id);
  /// Each container that matches the filter, with its spec left out: one is held at a time, for a spec is 10 to 30 KB.
  Result<std::vector<ContainerRecord>> containers(const std::string& filter);
  Status set_container_label(const std::string& id, const std::string& label, const std::string& value);
  Status delete_container(const std::string& id);

  // containerd_images.cpp
  Result<ImageRecord> image(const std::string& name);
  Result<std::vector<ImageRecord>> images(const std::string& filter);
  /// A whole blob; ResourceExhausted when it is larger than `max_bytes`.
  Result<std::string> read_content(const std::string& digest, std::size_t max_bytes);
  /// Downloads and unpacks through CRI's image service. Lands in namespace k8s.io, whatever ours is.
  Status pull_image(const std::string& name, const PullCredentials* credentials, std::chrono::milliseconds deadline);

  // containerd_tasks.cpp
  Result<std::uint32_t> create_task(const std::string& id, const std::vector<SnapshotMount>& rootfs,
                                    const TaskStdio& stdio, std::chrono::milliseconds deadline);
  /// `exec` empty: the container's init process, here and below.
  Status start_process(const std::string& id, const std::string& exec);
  Result<TaskRecord> process(const std::string& id, const std::string& exec);
  Result<std::vector<TaskRecord>> tasks();
  Status kill(const std::string& id, const std::string& exec, int signal);
  /// Until it has ended, or DeadlineExceeded.
  Result<std::int32_t> wait(const std::string& id, const std::string& exec, std::chrono::milliseconds deadline);
  Status delete_task(const std::string& id);
  Status add_exec(const std::string& id, const std::string& exec, const std::string& process_json,
                  const TaskStdio& stdio);
  Status delete_exec(const std::string& id, const std::string& exec);
  Status resize(const std::string& id, const std::string& exec, std::uint16_t columns, std::uint16_t rows);
  Status close_stdin(const std::string& id, const std::string& exec);

  const Settings& settings() const { return settings_; }
  GrpcChannel& channel() { return channel_; }
  ShimSilence& shims() { return shims_; }
  const ShimSilence& shims() const { return shims_; }

 private:
  CallOptions options(std::chrono::milliseconds deadline = kPatience) const { return {settings_.ns, {}, deadline}; }
  CallOptions leased(const std::string& lease) const { return {settings_.ns, lease, kPatience}; }
  /// For what a shim answers.
  CallOptions shim(std::chrono::milliseconds deadline = std::chrono::seconds(10)) const {
    return options(std::min(deadline + 4 * pace_.now(), std::max(deadline, kPatience)));
  }

  GrpcChannel& channel_;
  Settings settings_;
  Pace pace_;
  ShimSilence shims_;
};

}  // namespace berth::runtime
