// tests/model/defaults_test.cpp - what is filled in, and what the typed views make of it.
#include <gtest/gtest.h>

#include "model/model.hpp"

namespace berth::model {
namespace {

json::object defaulted(Kind kind, std::string_view text) {
  auto raw = parse_json(text)->get_object();
  apply_defaults(kind, raw);
  auto again = raw;
  apply_defaults(kind, again);
  EXPECT_EQ(again, raw) << "defaults are filled in once";
  return raw;
}

std::string text_at(const json::object& raw, std::string_view name) {
  const auto* value = raw.if_contains(name);
  return value == nullptr ? "" : std::string(view(value->as_string()));
}

std::string text(const json::object& raw) { return json::serialize(raw); }
json::object same(std::string_view text) { return parse_json(text)->get_object(); }

TEST(Defaults, AMinimalPodIsFilledInAsTheApiServerDoes) {
  EXPECT_EQ(defaulted(Kind::Pod, R"({"spec":{"containers":[{"name":"c","image":"x"}]}})"), same(R"({
    "spec": {
      "containers": [{"name": "c", "image": "x", "imagePullPolicy": "Always", "resources": {},
                      "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
      "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
      "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
      "serviceAccountName": "default", "serviceAccount": "default"},
    "status": {"phase": "Pending"}})"));
}

TEST(Defaults, QuantitiesAreWrittenInOneFormWhereverTheyStand) {
  const auto pod = defaulted(Kind::Pod, R"({"spec":{"containers":[{"name":"c","image":"x",
      "resources":{"limits":{"cpu":0.5,"memory":1073741824},"requests":{"memory":"1024Mi"}},
      "env":[{"name":"A","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":0.001}}},
             {"name":"B","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]}],
      "volumes":[{"name":"v","emptyDir":{"sizeLimit":1000}}]}})");
  const auto& spec = pod.at("spec");
  EXPECT_EQ(json::serialize(spec.at("containers").at(0).at("resources")),
            R"({"limits":{"cpu":"500m","memory":"1073741824"},"requests":{"memory":"1Gi","cpu":"500m"}})");
  const auto& env = spec.at("containers").at(0).at("env");
  EXPECT_EQ(env.at(0).at("valueFrom").at("resourceFieldRef").at("divisor"), "1m");
  EXPECT_EQ(env.at(1).at("valueFrom").at("resourceFieldRef").at("divisor"), "0");
  EXPECT_EQ(spec.at("volumes").at(0).at("emptyDir").at("sizeLimit"), "1k");
  EXPECT_EQ(defaulted(Kind::PersistentVolumeClaim, R"({"spec":{"resources":{"requests":{"storage":1e9}}}})")
                .at("spec")
                .at("resources")
                .at("requests")
                .at("storage"),
            "1G");
  EXPECT_EQ(defaulted(Kind::PersistentVolume, R"({"spec":{"capacity":{"storage":"0.5Ti"}}})")
                .at("spec")
                .at("capacity")
                .at("storage"),
            "512Gi");
  EXPECT_EQ(defaulted(Kind::StatefulSet,
                      R"({"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":1.0}}}]}},
      "volumeClaimTemplates":[{"spec":{"resources":{"requests":{"storage":2048}}}}]}})")
                .at("spec")
                .at("volumeClaimTemplates")
                .at(0)
                .at("spec")
                .at("resources")
                .at("requests")
                .at("storage"),
            "2048");
}

TEST(Defaults, AStoredObjectFromBeforeADefaultIsTheSameObject) {
  auto raw = same(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},
      "spec":{"serviceAccount":"robot","containers":[{"name":"c","image":"x:1","resources":{"limits":{"cpu":0.5}}}]}})");
  const auto stored = raw;
  apply_defaults(Kind::Pod, raw);
  EXPECT_TRUE(validate(Kind::Pod, raw, &stored).empty());
}

TEST(Defaults, ServiceAccountIsAnotherNameOfServiceAccountName) {
  const auto names = [](std::string_view spec) {
    const auto pod = defaulted(Kind::Pod, std::string(R"({"spec":)").append(spec).append("}"));
    return text_at(pod.at("spec").as_object(), "serviceAccountName") + "/" +
           text_at(pod.at("spec").as_object(), "serviceAccount");
  };
  EXPECT_EQ(names(R"({"serviceAccount":"robot"})"), "robot/robot");
  EXPECT_EQ(names(R"({"serviceAccountName":"robot"})"), "robot/robot");
  EXPECT_EQ(names(R"({"serviceAccountName":"robot","serviceAccount":"old"})"), "robot/robot");
  EXPECT_EQ(names("{}"), "default/default");
  const auto set = defaulted(Kind::DaemonSet, R"({"spec":{"template":{"spec":{"serviceAccount":"robot"}}}})");
  EXPECT_EQ(set.at("spec").at("template").at("spec").at("serviceAccountName"), "robot");
  const auto plain = defaulted(Kind::DaemonSet, R"({"spec":{"template":{"spec":{}}}})");
  EXPECT_FALSE(plain.at("spec").at("template").at("spec").as_object().contains("serviceAccountName"));
}

TEST(Defaults, ServicesAndEndpointsGetWhatTheApiServerFillsIn) {
  const auto service = [](std::string_view spec) {
    return defaulted(Kind::Service, std::string(R"({"spec":)").append(spec).append("}")).at("spec").as_object();
  };
  const auto client = service(R"({"sessionAffinity":"ClientIP"})");
  EXPECT_EQ(json::serialize(client.at("sessionAffinityConfig")), R"({"clientIP":{"timeoutSeconds":10800}})");
  EXPECT_FALSE(
      service(R"({"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":3}}})").contains("sessionAffinityConfig"));
  EXPECT_EQ(service(R"({"type":"NodePort"})").at("externalTrafficPolicy"), "Cluster");
  const auto balanced = service(R"({"type":"LoadBalancer"})");
  EXPECT_EQ(balanced.at("externalTrafficPolicy"), "Cluster");
  EXPECT_EQ(balanced.at("allocateLoadBalancerNodePorts"), true);
  EXPECT_FALSE(service("{}").contains("externalTrafficPolicy"));
  EXPECT_FALSE(service(R"({"type":"ClusterIP","externalTrafficPolicy":"Cluster"})").contains("externalTrafficPolicy"));
  EXPECT_EQ(defaulted(Kind::Endpoints, R"({"subsets":[{"ports":[{"port":80}]}]})"),
            same(R"({"subsets":[{"ports":[{"port":80,"protocol":"TCP"}]}]})"));
  EXPECT_EQ(defaulted(Kind::EndpointSlice, R"({"ports":[{"port":80}]})"),
            same(R"({"ports":[{"port":80,"name":"","protocol":"TCP"}]})"));
}

TEST(Defaults, PullPolicyFollowsTheTag) {
  const std::pair<const char*, const char*> cases[] = {
      {"nginx", "Always"},
      {"nginx:latest", "Always"},
      {"nginx:1.15.5", "IfNotPresent"},
      {"registry:5000/nginx", "Always"},
      {"registry:5000/nginx:2", "IfNotPresent"},
      {"nginx@sha256:0123", "IfNotPresent"},
  };
  for (const auto& [image, policy] : cases) {
    auto raw = same(R"({"spec":{"containers":[{"name":"c"}]}})");
    auto& container = raw["spec"].get_object()["containers"].get_array()[0].get_object();
    container["image"] = image;
    apply_defaults(Kind::Pod, raw);
    EXPECT_EQ(raw.at("spec").at("containers").at(0).at("imagePullPolicy"), policy) << image;
  }
}

TEST(Defaults, ProbesPortsVolumesAndRequests) {
  const auto raw = defaulted(Kind::Pod, R"({"spec":{"hostNetwork":true,"containers":[{"name":"c","image":"x:1",
      "ports":[{"containerPort":80}],"livenessProbe":{"httpGet":{"port":80},"periodSeconds":0},
      "resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m"}},
      "env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}],
      "volumes":[{"name":"e"},{"name":"n","emptyDir":null},{"name":"h","hostPath":{"path":"/x"}},
                 {"name":"m","configMap":{"name":"m"}}]}})");
  const auto& container = raw.at("spec").at("containers").at(0);
  EXPECT_EQ(container.at("ports"), parse_json(R"([{"containerPort":80,"hostPort":80,"protocol":"TCP"}])").value_or({}));
  EXPECT_EQ(container.at("livenessProbe"),
            parse_json(R"({"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"timeoutSeconds":1,
                           "successThreshold":1,"failureThreshold":3})")
                .value_or({}));
  EXPECT_EQ(container.at("resources").at("requests"), parse_json(R"({"cpu":"500m","memory":"1Gi"})").value_or({}));
  EXPECT_EQ(container.at("env").at(0).at("valueFrom").at("fieldRef").at("apiVersion"), "v1");
  EXPECT_EQ(raw.at("spec").at("volumes"), parse_json(R"([{"name":"e","emptyDir":{}},{"name":"n","emptyDir":{}},
                           {"name":"h","hostPath":{"path":"/x","type":""}},
                           {"name":"m","configMap":{"name":"m","defaultMode":420}}])")
                                              .value_or({}));
}

TEST(Defaults, SetsServicesAndStorage) {
  EXPECT_EQ(defaulted(Kind::StatefulSet, R"({"spec":{"volumeClaimTemplates":[{"metadata":{"name":"d"}}]}})"), same(R"({
    "spec": {"podManagementPolicy": "OrderedReady", "replicas": 1, "revisionHistoryLimit": 10,
             "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
             "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
             "volumeClaimTemplates": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
                                       "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]}})"));
  EXPECT_EQ(defaulted(Kind::DaemonSet, R"({"spec":{}})"), same(R"({"spec":{"revisionHistoryLimit":10,
    "updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}}}})"));
  EXPECT_EQ(defaulted(Kind::Service, R"({"spec":{"ports":[{"port":80},{"port":81,"targetPort":"web"}]}})"), same(R"({
    "spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80},
                       {"port": 81, "protocol": "TCP", "targetPort": "web"}],
             "sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster",
             "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}})"));
  EXPECT_EQ(text(defaulted(Kind::StorageClass, "{}")), R"({"reclaimPolicy":"Delete","volumeBindingMode":"Immediate"})");
  EXPECT_EQ(defaulted(Kind::Namespace, R"({"metadata":{"name":"a"}})"), same(R"({"status":{"phase":"Active"},
    "spec":{"finalizers":["kubernetes"]},"metadata":{"name":"a","labels":{"kubernetes.io/metadata.name":"a"}}})"));
  EXPECT_EQ(defaulted(Kind::Secret, R"({"data":{"a":"eA=="},"stringData":{"a":"y","b":null}})"),
            same(R"({"data":{"a":"eQ==","b":""},"type":"Opaque"})"));
}

TEST(Defaults, ValuesOfTheWrongTypeAreLeftForValidation) {
  for (const auto* raw : {R"({"spec":5})", R"({"spec":{"containers":{},"volumes":[1],"template":7}})",
                          R"({"spec":{"updateStrategy":[],"ports":[{"port":"x"}],"template":{"spec":"y"}}})",
                          R"({"metadata":[],"status":"s","stringData":{"a":1}})"}) {
    for (const auto& kind : all_kinds()) {
      auto object = same(raw);
      apply_defaults(kind.kind, object);
      EXPECT_FALSE(validate(kind.kind, object, nullptr).empty()) << kind.name << raw;
    }
  }
}

TEST(Defaults, DeploymentsAndReplicaSetsAndReplicationControllers) {
  EXPECT_EQ(defaulted(Kind::Deployment, R"({"spec":{}})"), same(R"({"spec":{"replicas":1,"revisionHistoryLimit":10,
    "progressDeadlineSeconds":600,
    "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}}}})"));
  EXPECT_EQ(defaulted(Kind::Deployment, R"({"spec":{"replicas":0,"strategy":{"type":"Recreate"}}})"),
            same(R"({"spec":{"replicas":0,"revisionHistoryLimit":10,"progressDeadlineSeconds":600,
    "strategy":{"type":"Recreate"}}})"));
  EXPECT_EQ(defaulted(Kind::ReplicaSet, R"({"spec":{}})"), same(R"({"spec":{"replicas":1}})"));
  EXPECT_EQ(defaulted(Kind::ReplicationController, R"({"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}})")
                .at("spec")
                .at("selector"),
            same(R"({"a":"b"})"));
}

TEST(Conversion, OldVersionsKeepTheirOldDefaults) {
  auto set = same(R"({"apiVersion":"extensions/v1beta1","kind":"DaemonSet","metadata":{"name":"a"},
    "spec":{"templateGeneration":3,"template":{"metadata":{"labels":{"app":"x"}}}}})");
  ASSERT_TRUE(convert_to_current(set).ok());
  EXPECT_EQ(set, same(R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"a","labels":{"app":"x"}},
    "spec":{"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}}},
            "updateStrategy":{"type":"OnDelete"}}})"));
  auto later = same(R"({"apiVersion":"apps/v1beta2","kind":"StatefulSet","spec":{}})");
  ASSERT_TRUE(convert_to_current(later).ok());
  EXPECT_EQ(later, same(R"({"apiVersion":"apps/v1","kind":"StatefulSet","spec":{}})"));
  auto deployment = same(R"({"apiVersion":"extensions/v1beta1","kind":"Deployment","metadata":{"name":"a"},
    "spec":{"rollbackTo":{"revision":1},"template":{"metadata":{"labels":{"app":"x"}}}}})");
  ASSERT_TRUE(convert_to_current(deployment).ok());
  EXPECT_EQ(deployment, same(R"({"apiVersion":"apps/v1","kind":"Deployment",
    "metadata":{"name":"a","labels":{"app":"x"}},"spec":{"revisionHistoryLimit":2147483647,
    "progressDeadlineSeconds":2147483647,"selector":{"matchLabels":{"app":"x"}},
    "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":1}},
    "template":{"metadata":{"labels":{"app":"x"}}}}})"));
  auto beta = same(R"({"apiVersion":"apps/v1beta1","kind":"Deployment","spec":{"strategy":{"type":"Recreate"}}})");
  ASSERT_TRUE(convert_to_current(beta).ok());
  EXPECT_EQ(beta, same(R"({"apiVersion":"apps/v1","kind":"Deployment",
    "spec":{"revisionHistoryLimit":2,"strategy":{"type":"Recreate"}}})"));
  auto set_of_old = same(R"({"apiVersion":"extensions/v1beta1","kind":"ReplicaSet","metadata":{"labels":{"mine":"1"}},
    "spec":{"template":{"metadata":{"labels":{"app":"x"}}}}})");
  ASSERT_TRUE(convert_to_current(set_of_old).ok());
  EXPECT_EQ(set_of_old, same(R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"labels":{"mine":"1"}},
    "spec":{"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}}}}})"));
  auto unknown = same(R"({"apiVersion":"batch/v1","kind":"Lemon"})");
  EXPECT_TRUE(failed_with(convert_to_current(unknown), ErrorCode::InvalidArgument));
}

Pod pod_of(std::string_view spec) {
  auto raw = same(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"}})");
  raw["spec"] = *parse_json(spec);
  apply_defaults(Kind::Pod, raw);
  EXPECT_TRUE(validate(Kind::Pod, raw, nullptr).empty()) << validate(Kind::Pod, raw, nullptr).front().text();
  return *decode_pod(*make_object(raw));
}

TEST(DecodePod, EveryPartArrives) {
  const auto pod = pod_of(R"({"containers":[{"name":"c","image":"x:1","args":["a"],
    "env":[{"name":"A","value":"1"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k","optional":true}}},
           {"name":"C","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":"1m"}}}],
    "envFrom":[{"prefix":"P_","configMapRef":{"name":"m"}}],
    "livenessProbe":{"httpGet":{"port":"web","path":"/h","httpHeaders":[{"name":"X","value":"y"}]},"initialDelaySeconds":3},
    "readinessProbe":{"grpc":{"port":5,"service":"s"}},"lifecycle":{"preStop":{"sleep":{"seconds":2}}},
    "resources":{"limits":{"cpu":2}},"securityContext":{"runAsUser":1000,"capabilities":{"drop":["ALL"]}},
    "volumeMounts":[{"name":"p","mountPath":"/p","readOnly":true,"subPath":"s"}],"stdin":true}],
    "volumes":[{"name":"p","projected":{"sources":[{"configMap":{"name":"m","items":[{"key":"a","path":"b","mode":256}]}},
      {"downwardAPI":{"items":[{"path":"l","fieldRef":{"fieldPath":"metadata.labels"}}]}}]}},
      {"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}},
      {"name":"c","persistentVolumeClaim":{"claimName":"d"}},{"name":"e","emptyDir":{"sizeLimit":"1Mi"}}],
    "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
      {"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}]}}},
    "hostAliases":[{"ip":"1.2.3.4","hostnames":["h"]}],"dnsConfig":{"options":[{"name":"ndots","value":"2"}]},
    "imagePullSecrets":[{"name":"r"}],"securityContext":{"fsGroup":5,"sysctls":[{"name":"net.core.somaxconn","value":"1"}]}})");
  const auto& spec = pod.spec;
  const auto& c = spec.containers.items().at(0);
  EXPECT_EQ(c.env.at(1).secret_key_ref->key, "k");
  EXPECT_TRUE(c.env.at(1).secret_key_ref->optional);
  EXPECT_EQ(c.env.at(2).resource_field_ref->divisor.milli(), 1);
  EXPECT_EQ(c.env_from.at(0).config_map, "m");
  const auto& http = std::get<HttpGetAction>(c.liveness->action);
  EXPECT_EQ(http.port + http.path + http.headers.at(0).value, "web/hy");
  EXPECT_EQ(c.liveness->initial_delay, std::chrono::seconds(3));
  EXPECT_EQ(c.liveness->period, std::chrono::seconds(10));
  EXPECT_EQ(std::get<GrpcAction>(c.readiness->action).service, "s");
  EXPECT_EQ(std::get<SleepAction>(*c.lifecycle.pre_stop).duration, std::chrono::seconds(2));
  EXPECT_EQ(c.resources.requests.at("cpu").milli(), 2000);
  EXPECT_EQ(c.security.run_as_user, 1000);
  EXPECT_EQ(c.security.capabilities_drop, std::vector<std::string>{"ALL"});
  EXPECT_TRUE(c.volume_mounts.at(0).read_only);
  EXPECT_TRUE(c.has_stdin);
  const auto& projected = std::get<ProjectedSource>(spec.volumes.at(0).source);
  EXPECT_EQ(std::get<ConfigMapSource>(projected.sources.at(0)).items.at(0).mode, 256);
  EXPECT_EQ(std::get<DownwardSource>(projected.sources.at(1)).items.at(0).field_ref->field_path, "metadata.labels");
  EXPECT_EQ(std::get<UnsupportedSource>(spec.volumes.at(1).source).kind, "projected serviceAccountToken");
  EXPECT_EQ(std::get<ClaimSource>(spec.volumes.at(2).source).claim_name, "d");
  EXPECT_EQ(std::get<EmptyDirSource>(spec.volumes.at(3).source).size_limit->value(), 1 << 20);
  EXPECT_EQ(spec.required_node_affinity.at(0).match_expressions.at(0).op, "In");
  EXPECT_EQ(spec.host_aliases.at(0).hostnames.at(0), "h");
  EXPECT_EQ(spec.dns_config.options.at(0).value, "2");
  EXPECT_EQ(spec.image_pull_secrets.at(0), "r");
  EXPECT_EQ(spec.security.fs_group, 5);
  EXPECT_EQ(spec.security.sysctls.at(0).name, "net.core.somaxconn");
  EXPECT_EQ(qos_class(spec), "Burstable");
}

TEST(DecodePod, WishesForConfinementArrive) {
  const auto raw = pod_of(R"({"hostUsers":false,"securityContext":{"appArmorProfile":{"type":"RuntimeDefault"}},
    "containers":[{"name":"c","image":"x:1","securityContext":{"appArmorProfile":{"type":"Localhost","localhostProfile":"p"}},
    "volumeMounts":[{"name":"v","mountPath":"/v","readOnly":true,"recursiveReadOnly":"IfPossible"}]}],
    "volumes":[{"name":"v","emptyDir":{}}]})");
  EXPECT_FALSE(raw.spec.host_users);
  EXPECT_EQ(raw.spec.security.app_armor, (AppArmorProfile{"RuntimeDefault", ""}));
  EXPECT_EQ(raw.spec.containers[0].security.app_armor, (AppArmorProfile{"Localhost", "p"}));
  EXPECT_EQ(raw.spec.containers[0].volume_mounts.at(0).recursive_read_only, "IfPossible");
  const auto plain = pod_of(R"({"containers":[{"name":"c","image":"x:1"}]})");
  EXPECT_TRUE(plain.spec.host_users);
  EXPECT_EQ(plain.spec.security.app_armor, std::nullopt);
}

TEST(DecodePod, AnnotationsSayAppArmorsProfileWhereNoFieldDoes) {
  const auto profile = [](const std::string& annotation, const std::string& pod, const std::string& container) {
    const auto text = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default","annotations":{)"
                      R"("container.apparmor.security.beta.kubernetes.io/c":")" +
                      annotation + R"("}},"spec":{"securityContext":{)" + pod +
                      R"(},"containers":[{"name":"other","image":"x"},{"name":"c","image":"x","securityContext":{)" +
                      container + "}}]}}";
    const auto object = make_object(same(text));
    const auto decoded = decode_pod(*object);
    EXPECT_EQ(decoded->spec.containers[0].security.app_armor, std::nullopt);
    return decoded->spec.containers[1].security.app_armor;
  };
  EXPECT_EQ(profile("runtime/default", "", ""), (AppArmorProfile{"RuntimeDefault", ""}));
  EXPECT_EQ(profile("unconfined", "", ""), (AppArmorProfile{"Unconfined", ""}));
  EXPECT_EQ(profile("localhost/a/b", "", ""), (AppArmorProfile{"Localhost", "a/b"}));
  EXPECT_EQ(profile("what", "", ""), std::nullopt);
  EXPECT_EQ(profile("unconfined", "", R"("appArmorProfile":{"type":"RuntimeDefault"})"),
            (AppArmorProfile{"RuntimeDefault", ""}));
  EXPECT_EQ(profile("unconfined", R"("appArmorProfile":{"type":"RuntimeDefault"})", ""), std::nullopt);
}

TEST(Qos, FollowsTheKubernetesRules) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "BestEffort"},
      {R"({"limits":{"nvidia.com/gpu":"1"}})", "BestEffort"},
      {R"({"requests":{"cpu":"1"}})", "Burstable"},
      {R"({"limits":{"cpu":"1"}})", "Burstable"},
      {R"({"limits":{"cpu":"1","memory":"1Gi"}})", "Guaranteed"},
      {R"({"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m"}})", "Guaranteed"},
      {R"({"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m"}})", "Burstable"},
  };
  for (const auto& [resources, expected] : cases) {
    const auto pod = pod_of(std::string(R"({"containers":[{"name":"c","image":"x","resources":)") + resources + "}]}");
    EXPECT_EQ(qos_class(pod.spec), expected) << resources;
  }
}

TEST(PodStatus, SurvivesARoundTripThroughJson) {
  PodStatus status;
  status.phase = "Running";
  status.pod_ip = "10.98.0.5";
  status.host_ip = "192.0.2.1";
  status.start_time = "2026-11-21T09:25:13Z";
  status.qos_class = "BestEffort";
  status.conditions = {{"Ready", "True", "", "", "2026-11-21T09:25:14Z"}};
  ContainerStatus one;
  one.name = "c";
  one.state = ContainerStateRunning{"2026-11-21T09:25:14Z"};
  one.last_state = ContainerStateTerminated{137, 9, "OOMKilled", "m", "a", "b", "containerd://1"};
  one.ready = one.started = true;
  one.restart_count = 2;
  one.image = "x:1";
  one.image_id = "sha256:1";
  one.container_id = "containerd://2";
  auto two = one;
  two.state = ContainerStateWaiting{"CrashLoopBackOff", "back-off 10s"};
  two.last_state.reset();
  status.container_statuses = {one};
  status.init_container_statuses = {two};
  auto raw = same(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},
    "spec":{"containers":[{"name":"c","image":"x"}]}})");
  raw["status"] = encode_pod_status(status);
  const auto pod = decode_pod(*make_object(raw));
  ASSERT_TRUE(pod.ok());
  EXPECT_EQ(pod->status, status);
  EXPECT_TRUE(pod->status.ready());
  EXPECT_EQ(raw.at("status").at("podIPs").at(0).at("ip"), "10.98.0.5");
  EXPECT_EQ(raw.at("status").at("containerStatuses").at(0).at("lastState").at("terminated").at("exitCode"), 137);
}

TEST(Event, SurvivesARoundTripThroughJson) {
  Event event;
  event.meta.name = "p.1";
  event.meta.ns = "n";
  event.involved = {Kind::Pod, "n", "p"};
  event.involved_uid = "u";
  event.reason = "Pulled";
  event.message = "pulled x";
  event.count = 3;
  event.first_timestamp = event.last_timestamp = "2026-11-21T09:25:13Z";
  event.source_component = "berthd";
  const auto object = make_object(encode_event(event));
  ASSERT_TRUE(object.ok()) << object.error().message();
  EXPECT_EQ(validate(Kind::Event, object->raw, nullptr).size(), 0U);
  const auto again = decode_event(*object);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(encode_event(*again), encode_event(event));
  EXPECT_EQ(object->raw.at("involvedObject").at("apiVersion"), "v1");
}

TEST(DecodeSecretAndConfigMap, DataIsBytes) {
  const auto secret = make_object(same(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"n"},
    "data":{"a":"AAE=","b":"eA=="},"stringData":{"b":"y"}})"));
  EXPECT_EQ(decode_secret(*secret)->data,
            (std::map<std::string, std::string>{{"a", std::string("\0\1", 2)}, {"b", "y"}}));
  const auto map = make_object(same(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s","namespace":"n"},
    "data":{"a":"x"},"binaryData":{"b":"/w=="}})"));
  EXPECT_EQ(decode_config_map(*map)->data, (std::map<std::string, std::string>{{"a", "x"}, {"b", "\xff"}}));
}

TEST(DecodeStorage, VolumesClaimsAndClasses) {
  const auto volume = decode_volume(*make_object(same(R"({"apiVersion":"v1","kind":"PersistentVolume",
    "metadata":{"name":"v"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"nfs":{"server":"h",
    "path":"/"},"claimRef":{"namespace":"n","name":"c","uid":"u"}},"status":{"phase":"Bound"}})")));
  ASSERT_TRUE(volume.ok());
  EXPECT_EQ(std::get<NfsSource>(volume->source).server, "h");
  EXPECT_EQ(volume->capacity.value(), 1 << 30);
  EXPECT_EQ(volume->claim_ns + "/" + volume->claim_name, "n/c");
  const auto claim = decode_claim(*make_object(same(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim",
    "metadata":{"name":"c","namespace":"n"},"spec":{"storageClassName":"","resources":{"requests":{"storage":"5"}}}})")));
  ASSERT_TRUE(claim.ok());
  EXPECT_EQ(claim->storage_class_name, "");
  EXPECT_EQ(claim->request.value(), 5);
  const auto old = decode_claim(*make_object(same(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{
    "name":"c","namespace":"n","annotations":{"volume.beta.kubernetes.io/storage-class":"fast"}},"spec":{}})")));
  EXPECT_EQ(old->storage_class_name, "fast") << "as classes were named before 1.6";
  const auto cls = decode_storage_class(*make_object(same(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass",
    "metadata":{"name":"c","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"p"})")));
  ASSERT_TRUE(cls.ok());
  EXPECT_TRUE(cls->is_default());
}

}  // namespace
}  // namespace berth::model
