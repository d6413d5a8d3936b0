// tests/model/admission_test.cpp - what the rest of a store says about a new object.
#include "model/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "model/model.hpp"
#include "model/pod_resources.hpp"

namespace berth::model {
namespace {

using testing::HasSubstr;

class FakeStored final : public Stored {
 public:
  ObjectPtr get(const ObjectKey& key) const override {
    const auto found = objects.find(key);
    return found == objects.end() ? nullptr : found->second;
  }
  std::vector<ObjectPtr> list(Kind kind, std::string_view ns) const override {
    std::vector<ObjectPtr> out;
    for (const auto& [key, object] : objects) {
      if (key.kind == kind && (ns.empty() || key.ns == ns)) out.push_back(object);
    }
    return out;
  }
  void put(const std::string& yaml) {
    const auto manifest = read_manifest(yaml, "f");
    ASSERT_TRUE(manifest.errors.empty()) << manifest.errors.front().text();
    for (const auto& object : manifest.objects) objects[object.key()] = std::make_shared<const Object>(object);
  }

  std::map<ObjectKey, ObjectPtr> objects;
};

json::object pod(std::string_view spec) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, "
      "image: b}], " +
          std::string(spec) + "}\n",
      "f");
  EXPECT_TRUE(manifest.errors.empty()) << manifest.errors.front().text();
  return manifest.objects.front().raw;
}

std::string priority_class(std::string_view name, int value, std::string_view more = "") {
  return "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: " + std::string(name) +
         "}\nvalue: " + std::to_string(value) + "\n" + std::string(more) + "\n";
}

std::string refusal(Kind kind, json::object raw, const Stored& stored) {
  const auto admitted = admit_new(kind, raw, stored);
  if (admitted) return {};
  EXPECT_EQ(admitted.error().code(), ErrorCode::PermissionDenied);
  return admitted.error().message();
}

TEST(Qos, APodHasItsClassFromTheFirstMoment) {
  const FakeStored stored;
  for (const auto& [resources, expected] :
       {std::pair("{}", "BestEffort"), std::pair("{requests: {cpu: 1}}", "Burstable"),
        std::pair("{limits: {cpu: 1, memory: 1Gi}}", "Guaranteed")}) {
    auto raw = read_manifest(
                   "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: b, "
                   "resources: " +
                       std::string(resources) + "}]}\n",
                   "f")
                   .objects.at(0)
                   .raw;
    apply_defaults(Kind::Pod, raw);
    ASSERT_TRUE(admit_new(Kind::Pod, raw, stored));
    EXPECT_EQ(find_string(json::value(raw), {"status", "qosClass"}), expected);
  }
}

TEST(Priority, OfAPodIsThatOfItsClass) {
  FakeStored stored;
  stored.put(priority_class("high", 1000, "preemptionPolicy: Never"));
  auto raw = pod("priorityClassName: high");
  ASSERT_TRUE(admit_new(Kind::Pod, raw, stored));
  EXPECT_EQ(raw.at("spec").at("priority"), 1000);
  EXPECT_EQ(raw.at("spec").at("preemptionPolicy"), "Never");
  ASSERT_TRUE(admit_new(Kind::Pod, raw, stored)) << "admitting twice is no trouble";
}

TEST(Priority, SystemClassesNeedNoObject) {
  const FakeStored nothing;
  auto raw = pod("priorityClassName: system-node-critical");
  ASSERT_TRUE(admit_new(Kind::Pod, raw, nothing));
  EXPECT_EQ(raw.at("spec").at("priority"), 2000001000);
  auto cluster = pod("priorityClassName: system-cluster-critical");
  ASSERT_TRUE(admit_new(Kind::Pod, cluster, nothing));
  EXPECT_EQ(cluster.at("spec").at("priority"), 2000000000);
}

TEST(Priority, AClassThatIsNotThereIsWaitedFor) {
  FakeStored stored;
  EXPECT_EQ(refusal(Kind::Pod, pod("priorityClassName: high"), stored),
            "pods \"web\" is forbidden: no PriorityClass with name high was found");
  stored.put(priority_class("high", 1000));
  EXPECT_EQ(refusal(Kind::Pod, pod("priorityClassName: high"), stored), "");
}

TEST(Priority, ANumberBesideAClassMustBeItsOwn) {
  FakeStored stored;
  stored.put(priority_class("high", 1000));
  EXPECT_EQ(refusal(Kind::Pod, pod("priorityClassName: high, priority: 1000"), stored), "");
  EXPECT_THAT(refusal(Kind::Pod, pod("priorityClassName: high, priority: 5"), stored),
              HasSubstr("the integer value of priority (5) must not be provided in pod spec; priority admission "
                        "controller computed 1000 from the given PriorityClass name"));
  EXPECT_THAT(refusal(Kind::Pod, pod("priorityClassName: high, preemptionPolicy: Never"), stored),
              HasSubstr("the string value of PreemptionPolicy (Never) must not be provided in pod spec"));
  EXPECT_EQ(refusal(Kind::Pod, pod("priorityClassName: gone, priority: 5"), stored), "") << "it was admitted once";
}

TEST(Priority, TheLowestDefaultIsThatOfPodsWithoutAClass) {
  FakeStored stored;
  auto plain = pod("");
  const auto before = plain;
  ASSERT_TRUE(admit_new(Kind::Pod, plain, stored));
  EXPECT_EQ(plain.at("spec"), before.at("spec"));
  stored.put(priority_class("a", 20, "globalDefault: true") + priority_class("b", 10, "globalDefault: true") +
             priority_class("c", 5));
  ASSERT_TRUE(admit_new(Kind::Pod, plain, stored));
  EXPECT_EQ(plain.at("spec").at("priority"), 10);
  auto own = pod("priority: 3");
  ASSERT_TRUE(admit_new(Kind::Pod, own, stored));
  EXPECT_EQ(own.at("spec").at("priority"), 3) << "the number stands on its own";
}

TEST(Priority, StaysWhenThePodIsWrittenAgain) {
  FakeStored stored;
  stored.put(priority_class("high", 1000));
  auto first = pod("priorityClassName: high");
  ASSERT_TRUE(admit_new(Kind::Pod, first, stored));
  auto again = pod("priorityClassName: high");
  keep_filled(Kind::Pod, again, first);
  EXPECT_EQ(again.at("spec"), first.at("spec"));
  EXPECT_TRUE(validate(Kind::Pod, again, &first).empty());
  auto other = pod("priorityClassName: low");
  keep_filled(Kind::Pod, other, first);
  EXPECT_FALSE(other.at("spec").as_object().contains("priority"));
}

TEST(PullSecrets, AreThoseOfTheAccountWhereThePodNamesNone) {
  FakeStored stored;
  const auto secrets = [&](std::string_view spec) {
    auto raw = pod(spec);
    EXPECT_TRUE(admit_new(Kind::Pod, raw, stored));
    const auto* found = raw.at("spec").as_object().if_contains("imagePullSecrets");
    return found == nullptr ? std::string() : json::serialize(*found);
  };
  EXPECT_EQ(secrets(""), "") << "no account, no secrets";
  stored.put(
      "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\nimagePullSecrets: [{name: a}, {name: b}]\n");
  stored.put("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n");
  EXPECT_EQ(secrets(""), R"([{"name":"a"},{"name":"b"}])");
  EXPECT_EQ(secrets("imagePullSecrets: []"), R"([{"name":"a"},{"name":"b"}])");
  EXPECT_EQ(secrets("imagePullSecrets: [{name: own}]"), R"([{"name":"own"}])");
  EXPECT_EQ(secrets("serviceAccountName: robot"), "");
}

TEST(PullSecrets, StayWhenAFileIsReadAgain) {
  FakeStored stored;
  stored.put("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\nimagePullSecrets: [{name: a}]\n");
  auto first = pod("");
  ASSERT_TRUE(admit_new(Kind::Pod, first, stored));
  auto again = pod("");
  keep_filled(Kind::Pod, again, first);
  EXPECT_EQ(again.at("spec"), first.at("spec"));
  auto other = pod("serviceAccountName: robot");
  keep_filled(Kind::Pod, other, first);
  EXPECT_FALSE(other.at("spec").as_object().contains("imagePullSecrets"));
}

std::string limit_range(std::string_view limits) {
  return "apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds}\nspec: {limits: [" + std::string(limits) + "]}\n";
}

std::string quota(std::string_view spec) {
  return "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: all}\nspec: {" + std::string(spec) + "}\n";
}

json::object asking(std::string_view resources, std::string_view name = "web") {
  const auto manifest =
      read_manifest("apiVersion: v1\nkind: Pod\nmetadata: {name: " + std::string(name) +
                        "}\nspec: {containers: [{name: a, image: b, resources: " + std::string(resources) + "}]}\n",
                    "f");
  EXPECT_TRUE(manifest.errors.empty()) << manifest.errors.front().text();
  return manifest.objects.front().raw;
}

const json::value& resources_of(const json::object& raw) {
  return raw.at("spec").at("containers").at(0).at("resources");
}

TEST(LimitRanges, FillInWhatAContainerDoesNotSay) {
  FakeStored stored;
  stored.put(limit_range("{type: Container, default: {cpu: 1, memory: 1Gi}, defaultRequest: {cpu: 100m}}"));
  auto plain = asking("{}");
  ASSERT_TRUE(admit_new(Kind::Pod, plain, stored));
  EXPECT_EQ(json::serialize(resources_of(plain)),
            R"({"requests":{"cpu":"100m","memory":"1Gi"},"limits":{"cpu":"1","memory":"1Gi"}})");
  EXPECT_EQ(find_string(plain.at("metadata"), {"annotations", "kubernetes.io/limit-ranger"}),
            "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a");
  auto bounded = asking("{limits: {cpu: 2, memory: 2Gi}}");
  const auto before = bounded;
  ASSERT_TRUE(admit_new(Kind::Pod, bounded, stored));
  EXPECT_EQ(bounded.at("spec"), before.at("spec"));
  auto more = asking("{requests: {cpu: 2}}");
  const auto refused = admit_new(Kind::Pod, more, stored);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::InvalidArgument) << "the limit that is filled in is below the request";
  EXPECT_THAT(refused.error().message(), HasSubstr("must be less than or equal to cpu limit of 1"));
}

TEST(LimitRanges, WhatWasFilledInStaysWhenAFileIsReadAgain) {
  FakeStored stored;
  stored.put(limit_range("{type: Container, default: {cpu: 1}}"));
  auto first = asking("{requests: {memory: 1Mi}}");
  ASSERT_TRUE(admit_new(Kind::Pod, first, stored));
  auto again = asking("{requests: {memory: 1Mi}}");
  keep_filled(Kind::Pod, again, first);
  EXPECT_EQ(resources_of(again), resources_of(first));
  auto less = asking("{}");
  keep_filled(Kind::Pod, less, first);
  EXPECT_EQ(find(resources_of(less), {"requests", "memory"}), nullptr) << "the file said it, and says it no more";
}

TEST(LimitRanges, BoundWhatIsAskedForInKubernetesWords) {
  FakeStored stored;
  stored.put(
      limit_range("{type: Container, min: {memory: 64Mi}, max: {memory: 1Gi}, default: {memory: 512Mi}, "
                  "defaultRequest: {memory: 128Mi}, maxLimitRequestRatio: {memory: 4}}, {type: Pod, max: {cpu: 2}}, "
                  "{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 2Gi}}"));
  const auto say = [&](std::string_view resources) { return refusal(Kind::Pod, asking(resources), stored); };
  EXPECT_EQ(say("{limits: {cpu: 1}}"), "");
  EXPECT_EQ(say("{limits: {cpu: 1, memory: 2Gi}, requests: {memory: 1Gi}}"),
            "pods \"web\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi");
  EXPECT_EQ(say("{limits: {cpu: 1, memory: 32Mi}}"),
            "pods \"web\" is forbidden: minimum memory usage per Container is 64Mi, but request is 32Mi");
  EXPECT_EQ(say("{limits: {cpu: 1, memory: 1Gi}, requests: {memory: 64Mi}}"),
            "pods \"web\" is forbidden: memory max limit to request ratio per Container is 4, but provided ratio is "
            "16.000000");
  EXPECT_EQ(say("{}"), "pods \"web\" is forbidden: maximum cpu usage per Pod is 2.  No limit is specified");
  EXPECT_THAT(
      say("{limits: {cpu: 3, memory: 2Gi}}"),
      HasSubstr("[maximum memory usage per Container is 1Gi, but limit is 2Gi, maximum cpu usage per Pod is 2, but "
                "limit is 3]"));
  const auto claim = [&](std::string_view size) {
    const auto manifest = read_manifest(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: "
        "{accessModes: [ReadWriteOnce], resources: {requests: {storage: " +
            std::string(size) + "}}}\n",
        "f");
    return refusal(Kind::PersistentVolumeClaim, manifest.objects.front().raw, stored);
  };
  EXPECT_EQ(claim("1Gi"), "");
  EXPECT_EQ(claim("3Gi"),
            "persistentvolumeclaims \"data\" is forbidden: maximum storage usage per PersistentVolumeClaim is "
            "2Gi, but request is 3Gi");
  EXPECT_THAT(claim("100Mi"),
              HasSubstr("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 100Mi"));
}

TEST(Quotas, CountPodsAndWhatTheyAskFor) {
  FakeStored stored;
  stored.put(quota("hard: {pods: 2, requests.cpu: 1, limits.memory: 1Gi}"));
  const auto add = [&](std::string_view name) {
    auto object = *make_object(asking("{limits: {cpu: 400m, memory: 512Mi}}", name));
    stored.objects[object.key()] = std::make_shared<const Object>(object);
  };
  EXPECT_EQ(refusal(Kind::Pod, asking("{limits: {cpu: 400m, memory: 512Mi}}"), stored), "");
  EXPECT_EQ(refusal(Kind::Pod, asking("{limits: {cpu: 400m}}"), stored),
            "pods \"web\" is forbidden: failed quota: all: must specify limits.memory for: a");
  EXPECT_EQ(refusal(Kind::Pod, asking("{}"), stored),
            "pods \"web\" is forbidden: failed quota: all: must specify limits.memory for: a; requests.cpu for: a");
  add("one");
  EXPECT_EQ(
      refusal(Kind::Pod, asking("{limits: {cpu: 700m, memory: 512Mi}}"), stored),
      "pods \"web\" is forbidden: exceeded quota: all, requested: requests.cpu=700m, used: requests.cpu=400m, limited: "
      "requests.cpu=1");
  EXPECT_EQ(refusal(Kind::Pod, asking("{limits: {cpu: 400m, memory: 1Gi}}"), stored),
            "pods \"web\" is forbidden: exceeded quota: all, requested: limits.memory=1Gi, used: limits.memory=512Mi, "
            "limited: limits.memory=1Gi");
  add("two");
  EXPECT_EQ(refusal(Kind::Pod, asking("{limits: {cpu: 200m, memory: 1Mi}}"), stored),
            "pods \"web\" is forbidden: exceeded quota: all, requested: limits.memory=1Mi,pods=1, used: "
            "limits.memory=1Gi,pods=2, limited: limits.memory=1Gi,pods=2");
  auto other = asking("{}");
  other["metadata"].as_object()["namespace"] = "elsewhere";
  EXPECT_EQ(refusal(Kind::Pod, other, stored), "") << "each namespace has its own";
}

TEST(Quotas, CountOtherThings) {
  FakeStored stored;
  stored.put(
      quota("hard: {configmaps: 1, count/roles.rbac.authorization.k8s.io: 0, services.nodeports: 1, "
            "requests.storage: 1Gi}"));
  const auto say = [&](std::string_view yaml) {
    const auto manifest = read_manifest(yaml, "f");
    EXPECT_TRUE(manifest.errors.empty());
    return refusal(manifest.objects.front().kind, manifest.objects.front().raw, stored);
  };
  EXPECT_EQ(say("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"), "");
  stored.put("{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}");
  EXPECT_EQ(say("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"),
            "configmaps \"a\" is forbidden: exceeded quota: all, requested: configmaps=1, used: configmaps=1, limited: "
            "configmaps=1");
  EXPECT_THAT(say("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: []}"),
              HasSubstr("roles.rbac.authorization.k8s.io \"a\" is forbidden: exceeded quota: all, requested: "
                        "count/roles.rbac.authorization.k8s.io=1"));
  EXPECT_EQ(say("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}"), "");
  EXPECT_THAT(
      say("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort, ports: [{name: a, port: 80}, "
          "{name: b, port: 81}]}}"),
      HasSubstr("requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1"));
  EXPECT_THAT(
      say("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, spec: {accessModes: [ReadWriteOnce], "
          "resources: {requests: {storage: 2Gi}}}}"),
      HasSubstr("requested: requests.storage=2Gi, used: requests.storage=0, limited: requests.storage=1Gi"));
}

TEST(Quotas, BoundWhatServicesAndClaimsGrowTo) {
  FakeStored stored;
  stored.put(quota("hard: {services: 1, services.nodeports: 1, requests.storage: 3Gi, persistentvolumeclaims: 1}"));
  const auto change = [&](std::string_view before, std::string_view after) {
    const auto old = read_manifest(before, "f").objects.front();
    const auto now = read_manifest(after, "f").objects.front();
    stored.put(std::string(before));
    const auto admitted = admit_change(now.kind, now.raw, old.raw, stored);
    return admitted ? std::string() : admitted.error().message();
  };
  const auto service = [](std::string_view type, std::string_view more = "") {
    return fmt::format(
        "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{type: {}, ports: [{{name: a, port: "
        "80}}{}]}}}}",
        type, more);
  };
  EXPECT_EQ(change(service("ClusterIP"), service("NodePort")), "") << "it is the one that there may be";
  EXPECT_EQ(change(service("ClusterIP"), service("NodePort", ", {name: b, port: 81}")),
            "services \"a\" is forbidden: exceeded quota: all, requested: services.nodeports=2, used: "
            "services.nodeports=0, limited: services.nodeports=1");
  EXPECT_EQ(change(service("NodePort"), service("ClusterIP")), "");
  const auto claim = [](std::string_view size) {
    return fmt::format(
        "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: c}}, spec: {{accessModes: [ReadWriteOnce], "
        "resources: {{requests: {{storage: {}}}}}}}}}",
        size);
  };
  EXPECT_EQ(change(claim("1Gi"), claim("3Gi")), "");
  EXPECT_EQ(change(claim("1Gi"), claim("4Gi")),
            "persistentvolumeclaims \"c\" is forbidden: exceeded quota: all, requested: requests.storage=3Gi, used: "
            "requests.storage=1Gi, limited: requests.storage=3Gi");
}

TEST(Quotas, WithScopesCountOnlyThosePods) {
  const auto refused = [](std::string_view scopes, json::object raw) {
    FakeStored stored;
    stored.put(quota("hard: {pods: 0}, " + std::string(scopes)));
    return !refusal(Kind::Pod, std::move(raw), stored).empty();
  };
  const auto best = asking("{}");
  const auto bounded = asking("{limits: {cpu: 1}}");
  const auto ends = pod("activeDeadlineSeconds: 5");
  const auto high = pod("priorityClassName: high, priority: 5");
  EXPECT_TRUE(refused("scopes: [BestEffort]", best));
  EXPECT_FALSE(refused("scopes: [BestEffort]", bounded));
  EXPECT_TRUE(refused("scopes: [NotBestEffort]", bounded));
  EXPECT_TRUE(refused("scopes: [Terminating]", ends));
  EXPECT_FALSE(refused("scopes: [NotTerminating]", ends));
  const auto classes = [](std::string_view how) {
    return "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, " + std::string(how) + "}]}";
  };
  EXPECT_TRUE(refused(classes("operator: In, values: [high]"), high));
  EXPECT_FALSE(refused(classes("operator: In, values: [high]"), best));
  EXPECT_TRUE(refused(classes("operator: NotIn, values: [high]"), best));
  EXPECT_TRUE(refused(classes("operator: Exists"), high));
  EXPECT_TRUE(refused(classes("operator: DoesNotExist"), best));
  EXPECT_FALSE(refused(classes("operator: DoesNotExist"), high));
}

TEST(Quotas, AnInitContainerCountsWhereItNeedsMore) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
      "  - {name: a, image: b, resources: {requests: {cpu: 1, memory: 100Mi}}}\n"
      "  - {name: b, image: b, resources: {requests: {cpu: 1, memory: 100Mi}}}\n  initContainers:\n"
      "  - {name: s, image: b, restartPolicy: Always, resources: {requests: {cpu: 500m}}}\n"
      "  - {name: i, image: b, resources: {requests: {cpu: 3, memory: 50Mi}}}\n",
      "f");
  ASSERT_TRUE(manifest.errors.empty());
  const auto all = pod_amounts(manifest.objects.front().raw, "requests");
  EXPECT_EQ(all.at("cpu").text(), "3500m");
  EXPECT_EQ(all.at("memory").text(), "200Mi");
}

}  // namespace
}  // namespace berth::model
