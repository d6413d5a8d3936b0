// model/workloads.hpp - the other kinds as typed structs: sets, services, configuration, storage, nodes, events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/pod.hpp"

namespace berth::model {

struct LabelSelector {
  StringMap match_labels;
  std::vector<SelectorRequirement> match_expressions;
};

struct ClaimTemplate {
  ObjectMeta meta;
  json::object raw;  ///< The whole template, as the claim will be made from it.
};

struct StatefulSet {
  ObjectMeta meta;
  std::int32_t replicas = 1;
  LabelSelector selector;
  PodTemplate pod_template;
  std::vector<ClaimTemplate> claim_templates;
  std::string service_name;
  std::string pod_management_policy = "OrderedReady";  ///< or "Parallel"
  std::string update_strategy = "RollingUpdate";       ///< or "OnDelete"
  std::int32_t partition = 0;
  std::int32_t revision_history_limit = 10;
  std::int32_t min_ready_seconds = 0;
  std::int32_t start_ordinal = 0;
  std::string retention_when_deleted = "Retain";  ///< or "Delete"
  std::string retention_when_scaled = "Retain";
  std::string current_revision;  ///< status.currentRevision: what pods below the partition stay at.
};

struct DaemonSet {
  ObjectMeta meta;
  LabelSelector selector;
  PodTemplate pod_template;
  std::string update_strategy = "RollingUpdate";  ///< or "OnDelete"
  std::int32_t revision_history_limit = 10;
  std::int32_t min_ready_seconds = 0;
};

/// A ReplicaSet or a ReplicationController: they differ in how the selector is written, and in nothing else.
struct ReplicaSet {
  ObjectMeta meta;
  std::int32_t replicas = 1;
  LabelSelector selector;
  PodTemplate pod_template;
  std::int32_t min_ready_seconds = 0;
};

/// A number, or a share of another: "25%".
struct CountOrPercent {
  std::int32_t number = 0;
  bool percent = false;

  std::int64_t rounded_up(std::int64_t all) const { return share(all, kWhole - 1); }
  std::int64_t rounded_down(std::int64_t all) const { return share(all, 0); }

 private:
  static constexpr std::int64_t kWhole = 100;
  std::int64_t share(std::int64_t all, std::int64_t more) const {
    return percent ? (number * all + more) / kWhole : number;
  }
};

struct DeploymentCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
  std::string last_update_time;
  std::string last_transition_time;
  bool operator==(const DeploymentCondition&) const = default;
};
struct DeploymentStatus {
  std::int64_t observed_generation = 0;
  std::int32_t replicas = 0;
  std::int32_t updated = 0;
  std::int32_t ready = 0;
  std::int32_t available = 0;
  std::int32_t unavailable = 0;
  std::int32_t collision_count = 0;
  std::vector<DeploymentCondition> conditions;
  const DeploymentCondition* condition(std::string_view type) const;
};
struct Deployment {
  ObjectMeta meta;
  std::int32_t replicas = 1;
  LabelSelector selector;
  PodTemplate pod_template;
  std::string strategy = "RollingUpdate";  ///< or "Recreate"
  CountOrPercent max_surge{25, true};
  CountOrPercent max_unavailable{25, true};
  std::int32_t min_ready_seconds = 0;
  std::int32_t revision_history_limit = 10;
  bool paused = false;
  std::int32_t progress_deadline_seconds = 600;  ///< The largest number: none.
  DeploymentStatus status;
};

struct ServicePort {
  std::string name;
  std::string protocol = "TCP";
  std::int32_t port = 0;
  std::string target_port;  ///< A number or the name of a container port; defaults to `port`.
  std::int32_t node_port = 0;
};
/// With the value "pods": packets to the service's address and a port that it does not name go to that port of a pod,
/// as they did when its name led to the pods. For services that an earlier version stored without an address.
inline constexpr const char* kOtherPorts = "berth.io/other-ports";

struct Service {
  ObjectMeta meta;
  std::string type = "ClusterIP";
  std::string cluster_ip;  ///< "None" is headless
  StringMap selector;      ///< Empty: endpoints are managed by somebody else.
  std::vector<ServicePort> ports;
  bool publish_not_ready_addresses = false;
  std::string external_name;
  std::int32_t affinity_seconds = 0;       ///< sessionAffinity ClientIP: its timeout; 0: None.
  bool internal_local = false;             ///< internalTrafficPolicy Local
  bool external_local = false;             ///< externalTrafficPolicy Local
  std::int32_t health_check_port = 0;      ///< healthCheckNodePort; 0: none.
  std::string load_balancer_class;         ///< Empty: ours.
  std::vector<std::string> source_ranges;  ///< loadBalancerSourceRanges
  std::vector<std::string> balanced_at;    ///< status.loadBalancer.ingress[*].ip
  bool other_ports = false;                ///< kOtherPorts: ports that it does not name are its pods'.
  bool headless() const { return cluster_ip == "None"; }
  /// Has it an address of its own?
  bool has_address() const { return !cluster_ip.empty() && !headless() && type != "ExternalName"; }
};

struct ConfigMap {
  ObjectMeta meta;
  std::map<std::string, std::string> data;  ///< data and decoded binaryData together; bytes.
  bool immutable = false;
};
struct Secret {
  ObjectMeta meta;
  std::string type = "Opaque";
  std::map<std::string, std::string> data;  ///< Decoded data with stringData merged over it; bytes.
  bool immutable = false;
};

struct PersistentVolumeClaim {
  ObjectMeta meta;
  std::vector<std::string> access_modes;
  std::optional<std::string> storage_class_name;  ///< Absent: the default class; "": static volumes only.
  std::string volume_name;
  std::string volume_mode = "Filesystem";
  Quantity request;  ///< resources.requests.storage
  LabelSelector selector;
  std::string phase;  ///< status.phase: "Pending", "Bound", "Lost"
  Quantity capacity;  ///< status.capacity.storage
};
struct PersistentVolume {
  ObjectMeta meta;
  Quantity capacity;
  std::vector<std::string> access_modes;
  std::string storage_class_name;
  std::string reclaim_policy = "Retain";
  std::string volume_mode = "Filesystem";
  std::string claim_ns;
  std::string claim_name;
  std::string claim_uid;
  PersistentSource source = UnsupportedSource{};
  std::vector<std::string> mount_options;
  std::vector<NodeSelectorTerm> node_affinity;
  std::string phase;  ///< "Available", "Bound", "Released", "Failed"
};
/// A volume is one node's, and nobody else's, while this is there.
struct VolumeAttachment {
  ObjectMeta meta;
  std::string attacher;     ///< Who made it and takes it away.
  std::string node_name;    ///< Whose the volume is.
  std::string volume_name;  ///< The PersistentVolume's.
};

struct StorageClass {
  ObjectMeta meta;
  std::string provisioner;
  StringMap parameters;
  std::string reclaim_policy = "Delete";
  std::string volume_binding_mode = "Immediate";  ///< or "WaitForFirstConsumer"
  bool allow_volume_expansion = false;
  std::vector<std::string> mount_options;  ///< Given to the volumes it makes.
  bool is_default() const;                 ///< Annotation storageclass.kubernetes.io/is-default-class: "true".
};

struct Node {
  ObjectMeta meta;
  std::vector<Taint> taints;
  bool unschedulable = false;
};

struct Event {
  ObjectMeta meta;
  ObjectKey involved;
  std::string involved_uid;
  std::string field_path;  ///< Of the involved object; empty: all of it.
  std::string reason;
  std::string message;
  std::string type = "Normal";  ///< or "Warning"
  std::int32_t count = 1;
  std::string first_timestamp;
  std::string last_timestamp;
  std::string source_component;
  std::string source_host;
};

}  // namespace berth::model
