// model/pod.hpp - Pod as typed structs: the fields that berth acts on, with Kubernetes' defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/boxed.hpp"
#include "model/disk_sources.hpp"
#include "model/meta.hpp"
#include "model/quantity.hpp"
#include "model/shared_list.hpp"

namespace berth::model {

// --- Places that values come from --------------------------------------------------------------

struct KeySelector {  ///< configMapKeyRef, secretKeyRef
  std::string name;
  std::string key;
  bool optional = false;
  bool operator==(const KeySelector&) const = default;
};
struct FieldRef {
  std::string field_path;  ///< "metadata.name", "status.podIP", "metadata.labels['app']"
  bool operator==(const FieldRef&) const = default;
};
struct ResourceFieldRef {
  std::string container_name;
  std::string resource;  ///< "limits.cpu"
  Quantity divisor;      ///< Zero means 1.
  bool operator==(const ResourceFieldRef&) const = default;
};

struct EnvVar {
  std::string name;
  std::string value;
  std::optional<FieldRef> field_ref;
  std::optional<ResourceFieldRef> resource_field_ref;
  std::optional<KeySelector> config_map_key_ref;
  std::optional<KeySelector> secret_key_ref;
  bool operator==(const EnvVar&) const = default;
};

struct EnvFrom {
  std::string prefix;
  std::string config_map;  ///< Exactly one of config_map and secret is set.
  std::string secret;
  bool optional = false;
  bool operator==(const EnvFrom&) const = default;
};

// --- Volumes ------------------------------------------------------------------------------------

struct KeyToPath {
  std::string key;
  std::string path;
  std::optional<std::int32_t> mode;
};

struct EmptyDirSource {
  std::string medium;  ///< "" or "Memory"
  std::optional<Quantity> size_limit;
};
struct HostPathSource {
  std::string path;
  /// "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
  std::string type;
};
struct ConfigMapSource {
  std::string name;
  std::vector<KeyToPath> items;
  std::int32_t default_mode = 0644;
  bool optional = false;
};
struct SecretSource {
  std::string secret_name;
  std::vector<KeyToPath> items;
  std::int32_t default_mode = 0644;
  bool optional = false;
};
struct DownwardItem {
  std::string path;
  std::optional<FieldRef> field_ref;
  std::optional<ResourceFieldRef> resource_field_ref;
  std::optional<std::int32_t> mode;
};
struct DownwardSource {
  std::vector<DownwardItem> items;
  std::int32_t default_mode = 0644;
};
struct ProjectedSource {
  std::vector<std::variant<ConfigMapSource, SecretSource, DownwardSource>> sources;
  std::int32_t default_mode = 0644;
};
struct ClaimSource {
  std::string claim_name;
  bool read_only = false;
};
/// A kind that is valid Kubernetes but that this build does not mount yet; refused with its name.
struct UnsupportedSource {
  std::string kind;  ///< "csi", "cephfs", ...
};

using VolumeSource =
    std::variant<EmptyDirSource, HostPathSource, ConfigMapSource, SecretSource, DownwardSource, ProjectedSource,
                 ClaimSource, NfsSource, IscsiSource, FcSource, CloudDiskSource, UnsupportedSource>;

/// Those of them that a PersistentVolume can have too.
using DiskSource = std::variant<NfsSource, IscsiSource, FcSource, CloudDiskSource>;

/// What a PersistentVolume stands for.
using PersistentSource =
    std::variant<HostPathSource, LocalSource, NfsSource, IscsiSource, FcSource, CloudDiskSource, UnsupportedSource>;

struct Volume {
  std::string name;
  VolumeSource source;
};

struct VolumeMount {
  std::string name;
  std::string mount_path;
  std::string sub_path;
  std::string sub_path_expr;
  bool read_only = false;
  std::string mount_propagation;    ///< "", "None", "HostToContainer", "Bidirectional"
  std::string recursive_read_only;  ///< "", "Disabled", "IfPossible", "Enabled" (KEP-3857)
  bool operator==(const VolumeMount&) const = default;
};

/// A raw block volume inside a container (KEP-351).
struct VolumeDevice {
  std::string name;
  std::string device_path;
  bool operator==(const VolumeDevice&) const = default;
};

// --- Probes and hooks ---------------------------------------------------------------------------

struct ExecAction {
  std::vector<std::string> command;
  bool operator==(const ExecAction&) const = default;
};
struct HttpHeader {
  std::string name;
  std::string value;
  bool operator==(const HttpHeader&) const = default;
};
struct HttpGetAction {
  std::string path = "/";
  std::string port;  ///< A number or the name of a container port.
  std::string host;
  std::string scheme = "HTTP";
  std::vector<HttpHeader> headers;
  bool operator==(const HttpGetAction&) const = default;
};
struct TcpSocketAction {
  std::string port;
  std::string host;
  bool operator==(const TcpSocketAction&) const = default;
};
struct GrpcAction {
  std::int32_t port = 0;
  std::string service;
  bool operator==(const GrpcAction&) const = default;
};
struct SleepAction {
  std::chrono::seconds duration{0};
  bool operator==(const SleepAction&) const = default;
};
using ProbeAction = std::variant<ExecAction, HttpGetAction, TcpSocketAction, GrpcAction>;
using HookAction = std::variant<ExecAction, HttpGetAction, TcpSocketAction, SleepAction>;

struct Probe {
  ProbeAction action;
  std::chrono::seconds initial_delay{0};
  std::chrono::seconds timeout{1};
  std::chrono::seconds period{10};
  std::int32_t success_threshold = 1;
  std::int32_t failure_threshold = 3;
  std::optional<std::chrono::seconds> termination_grace_period;
  bool operator==(const Probe&) const = default;
};

struct Lifecycle {
  Boxed<HookAction> post_start;
  Boxed<HookAction> pre_stop;
  bool operator==(const Lifecycle&) const = default;
};

// --- Security -----------------------------------------------------------------------------------

struct SeccompProfile {
  std::string type;  ///< "RuntimeDefault", "Unconfined", "Localhost"
  std::string localhost_profile;
  bool operator==(const SeccompProfile&) const = default;
};

/// A name that is loaded into the kernel for Localhost.
using AppArmorProfile = SeccompProfile;

struct ContainerSecurity {
  std::optional<std::int64_t> run_as_user;
  std::optional<std::int64_t> run_as_group;
  std::optional<bool> run_as_non_root;
  std::optional<bool> privileged;
  std::optional<bool> read_only_root_filesystem;
  std::optional<bool> allow_privilege_escalation;
  std::vector<std::string> capabilities_add;
  std::vector<std::string> capabilities_drop;
  std::optional<SeccompProfile> seccomp;
  std::optional<AppArmorProfile> app_armor;
  std::string proc_mount;
  bool operator==(const ContainerSecurity&) const = default;
};

struct Sysctl {
  std::string name;
  std::string value;
};

struct PodSecurity {
  std::optional<std::int64_t> run_as_user;
  std::optional<std::int64_t> run_as_group;
  std::optional<bool> run_as_non_root;
  std::optional<std::int64_t> fs_group;
  std::string fs_group_change_policy;  ///< "", "Always", "OnRootMismatch"
  std::vector<std::int64_t> supplemental_groups;
  std::vector<Sysctl> sysctls;
  std::optional<SeccompProfile> seccomp;
  std::optional<AppArmorProfile> app_armor;
};

// --- Containers ---------------------------------------------------------------------------------

struct ContainerPort {
  std::string name;
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;
  std::string host_ip;
  std::string protocol = "TCP";
  bool operator==(const ContainerPort&) const = default;
};

struct Resources {
  std::map<std::string, Quantity> requests;  ///< Requests default to limits.
  std::map<std::string, Quantity> limits;
  bool operator==(const Resources&) const = default;
};

struct Container {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::string working_dir;
  std::vector<ContainerPort> ports;
  std::vector<EnvFrom> env_from;
  std::vector<EnvVar> env;
  Resources resources;
  std::vector<VolumeMount> volume_mounts;
  std::vector<VolumeDevice> volume_devices;
  Boxed<Probe> liveness;
  Boxed<Probe> readiness;
  Boxed<Probe> startup;
  Lifecycle lifecycle;
  std::string termination_message_path = "/dev/termination-log";
  std::string termination_message_policy = "File";  ///< or "FallbackToLogsOnError"
  std::string image_pull_policy;  ///< Defaulted: "Always" for :latest or no tag, else "IfNotPresent"; or "Never".
  ContainerSecurity security;
  std::string restart_policy;  ///< Init containers only: "Always" makes a sidecar (KEP-753).
  bool has_stdin = false;
  bool stdin_once = false;
  bool tty = false;
  bool operator==(const Container&) const = default;
};

// --- Placement ----------------------------------------------------------------------------------

struct Toleration {
  std::string key;
  std::string op = "Equal";  ///< "Equal" or "Exists"
  std::string value;
  std::string effect;  ///< "" tolerates every effect
  std::optional<std::int64_t> toleration_seconds;
  bool operator==(const Toleration&) const = default;
};
struct Taint {
  std::string key;
  std::string value;
  std::string effect;
  bool operator==(const Taint&) const = default;
};
struct SelectorRequirement {
  std::string key;
  std::string op;  ///< "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"
  std::vector<std::string> values;
  bool operator==(const SelectorRequirement&) const = default;
};
struct NodeSelectorTerm {
  std::vector<SelectorRequirement> match_expressions;
  std::vector<SelectorRequirement> match_fields;
  bool operator==(const NodeSelectorTerm&) const = default;
};

struct HostAlias {
  std::string ip;
  std::vector<std::string> hostnames;
};
struct DnsOption {
  std::string name;
  std::optional<std::string> value;
};
struct DnsConfig {
  std::vector<std::string> nameservers;
  std::vector<std::string> searches;
  std::vector<DnsOption> options;
};

struct PodSpec {
  std::vector<Volume> volumes;
  SharedList<Container> init_containers;
  SharedList<Container> containers;
  std::string restart_policy = "Always";
  std::int64_t termination_grace_period_seconds = 30;
  std::optional<std::int64_t> active_deadline_seconds;
  std::string dns_policy = "ClusterFirst";
  DnsConfig dns_config;
  StringMap node_selector;
  std::string node_name;
  bool host_network = false;
  bool host_pid = false;
  bool host_ipc = false;
  bool host_users = true;
  bool share_process_namespace = false;
  PodSecurity security;
  std::vector<std::string> image_pull_secrets;
  std::string hostname;
  std::string subdomain;
  bool set_hostname_as_fqdn = false;
  std::vector<NodeSelectorTerm> required_node_affinity;  ///< Terms are ORed; empty: no constraint.
  SharedList<Toleration> tolerations;
  std::vector<HostAlias> host_aliases;
  std::string priority_class_name;
  bool enable_service_links = true;
};

// --- Status -------------------------------------------------------------------------------------

struct ContainerStateWaiting {
  std::string reason;  ///< "ContainerCreating", "CrashLoopBackOff", "ErrImagePull", ...
  std::string message;
  bool operator==(const ContainerStateWaiting&) const = default;
};
struct ContainerStateRunning {
  std::string started_at;
  bool operator==(const ContainerStateRunning&) const = default;
};
struct ContainerStateTerminated {
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::string reason;  ///< "Completed", "Error", "OOMKilled", "ContainerStatusUnknown", ...
  std::string message;
  std::string started_at;
  std::string finished_at;
  std::string container_id;
  bool operator==(const ContainerStateTerminated&) const = default;
};
using ContainerStateView = std::variant<ContainerStateWaiting, ContainerStateRunning, ContainerStateTerminated>;

struct ContainerStatus {
  std::string name;
  ContainerStateView state = ContainerStateWaiting{};
  Boxed<ContainerStateTerminated> last_state;
  bool ready = false;
  bool started = false;
  std::int32_t restart_count = 0;
  std::string image;
  std::string image_id;
  std::string container_id;  ///< "containerd://..."
  bool operator==(const ContainerStatus&) const = default;
};

struct PodCondition {
  std::string type;    ///< "PodScheduled", "Initialized", "ContainersReady", "Ready"
  std::string status;  ///< "True", "False", "Unknown"
  std::string reason;
  std::string message;
  std::string last_transition_time;
  bool operator==(const PodCondition&) const = default;
};

/// Has a pod of that phase ended for good?
constexpr bool is_terminal_phase(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

struct PodStatus {
  std::string phase = "Pending";  ///< "Pending", "Running", "Succeeded", "Failed", "Unknown"
  std::string reason;
  std::string message;
  std::string host_ip;
  std::string pod_ip;
  std::string start_time;
  std::string qos_class;  ///< "Guaranteed", "Burstable", "BestEffort"
  std::vector<PodCondition> conditions;
  std::vector<ContainerStatus> init_container_statuses;
  std::vector<ContainerStatus> container_statuses;
  bool operator==(const PodStatus&) const = default;

  /// The condition of that type, or null.
  const PodCondition* condition(std::string_view type) const;
  bool ready() const;  ///< Condition Ready is True.
};

struct Pod {
  ObjectMeta meta;
  PodSpec spec;
  PodStatus status;
};

/// A pod template inside a set: labels and annotations, spec, and the JSON it was decoded from.
struct PodTemplate {
  ObjectMeta meta;
  PodSpec spec;
  json::object raw;  ///< {metadata, spec} defaulted: what revisions hash and pods are made from.
};

}  // namespace berth::model
