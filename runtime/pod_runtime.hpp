// runtime/pod_runtime.hpp - front door: the containers of pods, and their images.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/pod.hpp"

namespace berth::runtime {

/// Which pod a container belongs to; ends up in containerd labels, cgroup and log records.
struct PodIdentity {
  std::string uid;
  std::string ns;
  std::string name;
};

/// Is what is mounted below a read-only mount read-only, too (KEP-3857)? Needs Linux 5.12 and runc 1.1.
enum class Recursive { No, IfPossible, Yes };

struct Mount {
  std::string source;  ///< Host path.
  std::string target;  ///< Path in the container.
  bool read_only = false;
  std::string propagation;  ///< "rprivate", "rslave", "rshared"
  Recursive recursive = Recursive::No;
};

/// A device of the host in a container, where it is told to be (KEP-351); read, write and mknod are allowed.
struct Device {
  std::string source;  ///< Host path, links followed.
  std::string target;
};

/// What the containers of a pod get together: for the pod's own cgroup.
struct PodLimits {
  std::int64_t cpu_shares = 2;    ///< Against other pods when the CPU is short; 1024 is one CPU (cgroups version 1).
  std::int64_t cpu_quota = 0;     ///< Microseconds of CPU in every 100 ms; 0: no limit.
  std::int64_t memory_bytes = 0;  ///< 0: no limit.

  friend bool operator==(const PodLimits&, const PodLimits&) = default;
};

/// As the kubelet computes it: requests and limits of the containers that run at the same time, and a limit only when
/// every container has one.
PodLimits pod_limits(const model::PodSpec& spec);

/// Everything about one container to run; all references (env, volumes, users by pod default) resolved.
struct ContainerSpec {
  PodIdentity pod;
  std::string name;                  ///< Container name in the pod spec.
  std::uint32_t attempt = 0;         ///< Restart count: part of the id, so a restart is a new container.
  std::string image;                 ///< As in the manifest.
  std::vector<std::string> command;  ///< Replaces the image's entrypoint when not empty.
  std::vector<std::string> args;     ///< Replaces the image's cmd when command or args are given.
  std::string working_dir;
  std::vector<std::string> env;  ///< "NAME=value", added over the image's.
  std::vector<Mount> mounts;
  std::vector<Device> devices;
  std::string netns_path;  ///< Empty: the host's network.
  std::string hostname;    ///< Empty with the host's network.
  bool host_pid = false;
  bool host_ipc = false;
  bool host_users = true;  ///< Otherwise start() refuses: user namespaces are not made.
  model::ContainerSecurity security;
  model::PodSecurity pod_security;
  model::Resources resources;
  PodLimits pod_limits;
  std::string qos_class;
  bool tty = false;
  bool has_stdin = false;
  bool stdin_once = false;
};

/// "<pod uid>-<container>-<attempt>": derived, never remembered.
std::string container_id(const std::string& pod_uid, const std::string& container, std::uint32_t attempt);
/// The pod of a container with such an id; empty: it is none of ours (our uids are RFC 4122's).
std::string pod_uid_of(std::string_view container_id);

enum class ContainerPhase {
  Created,  ///< Record exists, process not started: start it again or remove it.
  Running,
  Exited,   ///< exit_code and finished_at are set.
  Unknown,  ///< Its shim died, containerd does not know the task: treat as ended, status lost.
};

/// One container as containerd knows it now.
struct ContainerState {
  std::string id;
  PodIdentity pod;
  std::string name;
  std::uint32_t attempt = 0;
  ContainerPhase phase = ContainerPhase::Unknown;
  std::uint32_t pid = 0;
  std::int32_t exit_code = 0;
  bool oom_killed = false;
  WallTime created_at{};
  WallTime started_at{};  ///< Persisted as a containerd label, so it survives our restart.
  WallTime finished_at{};
  std::string image;     ///< As asked for.
  std::string image_id;  ///< Digest of the image it runs.
};

struct ImageInfo {
  std::string name;    ///< Normalised reference: "docker.io/library/mongo:3.4.1".
  std::string digest;  ///< Manifest digest.
  std::string user;    ///< From the image config: "", "1000", "redis:redis".
};

struct RegistryAuth {
  std::string username;
  std::string password;
  std::string identity_token;
};

/// Result of a command run inside a container to its end.
struct ExecResult {
  std::int32_t exit_code = 0;
  std::string output;  ///< stdout and stderr, cut at 10 KiB.
};

/// The streams of a command running inside a container, or of the container itself. Destroying it kills the command and
/// what it has begun, as exec() does (exec_stream()); the container goes on (attach()).
class ExecSession {
 public:
  virtual ~ExecSession() = default;
  /// Our ends of the streams, non-blocking; -1 when that stream was not asked for. Owned by the session.
  virtual int stdin_fd() const = 0;
  virtual int stdout_fd() const = 0;
  virtual int stderr_fd() const = 0;
  /// Closes the process's stdin (EOF); attached: see attach().
  virtual Status close_stdin() = 0;
  virtual Status resize(std::uint16_t columns, std::uint16_t rows) = 0;
  /// Calls `on_exit` once with the exit code, on a thread of the runtime.
  virtual void on_exit(std::function<void(Result<std::int32_t>)> on_exit) = 0;
};

/// What a container has used so far, as the kernel counts it.
struct ContainerUsage {
  std::string id;
  std::string pod_uid;
  WallTime at{};
  std::chrono::steady_clock::time_point measured_at{};
  std::uint64_t cpu_nanoseconds = 0;  ///< Since it was started; grows.
  std::uint64_t memory_bytes = 0;     ///< Working set: in use, without inactive pages of files.
};

struct ExecOptions {
  std::vector<std::string> command;
  bool has_stdin = false;
  bool has_stdout = true;
  bool has_stderr = true;  ///< Not with tty.
  bool tty = false;
};

struct AttachOptions {
  bool has_stdin = false;
  bool has_stdout = true;
  bool has_stderr = true;  ///< With a terminal there is none: everything is on stdout.
};

/// Containers and images of this host. All calls block for a bounded time (10 s for each answer of a shim, a minute for
/// each of containerd) and may be made on any lane thread; the same container must not be changed by two threads at
/// once. Common errors: Unavailable (containerd is away, or the shim of a container does not answer: retry),
/// DeadlineExceeded (unknown whether it happened).
class PodRuntime {
 public:
  virtual ~PodRuntime() = default;

  /// Is containerd there, and is it one we can use? FailedPrecondition names what is missing.
  virtual Status check() = 0;
  /// "containerd://1.6.20" as the last check() found it; empty before. Any thread.
  virtual std::string version() const { return {}; }

  /// Containers of one pod, every attempt that was not removed, oldest attempt first.
  virtual Result<std::vector<ContainerState>> containers(const std::string& pod_uid) = 0;

  /// Containers of all pods: for recovery after a start, and orphans.
  virtual Result<std::vector<ContainerState>> all_containers() = 0;

  /// Lease, snapshot, container, task, wait, start. Already running is success. On error nothing of
  /// it is left, or remove() clears it. All containers of a pod have one IPC namespace and one /dev/shm, which last
  /// until remove_pod(); with `host_ipc` the host's.
  /// Errors: NotFound (image not present: pull it), InvalidArgument (runAsNonRoot with a root image,
  /// no command, a confinement that this host does not have, ...; the message is for the user), Internal (runc refused;
  /// its text).
  virtual Status start(const ContainerSpec& spec) = 0;

  /// Sends `signal` to the container's init process. Not running is success.
  virtual Status kill(const std::string& id, int signal) = 0;

  /// Sends the signal that asks the container to end: the StopSignal of its image, by default SIGTERM. Not running is
  /// success.
  virtual Status request_stop(const std::string& id) = 0;

  /// Kills (SIGKILL) if it runs, waits for its output to be collected (bounded), deletes task,
  /// container, snapshot, FIFOs. Gone is success.
  virtual Status remove(const std::string& id) = 0;

  /// Waits until what an ended container wrote is where logs are read, for as long as remove() does.
  virtual void await_output(const std::string& id) = 0;

  /// uids of all pods of which anything is on this host: a container, or what a start or a removal that was cut short
  /// leaves (cgroup, IPC namespace, FIFOs, snapshot, lease, shim). For recovery after a start: see remove_pod().
  virtual Result<std::vector<std::string>> present_pods() = 0;

  /// The end of a pod: removes whatever of it is left in any of the places that present_pods() looks at, containers
  /// included. Nothing left is success, and success means that nothing is left. On an error call it again.
  virtual Status remove_pod(const std::string& pod_uid) = 0;

  /// The image, if present. NotFound: pull it.
  virtual Result<ImageInfo> image(const std::string& reference) = 0;

  /// Begins a pull; `done` runs on a thread of the runtime. Equal pulls in flight are joined.
  /// Errors: NotFound (no such image), Unauthenticated, Unavailable, InvalidArgument (bad reference).
  virtual void pull(const std::string& reference, const std::vector<RegistryAuth>& auths,
                    std::function<void(Result<ImageInfo>)> done) = 0;

  /// Runs a command to its end: probes and hooks. DeadlineExceeded: it was killed, and with it all that it has begun;
  /// what left its session (setsid(2)), or was told to ignore a hang-up (nohup(1)), goes on. What a command that ended
  /// by itself leaves behind goes on, too.
  virtual Result<ExecResult> exec(const std::string& id, const std::vector<std::string>& command,
                                  std::chrono::milliseconds deadline) = 0;

  /// Starts a command with streams: kubectl exec.
  virtual Result<std::unique_ptr<ExecSession>> exec_stream(const std::string& id, const ExecOptions& options) = 0;

  /// The streams of a running container's own process, from now on: kubectl attach. Output comes as the process writes
  /// it, whole lines or not, beginning with the line that it is in the middle of (a prompt). Any number may be
  /// attached, up to a limit; each gets everything, what they type is mixed.
  ///
  /// stdin: with `stdinOnce` and no terminal, the first close_stdin(), or the end of the first session that has stdin,
  /// is the end (EOF) of the container's. Otherwise close_stdin() ends this session only, and the container's stdin
  /// stays open for the next, as kubelets do it.
  ///
  /// The end: on_exit tells the container's exit code when it ends, and 0 after a close_stdin() that ended the session.
  /// When every output descriptor is at its end and on_exit is silent, the attach is over all the same: berth-logd was
  /// restarted, or dropped a reader that was more than 1 MiB behind. Kubernetes answers Success in each of these cases.
  ///
  /// Errors: NotFound, FailedPrecondition (it does not run; it has no stdin: made without `stdin: true`, or closed
  /// before), Unavailable (berth-logd does not run), ResourceExhausted (too many are attached). Messages are for users.
  virtual Result<std::unique_ptr<ExecSession>> attach(const std::string& id, const AttachOptions& options) = 0;

  /// Every container of ours that has processes, in no order. Reads a few small files of each and asks nobody.
  virtual Result<std::vector<ContainerUsage>> usage() = 0;

  /// Calls `on_change(pod_uid)` whenever a container of that pod may have changed (exit, OOM), and
  /// `on_reconnect()` after the connection was (re)made, when anything may have changed. Both run on
  /// a thread of the runtime: post. Call once, before anything else: it takes over what an earlier agent left.
  virtual void subscribe(std::function<void(const std::string&)> on_change, std::function<void()> on_reconnect) = 0;

  /// The agent stops and does not wait any longer: what waits for an answer of containerd gets Cancelled, at once, and
  /// so does every later call. Containers are left as they are. Any thread.
  virtual void shutdown() {}
};

struct RuntimeConfig {
  std::string address = "/run/containerd/containerd.sock";
  std::string ns = "k8s.io";
  std::string runtime = "io.containerd.runc.v2";
  std::string snapshotter = "overlayfs";
  std::filesystem::path run_dir = "/run/berth";  ///< FIFOs are made in run_dir/io.
  std::string cgroup_parent = "/berth-pods";     ///< Pods' cgroups are made below it.
};

/// The real thing, over gRPC. Does not connect yet: see check().
std::unique_ptr<PodRuntime> make_containerd_runtime(const RuntimeConfig& config);

}  // namespace berth::runtime
