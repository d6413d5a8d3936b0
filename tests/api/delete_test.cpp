// tests/api/delete_test.cpp - deletion: finalizers, policies, preconditions, collections, namespaces, eviction.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kConfigMaps = "/api/v1/namespaces/default/configmaps";
constexpr std::string_view kPods = "/api/v1/namespaces/default/pods";

class Deletions : public ApiFixture {
 protected:
  void make_map(std::string_view name, std::string_view labels = "{}") {
    ASSERT_EQ(send("POST", std::string(kConfigMaps),
                   fmt::format(R"({{"metadata":{{"name":"{}","labels":{}}}}})", name, labels))
                  .code,
              201U);
  }
  model::ObjectPtr map(const std::string& name) { return store_->get({Kind::ConfigMap, "default", name}); }
  std::vector<std::string> names(Kind kind) {
    std::vector<std::string> out;
    for (const auto& object : store_->list(kind, "default").objects) out.push_back(object->meta.name);
    return out;
  }
};

TEST_F(Deletions, ForegroundAndOrphanBecomeFinalizersForTheAgent) {
  make_map("a");
  make_map("b");
  const auto answer =
      send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"kind":"DeleteOptions","propagationPolicy":"Foreground"})");
  ASSERT_EQ(answer.code, 200U) << answer.message();
  EXPECT_EQ(answer.text({"kind"}), "ConfigMap");
  EXPECT_TRUE(map("a")->meta.deleting());
  EXPECT_EQ(map("a")->meta.deletion_grace_period_seconds, 0);
  EXPECT_THAT(map("a")->meta.finalizers, ElementsAre("foregroundDeletion"));
  ASSERT_EQ(send("DELETE", fmt::format("{}/b", kConfigMaps), R"({"orphanDependents":true})").code, 200U);
  EXPECT_THAT(map("b")->meta.finalizers, ElementsAre("orphan"));
}

TEST_F(Deletions, ALaterPolicyReplacesTheEarlier) {
  make_map("a");
  ASSERT_EQ(send("DELETE", fmt::format("{}/a?propagationPolicy=Foreground", kConfigMaps)).code, 200U);
  ASSERT_EQ(send("DELETE", fmt::format("{}/a?propagationPolicy=Orphan", kConfigMaps)).code, 200U);
  EXPECT_THAT(map("a")->meta.finalizers, ElementsAre("orphan"));
  const auto last = send("DELETE", fmt::format("{}/a?propagationPolicy=Background", kConfigMaps));
  EXPECT_EQ(last.text({"status"}), "Success");
  EXPECT_EQ(map("a"), nullptr);
}

TEST_F(Deletions, PreconditionsAreComparedAndMayMatch) {
  make_map("a");
  const auto stale = send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"preconditions":{"resourceVersion":"1"}})");
  EXPECT_EQ(stale.code, 409U);
  EXPECT_THAT(stale.message(), HasSubstr("Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in "
                                         "object meta: "));
  EXPECT_EQ(send("DELETE", fmt::format("{}/a", kConfigMaps),
                 fmt::format(R"({{"preconditions":{{"uid":"{}"}}}})", map("a")->meta.uid))
                .code,
            200U);
}

TEST_F(Deletions, ByForceAPodOfASilentNodeGoesAtOnceAndNoOther) {
  const auto pod_on = [&](const std::string& name, const std::string& node) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},
        "spec":{{"nodeName":"{}","containers":[{{"name":"c","image":"x"}}]}},"status":{{"phase":"Running"}}}})",
                    name, node));
  };
  for (const auto* ready : {"True", "Unknown"}) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"is-{0}"}},
        "status":{{"conditions":[{{"type":"Ready","status":"{1}"}}]}}}})",
                    ready[0] == 'T' ? "there" : "silent", ready));
  }
  pod_on("here", "n1");
  pod_on("there", "is-there");
  pod_on("silent", "is-silent");
  pod_on("nowhere", "no-such-node");
  const std::string pods = "/api/v1/namespaces/default/pods/";
  const std::string force = R"({"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0})";
  const auto exists = [&](const std::string& name) {
    return store_->get({model::Kind::Pod, "default", name}) != nullptr;
  };
  EXPECT_EQ(
      send("DELETE", pods + "silent", R"({"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":5})").code,
      200);
  EXPECT_TRUE(exists("silent")) << "gracefully: when its node is back";
  for (const auto* name : {"here", "there", "silent", "nowhere"}) {
    EXPECT_EQ(send("DELETE", pods + name, force).code, 200) << name;
  }
  EXPECT_TRUE(exists("here"));
  EXPECT_TRUE(exists("there"));
  EXPECT_FALSE(exists("silent"));
  EXPECT_FALSE(exists("nowhere"));
}

TEST_F(Deletions, ADryRunDeletesNothing) {
  make_map("a");
  put_running_pod("web-0");
  EXPECT_EQ(send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"dryRun":["All"]})").text({"status"}), "Success");
  EXPECT_NE(map("a"), nullptr);
  const auto pod = send("DELETE", fmt::format("{}/web-0?dryRun=All", kPods));
  EXPECT_FALSE(pod.text({"metadata", "deletionTimestamp"}).empty());
  EXPECT_FALSE(store_->get({Kind::Pod, "default", "web-0"})->meta.deleting());
  EXPECT_EQ(send("DELETE", fmt::format("{}/a?dryRun=Some", kConfigMaps)).code, 400U);
}

TEST_F(Deletions, ContradictingOptionsAreRefused) {
  make_map("a");
  EXPECT_EQ(
      send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"orphanDependents":false,"propagationPolicy":"Orphan"})")
          .code,
      400U);
  EXPECT_EQ(send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"kind":"ConfigMap"})").code, 400U);
  EXPECT_EQ(send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"gracePeriodSeconds":"5"})").code, 400U);
  EXPECT_NE(map("a"), nullptr);
}

TEST_F(Deletions, ACollectionLosesWhatTheSelectorTakes) {
  make_map("a", R"({"app":"x"})");
  make_map("b", R"({"app":"y"})");
  make_map("c", R"({"app":"x"})");
  const auto answer = send("DELETE", fmt::format("{}?labelSelector=app%3Dx", kConfigMaps));
  ASSERT_EQ(answer.code, 200U) << answer.message();
  EXPECT_EQ(answer.text({"kind"}), "ConfigMapList");
  EXPECT_EQ(find(answer.body, {"items"})->as_array().size(), 2U);
  EXPECT_THAT(names(Kind::ConfigMap), ElementsAre("b"));
  ASSERT_EQ(send("DELETE", fmt::format("{}?fieldSelector=metadata.name%3Db", kConfigMaps)).code, 200U);
  EXPECT_THAT(names(Kind::ConfigMap), ElementsAre());
}

TEST_F(Deletions, ALargeCollectionGoesInBatches) {
  for (int i = 0; i < 600; ++i) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"m{}","namespace":"default"}}}})",
                    i));
  }
  const auto answer = send("DELETE", std::string(kConfigMaps));
  EXPECT_EQ(answer.code, 200U) << answer.message();
  EXPECT_THAT(names(Kind::ConfigMap), ElementsAre());
}

TEST_F(Deletions, PodsOfACollectionGoGracefully) {
  put_running_pod("web-0");
  put_running_pod("web-1");
  ASSERT_EQ(send("DELETE", std::string(kPods), R"({"gracePeriodSeconds":3})").code, 200U);
  for (const auto* name : {"web-0", "web-1"}) {
    const auto pod = store_->get({Kind::Pod, "default", name});
    ASSERT_NE(pod, nullptr);
    EXPECT_EQ(pod->meta.deletion_grace_period_seconds, 3);
  }
}

TEST_F(Deletions, NamespacesHaveNoCollectionToDelete) {
  EXPECT_EQ(send("DELETE", "/api/v1/namespaces").code, 405U);
  EXPECT_EQ(send("DELETE", "/api/v1/pods").code, 405U);
}

TEST_F(Deletions, ANamespaceTerminatesAndTakesNothingNew) {
  ASSERT_EQ(send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"team"}})").code, 201U);
  const auto created = store_->get({Kind::Namespace, "", "team"});
  EXPECT_EQ(json::serialize(created->raw.at("spec")), R"({"finalizers":["kubernetes"]})");
  const auto answer = send("DELETE", "/api/v1/namespaces/team", R"({"propagationPolicy":"Background"})");
  ASSERT_EQ(answer.code, 200U) << answer.message();
  EXPECT_EQ(answer.text({"status", "phase"}), "Terminating");
  const auto refused = send("POST", "/api/v1/namespaces/team/configmaps", R"({"metadata":{"name":"a"}})");
  EXPECT_EQ(refused.code, 403U);
  EXPECT_EQ(refused.message(),
            "configmaps \"a\" is forbidden: unable to create new content in namespace team because it is being "
            "terminated");
}

TEST_F(Deletions, TheNamespacesOfEveryClusterStay) {
  const auto answer = send("DELETE", "/api/v1/namespaces/default");
  EXPECT_EQ(answer.code, 403U);
  EXPECT_EQ(answer.message(), "namespaces \"default\" is forbidden: this namespace may not be deleted");
  EXPECT_FALSE(store_->get({Kind::Namespace, "", "default"})->meta.deleting());
}

TEST_F(Deletions, AClaimThatAPodUsesWaitsForThePod) {
  const auto claim = [](std::string_view name) {
    return fmt::format(R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{}",
        "namespace":"default"}},"spec":{{"accessModes":["ReadWriteOnce"]}}}})",
                       name);
  };
  put(claim("used"));
  put(claim("free"));
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[],
      "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"used"}}]}})");
  const std::string claims = "/api/v1/namespaces/default/persistentvolumeclaims";
  ASSERT_EQ(send("DELETE", claims + "/used").code, 200U);
  ASSERT_EQ(send("DELETE", claims + "/free").code, 200U);
  EXPECT_THAT(names(Kind::PersistentVolumeClaim), ElementsAre("used"));
  const auto used = store_->get({Kind::PersistentVolumeClaim, "default", "used"});
  EXPECT_TRUE(used->meta.deleting());
  EXPECT_THAT(used->meta.finalizers, ElementsAre("kubernetes.io/pvc-protection"));
}

TEST_F(Deletions, AnEvictionIsAGracefulDeletion) {
  put_running_pod("web-0");
  put_running_pod("web-1");
  const auto empty = send("POST", fmt::format("{}/web-0/eviction", kPods));
  EXPECT_EQ(empty.code, 201U) << empty.message();
  EXPECT_EQ(empty.text({"kind"}), "Status");
  EXPECT_EQ(empty.text({"status"}), "Success");
  EXPECT_EQ(store_->get({Kind::Pod, "default", "web-0"})->meta.deletion_grace_period_seconds, 7);
  for (const auto* version : {"policy/v1", "policy/v1beta1"}) {
    EXPECT_EQ(send("POST", fmt::format("{}/web-1/eviction", kPods),
                   fmt::format(R"({{"apiVersion":"{}","kind":"Eviction","metadata":{{"name":"web-1"}},
                       "deleteOptions":{{"gracePeriodSeconds":2,"dryRun":["All"]}}}})",
                               version))
                  .code,
              201U);
  }
  EXPECT_FALSE(store_->get({Kind::Pod, "default", "web-1"})->meta.deleting());
  EXPECT_EQ(send("POST", fmt::format("{}/web-1/eviction", kPods), R"({"metadata":{"name":"web-0"}})").code, 400U);
  EXPECT_EQ(send("POST", fmt::format("{}/web-9/eviction", kPods)).code, 404U);
  EXPECT_EQ(send("GET", fmt::format("{}/web-1/eviction", kPods)).code, 405U);
}

TEST_F(Deletions, DiscoveryOffersEvictionAndCollections) {
  const auto core = json::serialize(send("GET", "/api/v1").body);
  EXPECT_THAT(core, HasSubstr(R"("name":"pods/eviction","singularName":"","namespaced":true,"group":"policy",)"
                              R"("version":"v1","kind":"Eviction")"));
  EXPECT_THAT(core, HasSubstr("deletecollection"));
  EXPECT_THAT(json::serialize(send("GET", "/apis").body), HasSubstr("policy/v1"));
  EXPECT_EQ(send("GET", "/apis/policy/v1").code, 200U);
}

}  // namespace
}  // namespace berth::api
