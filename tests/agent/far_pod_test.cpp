// tests/agent/far_pod_test.cpp - what planners ask of another host's pod is in its outline.
#include "agent/objects/far_pod.hpp"

#include <gmock/gmock.h>

#include "model/model.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

model::Object object(std::string_view text) {
  const auto raw = parse_json(text);
  return *model::make_object(raw->get_object());
}

TEST(FarPod, IsOneThatIsBoundToAnotherNode) {
  const auto pod = [](const std::string& spec) {
    return object(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"d"})" + spec + "}");
  };
  EXPECT_TRUE(is_far_pod(pod(R"(,"spec":{"nodeName":"n2"})"), "n1"));
  EXPECT_FALSE(is_far_pod(pod(R"(,"spec":{"nodeName":"n1"})"), "n1"));
  EXPECT_FALSE(is_far_pod(pod(R"(,"spec":{})"), "n1"));
  EXPECT_FALSE(is_far_pod(pod(""), "n1"));
  EXPECT_FALSE(is_far_pod(object(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"d"},
                                     "spec":{"nodeName":"n2"}})"),
                          "n1"));
}

TEST(FarPod, TheOutlineHasWhatIsPlannedWithAndNotHowItIsMade) {
  const auto outline = outline_of(object(R"({"apiVersion":"v1","kind":"Pod",
    "metadata":{"name":"web-0","namespace":"shop","uid":"u","labels":{"app":"web"},
      "annotations":{"controller.kubernetes.io/pod-deletion-cost":"5",
                     "kubectl.kubernetes.io/last-applied-configuration":"{}"},
      "ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web","uid":"s","controller":true}],
      "deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["f"]},
    "spec":{"nodeName":"n2","hostname":"web-0","subdomain":"web","hostNetwork":true,"securityContext":{"runAsUser":1},
      "tolerations":[{"key":"k","operator":"Exists"}],"affinity":{"podAntiAffinity":{}},"priority":7,
      "initContainers":[{"name":"i","image":"x","restartPolicy":"Always","args":["a"],"ports":[{"containerPort":1}]}],
      "containers":[{"name":"c","image":"x","command":["run"],"env":[{"name":"A","value":"b"}],
        "ports":[{"name":"http","containerPort":80,"hostPort":8080}],"resources":{"requests":{"cpu":"1"}},
        "livenessProbe":{"exec":{"command":["true"]}},"volumeMounts":[{"name":"d","mountPath":"/d"}]}],
      "volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data-web-0"}},{"name":"e","emptyDir":{}}]},
    "status":{"phase":"Running","podIP":"10.1.2.3","hostIP":"10.0.0.2","startTime":"2026-01-01T00:00:00Z",
      "conditions":[{"type":"Initialized","status":"True"},
        {"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:01Z"},
        {"type":"PodReadyToStartContainers","status":"False"},{"type":"example.com/mine","status":"True"}],
      "containerStatuses":[{"name":"c","restartCount":3,"imageID":"sha256:1","containerID":"containerd://1",
        "stopSignal":"SIGTERM","user":{"linux":{"uid":0,"gid":0,"supplementalGroups":[0,10]}},
        "state":{"terminated":{"exitCode":4,"finishedAt":"2026-01-01T00:00:02Z"}}}]}})"));
  const auto pod = model::decode_pod(outline);
  ASSERT_TRUE(pod.ok()) << pod.error().message();
  EXPECT_EQ(outline.key(), (model::ObjectKey{Kind::Pod, "shop", "web-0"}));
  EXPECT_THAT(pod->meta.labels, SizeIs(1));
  EXPECT_THAT(pod->meta.annotations, ElementsAre(testing::Pair("controller.kubernetes.io/pod-deletion-cost", "5")));
  EXPECT_EQ(pod->meta.controller()->uid, "s");
  EXPECT_TRUE(pod->meta.deleting());
  EXPECT_THAT(pod->meta.finalizers, SizeIs(1));
  EXPECT_EQ(pod->spec.node_name + pod->spec.hostname + pod->spec.subdomain, "n2web-0web");
  EXPECT_TRUE(pod->spec.host_network);
  EXPECT_THAT(pod->spec.tolerations, SizeIs(1));
  ASSERT_THAT(pod->spec.volumes, SizeIs(1));
  EXPECT_EQ(std::get<model::ClaimSource>(pod->spec.volumes.front().source).claim_name, "data-web-0");
  const auto& container = pod->spec.containers.front();
  EXPECT_EQ(container.ports.front().host_port, 8080);
  EXPECT_EQ(container.resources.requests.count("cpu"), 1U);
  EXPECT_EQ(pod->spec.init_containers.front().restart_policy, "Always");
  EXPECT_THAT(pod->spec.init_containers.front().ports, SizeIs(1));
  EXPECT_EQ(pod->status.pod_ip, "10.1.2.3");
  EXPECT_TRUE(pod->status.ready());
  EXPECT_FALSE(pod->status.container_statuses.front().user);
  EXPECT_EQ(pod->status.condition("PodReadyToStartContainers")->status, "False");
  EXPECT_NE(pod->status.condition("example.com/mine"), nullptr);
  const auto& status = pod->status.container_statuses.front();
  EXPECT_EQ(status.restart_count, 3);
  EXPECT_EQ(status.container_id, "containerd://1");
  EXPECT_EQ(std::get<model::ContainerStateTerminated>(status.state).exit_code, 4);
  // What a reader of the JSON may ask for.
  EXPECT_NE(find(outline.raw.at("spec"), {"affinity", "podAntiAffinity"}), nullptr);
  EXPECT_NE(find(outline.raw.at("spec"), {"priority"}), nullptr);

  EXPECT_THAT(container.command, IsEmpty());
  EXPECT_THAT(container.env, IsEmpty());
  EXPECT_THAT(container.volume_mounts, IsEmpty());
  EXPECT_FALSE(container.liveness.has_value());
  EXPECT_THAT(pod->spec.init_containers.front().args, IsEmpty());
  EXPECT_FALSE(pod->spec.security.run_as_user.has_value());
  EXPECT_EQ(pod->status.condition("Initialized"), nullptr);
  EXPECT_EQ(status.image_id, "");
}

TEST(FarPod, WhatIsOfAnotherShapeStaysAsItIs) {
  const auto odd = object(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"d"},
      "spec":{"nodeName":"n2","containers":"none","volumes":7},"status":{"conditions":{},"containerStatuses":[1]}})");
  EXPECT_EQ(outline_of(odd).raw, odd.raw);
}

}  // namespace
}  // namespace berth::agent
