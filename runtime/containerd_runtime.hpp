// runtime/containerd_runtime.hpp - PodRuntime over containerd; one .cpp a verb.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/lane.hpp"
#include "runtime/containerd_client.hpp"
#include "runtime/event_watch.hpp"
#include "runtime/exec_directory.hpp"
#include "runtime/exec_processes.hpp"
#include "runtime/exec_registry.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/image_puller.hpp"
#include "runtime/image_store.hpp"
#include "runtime/io_directory.hpp"
#include "runtime/oci_spec.hpp"
#include "runtime/pod_cgroups.hpp"
#include "runtime/pod_ipc.hpp"
#include "runtime/pod_runtime.hpp"
#include "runtime/pod_traces.hpp"
#include "runtime/seccomp.hpp"

namespace berth::runtime {

constexpr std::string_view kLeasePrefix = "berth-";
/// The lease under which a container is made.
std::string lease_of(const std::string& container);

class ContainerdRuntime final : public PodRuntime {
 public:
  explicit ContainerdRuntime(RuntimeConfig config);
  /// Sessions of exec_stream() and attach() must be gone.
  ~ContainerdRuntime() override;

  Status check() override;
  std::string version() const override;
  std::vector<SilentShim> silent_shims() const override { return client_.shims().silent(); }
  Result<std::vector<ContainerState>> containers(const std::string& pod_uid) override;
  Result<std::vector<ContainerState>> all_containers() override;
  Status start(const ContainerSpec& spec) override;
  Status kill(const std::string& id, int signal) override;
  Status request_stop(const std::string& id) override;
  Status remove(const std::string& id) override;
  void await_output(const std::string& id) override { io_.drain(id); }
  Result<std::vector<std::string>> present_pods() override;
  Status remove_pod(const std::string& pod_uid) override;
  Result<ImageInfo> image(const std::string& reference) override;
  void pull(const std::string& reference, const std::vector<RegistryAuth>& auths,
            std::function<void(Result<ImageInfo>)> done) override;
  Result<ExecResult> exec(const std::string& id, const std::vector<std::string>& command,
                          std::chrono::milliseconds deadline) override;
  Result<std::unique_ptr<ExecSession>> exec_stream(const std::string& id, const ExecOptions& options) override;
  Result<std::unique_ptr<ExecSession>> attach(const std::string& id, const AttachOptions& options) override;
  Result<std::vector<ContainerUsage>> usage() override;
  void subscribe(std::function<void(const std::string&)> on_change, std::function<void()> on_reconnect) override;
  void shutdown() override { channel_.shutdown(); }

 private:
  friend class ContainerdAttachSession;
  friend class ContainerdExecSession;

  // runtime_start.cpp
  Status try_start(const ContainerSpec& spec, const std::string& id);
  void clear_way(const Error& failure, const std::string& id) const;
  /// From a prepared snapshot to a running process.
  Status launch(const ContainerSpec& spec, const std::string& id, const LocalImage& image,
                const std::vector<SnapshotMount>& rootfs, const std::string& lease);
  Result<std::string> specification(const ContainerSpec& spec, const LocalImage& image, const ResolvedUser& user);
  Result<std::string> seccomp_filter(const ContainerSpec& spec, CapabilitySet capabilities);
  Result<UserFiles> user_files(const LocalImage& image, const std::vector<SnapshotMount>& rootfs);
  Result<HostFacts> host_facts();
  void log_once(const std::string& message);

  // runtime_remove.cpp
  Status stop_task(const std::string& id);
  /// After a container whose task was lost, when it was the pod's last: nobody told its shim to end.
  void end_lost_shims(const std::string& pod_uid);

  // runtime_leftovers.cpp
  /// Ids of containers of which something is left, a record or not.
  Result<std::set<std::string>> traces_of(const std::string& pod_uid);
  /// False: one does not end.
  bool end_shims_of(const std::string& pod_uid);

  // runtime_exec.cpp
  Result<std::string> exec_process(const std::string& id, const std::vector<std::string>& command, bool terminal);
  Status start_exec(const std::string& id, const std::string& exec, const std::string& process, const TaskStdio& stdio);
  Result<std::filesystem::path> make_exec_directory(const std::string& id, const std::string& exec);
  /// Kills it if asked to, forgets it at containerd and on disk: now, or when containerd answers again.
  void end_exec(const std::string& id, const std::string& exec, bool kill);
  /// False: containerd or the shim does not answer.
  bool try_to_end(const HeldExec& held, bool kill);
  /// What a command that was killed has begun, in the container's cgroup and nowhere else.
  void end_session(const std::string& container, const ExecProcesses& session) const;
  void leave(std::shared_ptr<HeldExec> held);
  /// In the background.
  void end_left_execs();
  void recheck_execs(const std::string& container);

  // runtime_attach.cpp
  void remember_stdin(const std::string& id, int fd);
  void forget_stdin(const std::string& id, int fd);
  /// The container reads what was typed so far, and then the end.
  Status end_stdin(const std::string& id);
  /// Tells those whose container ended while we did not hear of it.
  void recheck_attached();

  // runtime_watch.cpp
  Result<ContainerState> inspect(const ContainerRecord& record);
  /// Lists all of ours, once: from then on only we make records. The others wait for the one that asks.
  Status know_records();
  std::vector<std::string> known_records(const std::string& pod_uid) const;
  Result<std::vector<ContainerRecord>> records(const std::string& pod_uid);
  void forget_records(const std::string& pod_uid);
  std::string pod_of(const std::string& id);
  void remember(const std::string& id, const std::string& pod_uid);
  void container_ended(const std::string& id, std::int32_t code);
  void out_of_memory(const std::string& id);
  void connected();
  void adopt_fifos();

  const RuntimeConfig config_;
  GrpcChannel channel_;
  ContainerdClient client_;
  ImageStore images_;
  IoDirectory io_;
  PodCgroups cgroups_;
  PodIpc ipc_;
  PodTraces traces_;
  SeccompProfiles seccomp_;
  ExecRegistry execs_;
  ExecRegistry attached_;  ///< By number; waits for the end of the container.
  std::atomic<std::uint64_t> attach_number_{0};

  std::mutex looking_;  ///< Held while the records are listed for the first time; before mutex_.
  bool records_known_ = false;

  mutable std::mutex mutex_;  ///< Guards what follows.
  std::string version_;       ///< Of containerd, as check() found it.
  /// Container id → pod uid: of all records that there may be, once know_records() has looked. For looks and events.
  std::map<std::string, std::string> pods_;
  std::optional<HostFacts> host_facts_;
  std::list<std::pair<std::string, UserFiles>> user_files_;  ///< By chain id, newest first.
  std::set<std::string> logged_;
  std::multimap<std::string, int> stdins_;  ///< Container id → descriptors of those who are attached and type.
  std::vector<std::shared_ptr<HeldExec>> left_execs_;  ///< Of an earlier agent, or not ended for want of an answer.

  std::function<void(const std::string&)> on_change_;
  std::function<void()> on_reconnect_;

  // Threads; they go first.
  ImagePuller puller_;
  std::unique_ptr<Lane> clean_up_;  ///< Ends execs whose session is gone: that must not block the caller.
  std::unique_ptr<EventWatch> watch_;
};

}  // namespace berth::runtime
