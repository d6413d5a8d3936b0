// tests/model/validate_test.cpp - one row per rule: what is written, and the error that it earns.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/model.hpp"

namespace berth::model {
namespace {

std::string problems(Kind kind, const json::object& raw, const json::object* old = nullptr) {
  std::string text;
  for (const auto& one : validate(kind, raw, old)) text += one.field + ": " + one.message + "\n";
  return text;
}

/// An object from YAML, defaulted, its namespace filled in.
json::object make(Kind kind, std::string_view yaml) {
  auto value = parse_yaml(yaml);
  EXPECT_TRUE(value.ok()) << yaml << (value ? "" : value.error().message());
  auto raw = value ? value->get_object() : json::object();
  raw["kind"] = info(kind).name;
  raw["apiVersion"] = info(kind).api_version();
  auto& metadata = raw["metadata"];
  if (metadata.is_null()) metadata.emplace_object();
  auto& meta = metadata.get_object();
  if (!meta.contains("name")) meta["name"] = "a";
  if (info(kind).namespaced && !meta.contains("namespace")) meta["namespace"] = "default";
  apply_defaults(kind, raw);
  return raw;
}

std::string errors(Kind kind, std::string_view yaml) { return problems(kind, make(kind, yaml)); }

/// A pod with one sound container; `extra` is more of its spec.
std::string pod(std::string_view extra) {
  return errors(Kind::Pod, fmt::format("spec:\n  containers: [{{name: c, image: x}}]\n{}", extra));
}
/// A pod whose container has `extra` too; a volume v exists.
std::string container(std::string_view extra) {
  return errors(Kind::Pod,
                fmt::format("spec:\n  volumes: [{{name: v}}]\n  containers: [{{name: c, image: x, {}}}]\n", extra));
}

struct Row {
  const char* yaml;
  const char* error;  ///< How the only error begins; "" for none.
};

template <typename Make, std::size_t N>
void check(Make run, const Row (&rows)[N]) {
  for (const auto& row : rows) {
    const std::string found = run(row.yaml);
    if (*row.error == '\0') {
      EXPECT_EQ(found, "") << row.yaml;
    } else {
      EXPECT_TRUE(found.starts_with(row.error)) << row.yaml << "\ngave: " << found;
      EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << row.yaml << "\ngave: " << found;
    }
  }
}

TEST(ValidatePod, SpecRules) {
  const Row rows[] = {
      {"", ""},
      {"  restartPolicy: Sometimes",
       "spec.restartPolicy: unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\""},
      {"  dnsPolicy: First",
       "spec.dnsPolicy: unsupported value: \"First\": supported values: \"ClusterFirstWithHostNet\""},
      {"  dnsPolicy: None", "spec.dnsConfig.nameservers: required"},
      {"  dnsConfig: {nameservers: [ns1]}", "spec.dnsConfig.nameservers: invalid value: \"ns1\": must be a valid IP"},
      {"  terminationGracePeriodSeconds: -1", "spec.terminationGracePeriodSeconds: invalid value: -1: must be greater"},
      {"  activeDeadlineSeconds: 0", "spec.activeDeadlineSeconds: invalid value: 0"},
      {"  hostname: A.b", "spec.hostname: invalid value: \"A.b\": a lowercase RFC 1123 label"},
      {"  subdomain: _x", "spec.subdomain: invalid value"},
      {"  nodeSelector: {'a b': c}", "spec.nodeSelector: invalid value: \"a b\": name part must consist"},
      {"  tolerations: [{key: gpu, operator: Like}]", "spec.tolerations[0].operator: unsupported value: \"Like\""},
      {"  tolerations: [{value: x}]", "spec.tolerations[0].operator: invalid value: \"\": operator must be Exists"},
      {"  tolerations: [{key: a, effect: Never}]", "spec.tolerations[0].effect: unsupported value"},
      {"  tolerations: [{operator: Exists}]", ""},
      {"  hostAliases: [{ip: 1.2.3}]", "spec.hostAliases[0].ip: invalid value: \"1.2.3\""},
      {"  securityContext: {runAsUser: -1}", "spec.securityContext.runAsUser: invalid value: -1"},
      {"  securityContext: {sysctls: [{name: '../x', value: '1'}]}", "spec.securityContext.sysctls[0].name: invalid"},
      {"  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {}}}",
       "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: required"},
      {"  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
       "[{matchExpressions: [{key: a, operator: In}]}]}}}",
       "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
       "matchExpressions[0].values: required"},
      {"  shareProcessNamespace: true\n  hostPID: true", "spec.shareProcessNamespace: invalid value"},
      {"  initContainers: [{name: c, image: z}]", "spec.containers[0].name: duplicate value: \"c\""},
      {"  initContainers: [{name: i, image: z, livenessProbe: {exec: {command: [a]}}}]",
       "spec.initContainers[0].livenessProbe: forbidden"},
      {"  initContainers: [{name: i, image: z, restartPolicy: Always, livenessProbe: {exec: {command: [a]}}}]", ""},
  };
  check(pod, rows);
  EXPECT_EQ(errors(Kind::Pod, "spec: {}"), "spec.containers: required\n");
  EXPECT_EQ(errors(Kind::Pod, "metadata: {name: 'a/b'}\nspec: {containers: [{name: c, image: x}]}").substr(0, 36),
            "metadata.name: invalid value: \"a/b\":");
}

TEST(ValidatePod, ContainerRules) {
  const Row rows[] = {
      {"tty: true", ""},
      {"imagePullPolicy: always",
       "spec.containers[0].imagePullPolicy: unsupported value: \"always\": supported values: \"Always\", "
       "\"IfNotPresent\", \"Never\""},
      {"terminationMessagePolicy: X", "spec.containers[0].terminationMessagePolicy: unsupported value"},
      {"ports: [{containerPort: 70000}]",
       "spec.containers[0].ports[0].containerPort: invalid value: 70000: must be between 1 and 65535, inclusive"},
      {"ports: [{name: a}]", "spec.containers[0].ports[0].containerPort: required"},
      {"ports: [{containerPort: 1, protocol: ICMP}]", "spec.containers[0].ports[0].protocol: unsupported value"},
      {"ports: [{containerPort: 1, name: Web}]", "spec.containers[0].ports[0].name: invalid value: \"Web\""},
      {"ports: [{containerPort: 1, name: w}, {containerPort: 2, name: w}]",
       "spec.containers[0].ports[1].name: duplicate value: \"w\""},
      {"ports: [{containerPort: 1, hostPort: 9}, {containerPort: 2, hostPort: 9}]",
       "spec.containers[0].ports[1].hostPort: duplicate value"},
      {"env: [{value: x}]", "spec.containers[0].env[0].name: required"},
      {"env: [{name: 'A=B'}]", "spec.containers[0].env[0].name: invalid value: \"A=B\""},
      {"env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
       "spec.containers[0].env[0].valueFrom: invalid value: may not be specified when `value` is not empty"},
      {"env: [{name: A, valueFrom: {}}]", "spec.containers[0].env[0].valueFrom: invalid value: must specify one of"},
      {"env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.nam}}}]",
       "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: unsupported value: \"metadata.nam\""},
      {"env: [{name: A, valueFrom: {fieldRef: {fieldPath: 'metadata.labels[''app'']'}}}]", ""},
      {"env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]",
       "spec.containers[0].env[0].valueFrom.secretKeyRef.key: required"},
      {"envFrom: [{}]", "spec.containers[0].envFrom[0]: invalid value: must specify exactly one of"},
      {"volumeMounts: [{name: v, mountPath: /a}]", ""},
      {"volumeMounts: [{name: w, mountPath: /a}]", "spec.containers[0].volumeMounts[0].name: not found: \"w\""},
      {"volumeMounts: [{name: v}]", "spec.containers[0].volumeMounts[0].mountPath: required"},
      {"volumeMounts: [{name: v, mountPath: a}]",
       "spec.containers[0].volumeMounts[0].mountPath: invalid value: \"a\": must be an absolute path"},
      {"volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /a}]",
       "spec.containers[0].volumeMounts[1].mountPath: duplicate value: \"/a\""},
      {"volumeMounts: [{name: v, mountPath: /a, subPath: b/../../c}]",
       "spec.containers[0].volumeMounts[0].subPath: invalid value: \"b/../../c\": must not contain '..'"},
      {"volumeMounts: [{name: v, mountPath: /a, subPath: /c}]",
       "spec.containers[0].volumeMounts[0].subPath: invalid value: \"/c\": must be a relative path"},
      {"volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}]",
       "spec.containers[0].volumeMounts[0].mountPropagation: forbidden"},
      {"volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Enabled}]",
       "spec.containers[0].volumeMounts[0].recursiveReadOnly: forbidden: may only be specified when readOnly is true"},
      {"volumeMounts: [{name: v, mountPath: /a, readOnly: true, recursiveReadOnly: IfPossible, mountPropagation: "
       "HostToContainer}]",
       "spec.containers[0].volumeMounts[0].recursiveReadOnly: forbidden: may only be specified when mountPropagation "
       "is "
       "None or not specified"},
      {"volumeMounts: [{name: v, mountPath: /a, readOnly: true, recursiveReadOnly: Enabled, mountPropagation: None}]",
       ""},
      {"volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Disabled}]", ""},
      {"resources: {requests: {cpu: 2}, limits: {cpu: 1}}",
       "spec.containers[0].resources.requests.cpu: invalid value: \"2\": must be less than or equal to cpu limit of 1"},
      {"resources: {requests: {memory: -1}}", "spec.containers[0].resources.requests.memory: invalid value"},
      {"livenessProbe: {}", "spec.containers[0].livenessProbe: required: must specify a handler type"},
      {"livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}",
       "spec.containers[0].livenessProbe: forbidden: may not specify more than 1 handler type"},
      {"livenessProbe: {exec: {}}", "spec.containers[0].livenessProbe.exec.command: required"},
      {"livenessProbe: {httpGet: {path: /}}", "spec.containers[0].livenessProbe.httpGet.port: required"},
      {"livenessProbe: {httpGet: {port: 0}}", "spec.containers[0].livenessProbe.httpGet.port: invalid value: 0"},
      {"livenessProbe: {httpGet: {port: 80, scheme: FTP}}",
       "spec.containers[0].livenessProbe.httpGet.scheme: unsupported value"},
      {"livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}",
       "spec.containers[0].livenessProbe.successThreshold: invalid value: 2: must be 1"},
      {"readinessProbe: {tcpSocket: {port: 1}, successThreshold: 2}", ""},
      {"readinessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}",
       "spec.containers[0].readinessProbe.periodSeconds: invalid value: -1"},
      {"lifecycle: {preStop: {}}", "spec.containers[0].lifecycle.preStop: required"},
      {"restartPolicy: Always", "spec.containers[0].restartPolicy: forbidden"},
      {"securityContext: {privileged: true, allowPrivilegeEscalation: false}",
       "spec.containers[0].securityContext: invalid value"},
      {"securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}",
       "spec.containers[0].securityContext: invalid value: cannot set `allowPrivilegeEscalation` to false and "
       "`capabilities.Add` CAP_SYS_ADMIN"},
      {"securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}}", ""},
      {"securityContext: {seccompProfile: {type: Custom}}",
       "spec.containers[0].securityContext.seccompProfile.type: unsupported value: \"Custom\""},
  };
  check(container, rows);
  EXPECT_EQ(errors(Kind::Pod, "spec: {containers: [{name: C_1}]}"),
            "spec.containers[0].name: invalid value: \"C_1\": a lowercase RFC 1123 label must consist of lower case "
            "alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or "
            "'123-abc')\nspec.containers[0].image: required\n");
}

TEST(ValidatePod, VolumeRules) {
  const Row rows[] = {
      {"  volumes: [{name: a}]", ""},
      {"  volumes: [{name: a, emptyDir: }]", ""},
      {"  volumes: [{emptyDir: {}}]", "spec.volumes[0].name: required"},
      {"  volumes: [{name: a}, {name: a}]", "spec.volumes[1].name: duplicate value: \"a\""},
      {"  volumes: [{name: a, emptyDir: {}, hostPath: {path: /x}}]",
       "spec.volumes[0].hostPath: forbidden: may not specify more than 1 volume type"},
      {"  volumes: [{name: a, emptyDir: {medium: Tape}}]", "spec.volumes[0].emptyDir.medium: unsupported value"},
      {"  volumes: [{name: a, hostPath: {}}]", "spec.volumes[0].hostPath.path: required"},
      {"  volumes: [{name: a, hostPath: {path: x}}]", "spec.volumes[0].hostPath.path: invalid value: \"x\""},
      {"  volumes: [{name: a, hostPath: {path: /x/../y}}]", "spec.volumes[0].hostPath.path: invalid value"},
      {"  volumes: [{name: a, hostPath: {path: /, type: Dir}}]", "spec.volumes[0].hostPath.type: unsupported value"},
      {"  volumes: [{name: a, configMap: {name: m, defaultMode: 0644}}]", ""},
      {"  volumes: [{name: a, configMap: {name: m, defaultMode: 644}}]",
       "spec.volumes[0].configMap.defaultMode: invalid value: 644: must be a number between 0 and 0777"},
      {"  volumes: [{name: a, configMap: {name: m, items: [{key: k, path: ../x}]}}]",
       "spec.volumes[0].configMap.items[0].path: invalid value: \"../x\""},
      {"  volumes: [{name: a, secret: {}}]", "spec.volumes[0].secret.secretName: required"},
      {"  volumes: [{name: a, persistentVolumeClaim: {}}]",
       "spec.volumes[0].persistentVolumeClaim.claimName: required"},
      {"  volumes: [{name: a, downwardAPI: {items: [{path: x}]}}]", "spec.volumes[0].downwardAPI.items[0]: required"},
      {"  volumes: [{name: a, projected: {sources: [{secret: {}}]}}]",
       "spec.volumes[0].projected.sources[0].secret.name: required"},
      {"  volumes: [{name: a, rbd: 5}]", "spec.volumes[0].rbd: expected a mapping, found a number"},
  };
  check(pod, rows);
}

constexpr const char* kTemplate =
    "template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: x, volumeMounts: [{name: data, "
    "mountPath: /d}]}]}}, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], "
    "resources: {requests: {storage: 1Gi}}}}]";

std::string set(std::string_view extra) {
  return errors(
      Kind::StatefulSet,
      fmt::format("spec: {{serviceName: web, selector: {{matchLabels: {{app: a}}}}, {}, {}}}", kTemplate, extra));
}

TEST(ValidateStatefulSet, Rules) {
  const Row rows[] = {
      {"replicas: 3", ""},
      {"replicas: -1", "spec.replicas: invalid value: -1: must be greater than or equal to 0"},
      {"podManagementPolicy: Serial",
       "spec.podManagementPolicy: unsupported value: \"Serial\": supported values: "
       "\"OrderedReady\", \"Parallel\""},
      {"updateStrategy: {type: Recreate}", "spec.updateStrategy.type: unsupported value"},
      {"updateStrategy: {rollingUpdate: {partition: -1}}", "spec.updateStrategy.rollingUpdate.partition: invalid"},
      {"updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}", "spec.updateStrategy.rollingUpdate: invalid"},
      {"ordinals: {start: -1}", "spec.ordinals.start: invalid value"},
      {"persistentVolumeClaimRetentionPolicy: {whenScaled: Keep}",
       "spec.persistentVolumeClaimRetentionPolicy.whenScaled: unsupported value"},
  };
  check(set, rows);
  const auto rest = fmt::format("serviceName: web, {}", kTemplate);
  EXPECT_EQ(errors(Kind::StatefulSet, fmt::format("spec: {{{}}}", rest)), "spec.selector: required\n");
  EXPECT_EQ(errors(Kind::StatefulSet, fmt::format("spec: {{selector: {{matchLabels: {{app: b}}}}, {}}}", rest)),
            "spec.template.metadata.labels: invalid value: `selector` does not match template `labels`\n");
  EXPECT_EQ(errors(Kind::StatefulSet,
                   "spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: "
                   "{restartPolicy: Never, containers: [{name: c, image: x}]}}}"),
            "spec.template.spec.restartPolicy: unsupported value: \"Never\": supported values: \"Always\"\n");
  EXPECT_EQ(errors(Kind::StatefulSet,
                   "spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: "
                   "{containers: [{name: c, image: x}]}}, volumeClaimTemplates: [{spec: {}}]}"),
            "spec.volumeClaimTemplates[0].metadata.name: required\n"
            "spec.volumeClaimTemplates[0].spec.accessModes: required: at least 1 access mode is required\n"
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage: required\n");
}

TEST(ValidateService, Rules) {
  const auto service = [](std::string_view spec) { return errors(Kind::Service, fmt::format("spec: {{{}}}", spec)); };
  const Row rows[] = {
      {"clusterIP: None", ""},
      {"ports: [{port: 80}]", ""},
      {"selector: {a: b}", "spec.ports: required"},
      {"ports: [{port: 0, targetPort: 1}]", "spec.ports[0].port: invalid value: 0"},
      {"ports: [{port: 1}, {port: 2, name: b}]", "spec.ports[0].name: required"},
      {"ports: [{port: 1, name: a}, {port: 1, name: b}]", "spec.ports[1].port: duplicate value"},
      {"ports: [{port: 1, targetPort: Web_}]", "spec.ports[0].targetPort: invalid value: \"Web_\""},
      {"ports: [{port: 1}], type: Proxy", "spec.type: unsupported value: \"Proxy\""},
      {"ports: [{port: 1}], clusterIP: here", "spec.clusterIP: invalid value: \"here\""},
      {"type: ExternalName", "spec.externalName: required"},
      {"type: NodePort, clusterIP: None, ports: [{port: 1}]", "spec.clusterIP: invalid value: \"None\""},
      {"type: LoadBalancer, clusterIP: None, ports: [{port: 1}]", "spec.clusterIP: invalid value: \"None\""},
      {"ports: [{port: 1, nodePort: 30001}]",
       "spec.ports[0].nodePort: forbidden: may not be used when `type` is 'ClusterIP'"},
      {"type: NodePort, ports: [{port: 1, nodePort: 70000}]", "spec.ports[0].nodePort: invalid value: 70000"},
      {"type: NodePort, ports: [{port: 1, name: a, nodePort: 30001}, {port: 2, name: b, nodePort: 30001}]",
       "spec.ports[1].nodePort: duplicate value: \"30001/TCP\""},
      {"type: NodePort, ports: [{port: 1, name: a, nodePort: 30001}, {port: 1, name: b, protocol: UDP, nodePort: "
       "30001}]",
       ""},
      {"ports: [{port: 1, protocol: ICMP}]", "spec.ports[0].protocol: unsupported value: \"ICMP\""},
      {"ports: [{port: 1}], clusterIP: 10.0.0.1, clusterIPs: [10.0.0.2]",
       "spec.clusterIPs: invalid value: \"10.0.0.2\": first value must match `clusterIP`"},
      {"ports: [{port: 1}], ipFamilies: [IPv5]", "spec.ipFamilies: unsupported value: \"IPv5\""},
      {"ports: [{port: 1}], ipFamilies: [IPv6, IPv4]", "spec.ipFamilies: invalid value: \"IPv6\": not configured"},
      {"ports: [{port: 1}], ipFamilyPolicy: RequireDualStack",
       "spec.ipFamilyPolicy: invalid value: \"RequireDualStack\""},
      {"ports: [{port: 1}], ipFamilyPolicy: Both", "spec.ipFamilyPolicy: unsupported value: \"Both\""},
      {"ports: [{port: 1}], sessionAffinity: Cookie", "spec.sessionAffinity: unsupported value: \"Cookie\""},
      {"ports: [{port: 1}], sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}",
       "spec.sessionAffinityConfig.clientIP.timeoutSeconds: invalid value: 0"},
      {"ports: [{port: 1}], internalTrafficPolicy: Near", "spec.internalTrafficPolicy: unsupported value: \"Near\""},
      {"ports: [{port: 1}], externalTrafficPolicy: Local",
       "spec.externalTrafficPolicy: invalid value: \"Local\": may only be set for externally-accessible services"},
      {"ports: [{port: 1}], loadBalancerSourceRanges: [10.0.0.0/8]",
       "spec.loadBalancerSourceRanges: forbidden: may only be used when `type` is 'LoadBalancer'"},
      {"type: LoadBalancer, ports: [{port: 1}], loadBalancerSourceRanges: [10.0.0.0]",
       "spec.loadBalancerSourceRanges[0]: invalid value: \"10.0.0.0\""},
      {"ports: [{port: 1}], loadBalancerClass: example.org/x",
       "spec.loadBalancerClass: forbidden: may only be used when `type` is 'LoadBalancer'"},
      {"type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 1}], healthCheckNodePort: 70000",
       "spec.healthCheckNodePort: invalid value: 70000"},
      {"type: LoadBalancer, ports: [{port: 1}], healthCheckNodePort: 30100",
       "spec.healthCheckNodePort: invalid value: 30100: may only be set when `type` is 'LoadBalancer' and "
       "`externalTrafficPolicy` is 'Local'"},
      {"type: ExternalName, externalName: 'a b'", "spec.externalName: invalid value: \"a b\""},
      {"type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1",
       "spec.clusterIP: forbidden: may not be set for ExternalName services"},
  };
  check(service, rows);
}

TEST(ValidateConfig, Rules) {
  EXPECT_EQ(errors(Kind::Secret, "data: {a: '*'}"), "data.a: not base64 (RFC 4648)\n");
  EXPECT_EQ(errors(Kind::Secret, "stringData: {a: '*'}"), "");
  EXPECT_EQ(errors(Kind::ConfigMap, "data: {a: x}\nbinaryData: {a: eA==}"),
            "binaryData.a: duplicate value: \"a\" is in data too\n");
  EXPECT_EQ(errors(Kind::ConfigMap, "data: {'a/b': x}").substr(0, 28), "data: invalid value: \"a/b\": ");
  EXPECT_EQ(errors(Kind::Node, "spec: {taints: [{key: gpu}]}"), "spec.taints[0].effect: required\n");
  EXPECT_EQ(errors(Kind::Namespace, "metadata: {name: a.b}").substr(0, 36), "metadata.name: invalid value: \"a.b\":");
}

TEST(ValidateUpdate, AClaimTemplateMayGrowAndMayBeAddedAndNothingElse) {
  // kubernetes/kubernetes#68737, #69041
  const auto with = [](const std::string& claims) {
    return make(
        Kind::StatefulSet,
        fmt::format("spec: {{serviceName: web, selector: {{matchLabels: {{app: a}}}}, volumeClaimTemplates: [{}], "
                    "template: {{metadata: {{labels: {{app: a}}}}, spec: {{containers: [{{name: c, image: x}}]}}}}}}",
                    claims));
  };
  const auto claim = [](const std::string& name, const std::string& size, const std::string& mode = "ReadWriteOnce") {
    return fmt::format(
        "{{metadata: {{name: {}}}, spec: {{accessModes: [{}], resources: {{requests: {{storage: {}}}}}}}}}", name, mode,
        size);
  };
  const auto old_set = with(claim("data", "1Gi"));
  const auto says = [&](const std::string& claims) { return problems(Kind::StatefulSet, with(claims), &old_set); };
  const std::string other_set = "spec: forbidden: updates to statefulset spec for fields other than 'replicas'";
  EXPECT_EQ(says(claim("data", "1024Mi")), "");
  EXPECT_EQ(says(claim("data", "2Gi")), "");
  EXPECT_EQ(says(claim("log", "1Gi") + ", " + claim("data", "1Gi")), "");
  EXPECT_EQ(says(claim("data", "512Mi")),
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage: forbidden: it may grow, and its claims "
            "follow, but not become less than 1Gi\n");
  EXPECT_TRUE(says("").starts_with(other_set));
  EXPECT_TRUE(says(claim("renamed", "1Gi")).starts_with(other_set));
  EXPECT_TRUE(says(claim("data", "1Gi", "ReadWriteMany")).starts_with(other_set));
}

TEST(ValidateUpdate, ImmutableFieldsMayNotChange) {
  const auto old_set = make(Kind::StatefulSet, fmt::format("spec: {{serviceName: web, selector: {{matchLabels: {{app: "
                                                           "a}}}}, {}}}",
                                                           kTemplate));
  auto set_now = old_set;
  set_now["spec"].get_object()["replicas"] = 5;
  EXPECT_EQ(problems(Kind::StatefulSet, set_now, &old_set), "");
  set_now["spec"].get_object()["serviceName"] = "other";
  EXPECT_TRUE(problems(Kind::StatefulSet, set_now, &old_set)
                  .starts_with("spec: forbidden: updates to statefulset spec for fields other than 'replicas'"));

  const auto old_pod = make(Kind::Pod, "spec: {containers: [{name: c, image: 'x:1'}]}");
  EXPECT_EQ(problems(Kind::Pod, make(Kind::Pod, "spec: {containers: [{name: c, image: 'x:2'}]}"), &old_pod), "");
  EXPECT_TRUE(problems(Kind::Pod, make(Kind::Pod, "spec: {containers: [{name: c, image: 'x:1', tty: true}]}"), &old_pod)
                  .starts_with("spec: forbidden: pod updates may not change fields other than"));

  const auto old_service = make(Kind::Service, "spec: {clusterIP: None}");
  EXPECT_EQ(
      problems(Kind::Service, make(Kind::Service, "spec: {clusterIP: 10.0.0.1, ports: [{port: 1}]}"), &old_service),
      "spec.clusterIP: invalid value: field is immutable\n");
  const auto old_map = make(Kind::ConfigMap, "data: {a: b}\nimmutable: true");
  EXPECT_EQ(problems(Kind::ConfigMap, make(Kind::ConfigMap, "data: {a: c}\nimmutable: true"), &old_map),
            "data: forbidden: field is immutable when `immutable` is set\n");
  auto renamed = old_map;
  renamed["metadata"].get_object()["name"] = "b";
  EXPECT_EQ(problems(Kind::ConfigMap, renamed, &old_map), "metadata.name: invalid value: field is immutable\n");
}

TEST(Validate, ProblemsNameTheObjectAndLeaveFileAndLineToTheCaller) {
  const auto found = validate(Kind::Pod, make(Kind::Pod, "spec: {}"), nullptr);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].object, "Pod default/a");
  EXPECT_EQ(found[0].file, "");
  EXPECT_EQ(found[0].line, 0);
  EXPECT_EQ(found[0].text(), "Pod default/a: spec.containers: required");
}

}  // namespace
}  // namespace berth::model
