// tests/model/judged_fields_test.cpp - every field that is decoded: its value is judged, or any value is fine; and what
// no type fits harms nobody.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "model/names.hpp"
#include "model/schema.hpp"
#include "model/schema_types.hpp"
#include "tests/model/full_objects.hpp"

namespace berth::model {
namespace {

std::string problems(Kind kind, const json::object& raw) {
  std::string text;
  for (const auto& one : validate(kind, raw, nullptr)) text += one.text() + "\n";
  return text;
}

TEST(FullObjects, AreValidAndDecode) {
  for (const auto& kind : all_kinds()) {
    const auto raw = full_object(kind.kind);
    EXPECT_EQ(problems(kind.kind, raw), "") << kind.name;
    const auto object = make_object(raw);
    ASSERT_TRUE(object.ok()) << kind.name << ": " << object.error().message();
    EXPECT_TRUE(check_decodes(*object).ok()) << kind.name << ": " << check_decodes(*object).error().message();
    for (const auto& one : unknown_fields(kind.kind, raw))
      EXPECT_EQ(one.message.find("unknown"), std::string::npos) << one.text();
    auto again = raw;
    apply_defaults(kind.kind, again);
    EXPECT_EQ(again, raw) << kind.name << ": defaults are filled in once";
  }
}

/// Fields that take any text, and where. All others refuse text that nobody means.
const std::set<std::string>& any_text() {
  static const std::set<std::string> names = {
      "Container.command",
      "Container.args",
      "Container.workingDir",
      "Exec.command",
      "EnvVar.value",
      "NameValue.value",
      "DnsOption.value",
      "HttpGet.path",
      "DnsOption.name",
      "HttpGet.host",
      "TcpSocket.host",
      "Grpc.service",
      // Names of things that may not be there; a wrong one waits like one that is missing.
      "LocalRef.name",
      "OptionalRef.name",
      "KeyRef.name",
      "ConfigMapSource.name",
      "SecretSource.secretName",
      "ConfigMapProjection.name",
      "ClaimSource.claimName",
      "ClaimRef.name",
      "ClaimRef.namespace",
      "ResourceFieldRef.containerName",
      "EmptyDirSource.sizeLimit",
      // Checked by the kernel, the file server or the cloud.
      "NfsSource.server",
      "IscsiSource.targetPortal",
      "IscsiSource.fsType",
      "IscsiSource.iscsiInterface",
      "FcSource.targetWWNs",
      "FcSource.fsType",
      "AwsDiskSource.volumeID",
      "AwsDiskSource.fsType",
      "GceDiskSource.pdName",
      "AzureDiskSource.diskName",
      "AzureDiskSource.fsType",
      "CinderSource.volumeID",
      "VsphereSource.volumePath",
      "LocalSource.fsType",
      "Capabilities.add",
      "Capabilities.drop",
      "VolumeSpec.mountOptions",
      "StorageClass.mountOptions",
      "Profile.localhostProfile",
      // No effect here, and Kubernetes asks for no form.
      "CsiSource.driver",
      "AzureFileSource.secretName",
      "AzureFileSource.shareName",
      "CephfsSource.monitors",
      "FlexSource.driver",
      "GitSource.repository",
      "GlusterfsSource.endpoints",
      "GlusterfsSource.path",
      "RbdSource.monitors",
      "RbdSource.image",
      "TokenProjection.audience",
      "PodSpec.schedulerName",
      "KeyToPath.key",
      "DownwardItem.path",
      "KeyToPath.path",
      "TokenProjection.path",
      "VolumeMount.subPath",
      "VolumeMount.subPathExpr",
      // Becomes what serviceAccountName says.
      "PodSpec.serviceAccount",
      "PriorityClass.description",
      // What is allowed to whom: names that others give.
      "PolicyRule.verbs",
      "PolicyRule.apiGroups",
      "PolicyRule.resources",
      "PolicyRule.resourceNames",
      "PolicyRule.nonResourceURLs",
      "Subject.namespace",
      "SigningSpec.username",
      "SigningSpec.uid",
      "SigningSpec.groups",
      "ScopeRequirement.values",
      // Notes that somebody wrote about an object.
      "Event.reason",
      "Event.message",
      "Event.type",
      "LeaseSpec.holderIdentity",
      "ObjectRef.namespace",
      "ObjectRef.name",
      "OwnerReference.apiVersion",
      "OwnerReference.kind",
      "OwnerReference.name",
      "OwnerReference.uid",
      "NamespaceStatus.phase",
      "ClaimStatus.phase",
      "VolumeStatus.phase",
      "PodStatus.phase",
      "Secret.type",
  };
  return names;
}

/// Fields whose numbers may be negative.
const std::set<std::string>& any_number() {
  static const std::set<std::string> names = {"Event.count", "ExitCodes.values", "Toleration.tolerationSeconds",
                                              "PriorityClass.value"};
  return names;
}

/// Walks an object along the schema; calls `visit(name of the field, its value)` for every scalar that a type knows.
void each_scalar(const SchemaType& type, json::object& object,
                 const std::function<void(const std::string&, const SchemaField&, json::value&)>& visit) {
  for (auto& entry : object) {
    const auto* field = type.find({entry.key().data(), entry.key().size()});
    if (field == nullptr || field->ref.wrap == Wrap::Map) continue;
    const auto one = [&](json::value& value) {
      if (field->ref.shape != Shape::Struct) return visit(fmt::format("{}.{}", type.name, field->name), *field, value);
      if (auto* below = value.if_object()) each_scalar(*field->ref.type, *below, visit);
    };
    if (auto* list = entry.value().if_array(); list != nullptr && field->ref.wrap == Wrap::List) {
      for (auto& item : *list) one(item);
    } else {
      one(entry.value());
    }
  }
}

TEST(JudgedFields, NoTextThatNobodyMeansIsTaken) {
  std::set<std::string> seen;
  for (const auto& kind : all_kinds()) {
    auto raw = full_object(kind.kind);
    each_scalar(
        schema_type(kind.kind), raw, [&](const std::string& name, const SchemaField& field, json::value& value) {
          const bool text =
              field.ref.shape == Shape::Text || field.ref.shape == Shape::Time || field.ref.shape == Shape::IntOrText;
          const bool number = field.ref.shape == Shape::Int32 || field.ref.shape == Shape::Int64;
          if ((!text && !number) || name == kind.name.data() + std::string(".apiVersion")) return;
          if (name.ends_with(".apiVersion") || name.ends_with(".kind"))
            return;  // of the object, or of a claim template
          const auto& excepted = text ? any_text() : any_number();
          if (excepted.contains(name) || !seen.insert(name).second) return;
          const auto kept = std::exchange(value, text ? json::value("no such/../Thing: \t%") : json::value(-77777));
          EXPECT_NE(problems(kind.kind, raw), "") << kind.name << ": " << name << " is not judged";
          value = kept;
        });
  }
  EXPECT_GT(seen.size(), 120U);
}

struct Row {
  Kind kind;
  const char* path;   ///< "spec.ports[0].port"
  const char* value;  ///< JSON; empty: the field is taken out.
  const char* error;  ///< Part of the only error.
};

/// The value at a path, made of members and indexes.
json::value* value_at(json::value& root, std::string_view path) {
  auto* value = &root;
  while (!path.empty()) {
    if (path.front() == '.') path.remove_prefix(1);
    if (path.front() == '[') {
      const auto end = path.find(']');
      value = &value->as_array()[static_cast<std::size_t>(std::stoi(std::string(path.substr(1, end - 1))))];
      path.remove_prefix(end + 1);
      continue;
    }
    const auto end = std::min(path.find_first_of(".["), path.size());
    value = &value->as_object()[path.substr(0, end)];
    path.remove_prefix(end);
  }
  return value;
}

TEST(JudgedFields, SayWhatIsWrongInKubernetesWords) {
  const Row rows[] = {
      {Kind::Pod, "spec.securityContext.seccompProfile", R"({"type":"runtimeDefault"})",
       R"(spec.securityContext.seccompProfile.type: unsupported value: "runtimeDefault": supported values: "Localhost", )"},
      {Kind::Pod, "spec.securityContext.seccompProfile", "{}", "spec.securityContext.seccompProfile.type: required"},
      {Kind::Pod, "spec.securityContext.seccompProfile", R"({"type":"RuntimeDefault","localhostProfile":"a"})",
       "can only be set when seccomp type is 'Localhost'"},
      {Kind::Pod, "spec.containers[0].securityContext.seccompProfile", "{}", "seccompProfile.type: required"},
      {Kind::Pod, "spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name", R"("X A")",
       "a valid HTTP header must consist of"},
      {Kind::Pod, "spec.containers[0].resources.requests", R"({"example.com/gpu":"2","hugepages-2Mi":"4Mi"})",
       R"(spec.containers[0].resources.requests["example.com/gpu"]: invalid value: "2": must be equal to example.com/gpu limit of 1)"},
      {Kind::Pod, "spec.containers[0].resources", R"({"requests":{"example.com/gpu":"2"}})",
       "required: limit must be set for non overcommitable resources"},
      {Kind::Pod, "spec.containers[0].resources", R"({"limits":{"example.com/gpu":"500m"}})", "must be an integer"},
      {Kind::Pod, "spec.containers[0].resources", R"({"limits":{"gpu":"1"}})",
       "must be a standard resource for containers"},
      {Kind::Pod, "spec.containers[0].resources", R"({"limits":{"hugepages-2Mi":"4Mi"}})",
       "HugePages require cpu or memory"},
      {Kind::Pod, "spec.containers[0].env[3].valueFrom.resourceFieldRef.resource", R"("x")",
       R"(unsupported value: "x": supported values: "limits.cpu")"},
      {Kind::Pod, "spec.volumes[4].downwardAPI.items[1].resourceFieldRef.resource", R"("x")",
       R"(unsupported value: "x": supported values: "limits.cpu")"},
      {Kind::Pod, "spec.volumes[4].downwardAPI.items[1].resourceFieldRef.divisor", R"("2")",
       "only divisor's values 1m and 1 are supported with the cpu resource"},
      {Kind::Pod, "spec.volumes[4].downwardAPI.items[0].fieldRef.fieldPath", R"("spec.nodeName")",
       R"(unsupported value: "spec.nodeName")"},
      {Kind::Pod, "spec.containers[0].env[1].valueFrom.fieldRef.fieldPath", R"("metadata.labels")",
       R"(unsupported value: "metadata.labels")"},
      {Kind::Pod, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight", "0",
       "must be in the range 1-100"},
      {Kind::Pod, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution", R"("x")",
       "expected a list"},
      {Kind::Pod, "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey", R"("")",
       "topologyKey: required: can not be empty"},
      {Kind::Pod, "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm",
       "", "podAffinityTerm: required"},
      {Kind::Pod, "spec.volumes[22].rbd.monitors", "[]", "spec.volumes[22].rbd.monitors: required"},
      {Kind::Pod, "spec.volumes[17].azureFile", R"({"shareName":"t"})", "azureFile.secretName: required"},
      {Kind::Pod, "spec.volumes[17].azureFile", R"({"shareName":3,"secretName":"s"})", "expected a string"},
      {Kind::Pod, "spec.volumes[5].projected.sources[3].serviceAccountToken.expirationSeconds", "60",
       "may not specify a duration less than 10 minutes"},
      {Kind::Pod, "spec.securityContext.sysctls[0].name", R"("foo-")", "a sysctl name is made of"},
      {Kind::Pod, "spec.serviceAccountName", R"("A B")", "RFC 1123 subdomain"},
      {Kind::Pod, "spec.terminationGracePeriodSeconds", "-1", "must be greater than or equal to 0"},
      {Kind::StatefulSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", "0",
       "must be greater than 0: with none unavailable no pod can be replaced"},
      {Kind::StatefulSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", R"("0%")", "must be greater than 0"},
      {Kind::StatefulSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", R"("101%")",
       "must not be greater than 100%"},
      {Kind::StatefulSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", R"("banana")", "a valid percent string"},
      {Kind::DaemonSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", R"("banana")",
       R"(invalid value: "banana": a valid percent string)"},
      {Kind::DaemonSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", R"("101%")",
       "must not be greater than 100%"},
      {Kind::DaemonSet, "spec.updateStrategy.rollingUpdate.maxUnavailable", "0", "cannot be 0 when maxSurge is 0"},
      {Kind::DaemonSet, "spec.updateStrategy.rollingUpdate.maxSurge", "1",
       "may not be set when maxUnavailable is non-zero"},
      {Kind::Deployment, "spec.strategy.rollingUpdate.maxUnavailable", R"("101%")", "must not be greater than 100%"},
      {Kind::Deployment, "spec.strategy.rollingUpdate", R"({"maxUnavailable":0,"maxSurge":"0%"})",
       "spec.strategy.rollingUpdate.maxUnavailable: invalid value: 0: may not be 0 when `maxSurge` is 0"},
      {Kind::Deployment, "spec.strategy.rollingUpdate.maxSurge", R"("many")", "a valid percent string"},
      {Kind::Deployment, "spec.strategy.type", R"("Recreate")",
       "spec.strategy.rollingUpdate: forbidden: may not be specified when strategy `type` is 'Recreate'"},
      {Kind::Deployment, "spec.strategy.type", R"("Canary")",
       R"(unsupported value: "Canary": supported values: "Recreate", "RollingUpdate")"},
      {Kind::Deployment, "spec.progressDeadlineSeconds", "1", "must be greater than minReadySeconds"},
      {Kind::Deployment, "spec.replicas", "-1", "spec.replicas: invalid value"},
      {Kind::Deployment, "spec.revisionHistoryLimit", "-1", "spec.revisionHistoryLimit: invalid value"},
      {Kind::Deployment, "spec.selector", "{}", "empty selector is invalid"},
      {Kind::Deployment, "spec.template.metadata.labels", R"({"app":"other"})",
       "spec.template.metadata.labels: invalid value: `selector` does not match template `labels`"},
      {Kind::Deployment, "spec.template", "", "spec.template: required"},
      {Kind::ReplicaSet, "spec.minReadySeconds", "-1", "spec.minReadySeconds: invalid value"},
      {Kind::ReplicaSet, "spec.selector", "", "spec.selector: required"},
      {Kind::ReplicaSet, "spec.template.spec.restartPolicy", R"("Never")", "restartPolicy"},
      {Kind::ReplicationController, "spec.selector", "", "spec.selector: required"},
      {Kind::ReplicationController, "spec.selector", R"({"app":"other"})",
       "spec.template.metadata.labels: invalid value: `selector` does not match template `labels`"},
      {Kind::Service, "spec.externalIPs", R"(["x"])",
       R"(spec.externalIPs[0]: invalid value: "x": must be a valid IP address)"},
      {Kind::Service, "spec.externalIPs", R"(["127.0.0.1"])", "may not be in the loopback range"},
      {Kind::Service, "spec.loadBalancerSourceRanges", R"(["10.0.0.0/33"])", "must be a valid CIDR value"},
      {Kind::Service, "spec.externalTrafficPolicy", R"("local")",
       R"(unsupported value: "local": supported values: "Cluster", "Local")"},
      {Kind::Service, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", "86401",
       "must be greater than 0 and less than 86400"},
      {Kind::Service, "spec.ports[0].port", "0", "must be between 1 and 65535, inclusive"},
      {Kind::Endpoints, "subsets[0].addresses[0].ip", R"("worker")", "must be a valid IP address"},
      {Kind::Endpoints, "subsets[0].addresses[0].ip", R"("169.254.0.1")", "may not be in the link-local range"},
      {Kind::Endpoints, "subsets[0].ports[0].port", "0", "must be between 1 and 65535, inclusive"},
      {Kind::Endpoints, "subsets[0]", "{}", "must specify `addresses` or `notReadyAddresses`"},
      {Kind::EndpointSlice, "endpoints[0].addresses", R"(["worker"])", "must be a valid IPv4 address"},
      {Kind::EndpointSlice, "endpoints[0].addresses", R"(["::1"])", "must be a valid IPv4 address"},
      {Kind::EndpointSlice, "endpoints[0].addresses", "[]", "must contain at least 1 address"},
      {Kind::EndpointSlice, "addressType", R"("ipv4")", R"(unsupported value: "ipv4")"},
      {Kind::EndpointSlice, "ports[0].port", "0", "must be between 1 and 65535, inclusive"},
      {Kind::Secret, "data", R"({"a":"YQ=="})", R"(data[".dockerconfigjson"]: required)"},
      {Kind::Secret, "data", R"({".dockerconfigjson":"YQ=="})", "not JSON"},
      {Kind::Secret, "type", R"("kubernetes.io/ssh-auth")", "data.ssh-privatekey: required"},
      {Kind::Pod, "metadata.creationTimestamp", R"("yesterday")",
       R"(metadata.creationTimestamp: invalid value: "yesterday": times look like 2006-01-02T15:04:05Z)"},
      {Kind::ConfigMap, "metadata.deletionTimestamp", R"("2026-02-30T00:00:00Z")",
       "metadata.deletionTimestamp: invalid"},
      {Kind::StatefulSet, "spec.template.metadata.creationTimestamp", R"("2026-02-01")",
       "spec.template.metadata.creationTimestamp: invalid value"},
      {Kind::Pod, "metadata.creationTimestamp", "1767225600", "metadata.creationTimestamp: expected a time"},
      {Kind::Lease, "spec.renewTime", R"("2026-01-01 00:00:00")", "spec.renewTime: invalid value"},
      {Kind::Lease, "spec.acquireTime", R"("")", "spec.acquireTime: invalid value"},
      {Kind::Event, "firstTimestamp", R"("now")", "firstTimestamp: invalid value"},
      {Kind::Event, "lastTimestamp", R"("2026-01-01T25:00:00Z")", "lastTimestamp: invalid value"},
      {Kind::Event, "eventTime", R"("now")", "eventTime: invalid value"},
      {Kind::Node, "spec.taints[0].timeAdded", R"("now")", "spec.taints[0].timeAdded: invalid value"},
      {Kind::Lease, "spec.leaseDurationSeconds", "0", "must be greater than 0"},
      {Kind::ControllerRevision, "data", "", "data is mandatory"},
      {Kind::PersistentVolume, "spec.capacity", R"({"storage":"1Gi","cpu":"1"})",
       R"(unsupported value: "cpu": supported values: "storage")"},
      {Kind::ConfigMap, "metadata.ownerReferences[0].uid", R"("")", "uid: invalid value: \"\": must not be empty"},
  };
  for (const auto& row : rows) {
    json::value root(full_object(row.kind));
    auto* value = value_at(root, row.path);
    if (*row.value == '\0') {
      *value = nullptr;
      remove_nulls(row.kind, root.get_object());
    } else {
      *value = *parse_json(row.value);
    }
    const auto found = problems(row.kind, root.get_object());
    EXPECT_NE(found.find(row.error), std::string::npos) << row.path << " = " << row.value << "\ngave: " << found;
    EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << row.path << " = " << row.value << "\ngave: " << found;
  }
}

TEST(JudgedFields, TimesMayHaveFractionsAndOffsetsOrBeNull) {
  for (const auto* time : {R"("2026-01-02T03:04:05Z")", R"("2026-01-02T03:04:05.123456Z")",
                           R"("2026-01-02T03:04:05+01:00")", R"("2026-01-02T03:04:05.5-11:30")", "null"}) {
    auto pod = full_object(Kind::Pod);
    pod["metadata"].as_object()["creationTimestamp"] = *parse_json(time);
    EXPECT_EQ(problems(Kind::Pod, pod), "") << time;
    auto lease = full_object(Kind::Lease);
    lease["spec"].as_object()["renewTime"] = *parse_json(time);
    EXPECT_EQ(problems(Kind::Lease, lease), "") << time;
  }
}

/// Calls `visit` for every value below `value`.
void each_node(json::value& value, const std::function<void(json::value&)>& visit) {
  visit(value);
  if (auto* object = value.if_object()) {
    for (auto& entry : *object) each_node(entry.value(), visit);
  } else if (auto* list = value.if_array()) {
    for (auto& item : *list) each_node(item, visit);
  }
}

/// What a request and a row of the store go through, whatever they say.
void use(Kind kind, const json::object& sound, json::object raw) {
  if (auto object = make_object(raw)) (void)check_decodes(*object);
  apply_defaults(kind, raw);
  const bool valid = validate(kind, raw, nullptr).empty();
  if (valid) (void)validate(kind, raw, &sound);  // what may not change is looked at last
  (void)unknown_fields(kind, raw);
  const auto object = make_object(raw);
  if (!object) return;
  const auto decoded = check_decodes(*object);
  EXPECT_TRUE(!valid || decoded.ok()) << "valid, but: " << (decoded ? "" : decoded.error().message());
  if (kind != Kind::Pod || !decoded) return;
  const auto pod = decode_pod(*object);
  (void)qos_class(pod->spec);
  (void)encode_pod_status(pod->status);
}

TEST(AnyShape, OfAnyPartOfAnyKindIsAnErrorOrFine) {
  const json::value shapes[] = {nullptr, -1, "x", json::array(), json::object(), json::array{nullptr, 1}};
  for (const auto& kind : all_kinds()) {
    const auto sound = full_object(kind.kind);
    json::value root(sound);
    std::size_t nodes = 0;
    each_node(root, [&](json::value&) { ++nodes; });
    // Small objects take every shape at every place. A large one takes one shape at a place in two, and the pod specs
    // of the sets are the Pod's: the test is done in a second.
    const bool large = nodes > 100;
    const std::size_t step = large ? std::size(shapes) : 1;
    const std::size_t stride = !large ? 1 : kind.kind == Kind::Pod ? 2 : 23;
    for (std::size_t at = 1; at < nodes; at += stride) {
      for (std::size_t shape = at / stride % step; shape < std::size(shapes); shape += step) {
        json::value copy(sound);
        std::size_t count = 0;
        json::value* target = nullptr;
        each_node(copy, [&](json::value& value) {
          if (count++ == at) target = &value;
        });
        ASSERT_NE(target, nullptr);
        *target = shapes[shape];
        use(kind.kind, sound, copy.get_object());
      }
    }
  }
}

TEST(AnyShape, APodWithoutItsSpecOrContainersIsAnError) {
  for (const auto* text : {R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"}})",
                           R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"},"spec":null})",
                           R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"},"spec":[]})"}) {
    const auto object = make_object(parse_json(text)->get_object());
    ASSERT_TRUE(object.ok());
    EXPECT_TRUE(decode_pod(*object).error().message().starts_with("spec: ")) << decode_pod(*object).error().message();
  }
  const auto object = make_object(
      parse_json(
          R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"b"},"spec":{"template":{"spec":{"containers":[]}}}})")
          ->get_object());
  EXPECT_EQ(decode_stateful_set(*object).error().message(), "spec.template.spec.containers: required");
}

}  // namespace
}  // namespace berth::model
