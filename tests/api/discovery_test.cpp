// tests/api/discovery_test.cpp - what the API says it serves, and the old versions among it.
#include "api/openapi/discovery.hpp"

#include <set>

#include <gmock/gmock.h>

#include "api/encoding/accept.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

json::value page_at(const std::vector<std::string>& segments, std::string_view accept = "application/json",
                    const DiscoveryOptions& options = {}) {
  const auto page = discovery(segments, accept, options);
  EXPECT_TRUE(page);
  return page ? *parse_json(page->body) : json::value();
}

const json::object* resource(const json::value& list, std::string_view name) {
  for (const auto& entry : list.at("resources").as_array()) {
    if (entry.at("name").as_string() == name) return &entry.as_object();
  }
  return nullptr;
}

/// What kubectl >= 1.30 sends.
constexpr std::string_view kKubectlAccept =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

TEST(Discovery, GroupsNameTheirPreferredVersionFirst) {
  const auto list = page_at({"apis"});
  std::vector<std::string> names;
  for (const auto& group : list.at("groups").as_array()) {
    names.emplace_back(group.at("name").as_string());
    EXPECT_EQ(group.at("preferredVersion"), group.at("versions").as_array().front());
  }
  EXPECT_THAT(names, ElementsAre("apps", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch",
                                 "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io",
                                 "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io",
                                 "certificates.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions"));
  const auto& scaling = list.at("groups").as_array().at(3);
  EXPECT_EQ(scaling.at("preferredVersion").at("groupVersion"), "autoscaling/v2");
  EXPECT_EQ(scaling.at("versions").as_array().size(), 4U);
  const auto& apps = list.at("groups").as_array().front();
  EXPECT_EQ(apps.at("preferredVersion").at("groupVersion"), "apps/v1");
  EXPECT_EQ(apps.at("versions").as_array().size(), 3U);
}

TEST(Discovery, EveryGroupVersionThatIsNamedHasAPage) {
  for (const bool metrics : {false, true}) {
    for (const auto& one : served_group_versions({metrics})) {
      if (one.group.empty()) continue;
      const auto list = page_at({"apis", std::string(one.group), std::string(one.version)}, "", {metrics});
      EXPECT_EQ(std::string_view(list.at("groupVersion").as_string()), one.text());
      EXPECT_EQ(page_at({"apis", std::string(one.group)}, "", {metrics}).at("kind"), "APIGroup");
    }
  }
  EXPECT_FALSE(discovery({"apis", "metrics.k8s.io", "v1beta1"}, ""));
  EXPECT_FALSE(discovery({"apis", "apps", "v2"}, ""));
  EXPECT_FALSE(discovery({"apis", "apps", "v1", "statefulsets"}, ""));
}

TEST(Discovery, AKindIsInAllOnceAndHasOneShortName) {
  std::multiset<std::string> in_all;
  std::multiset<std::string> shorts;
  for (const auto& where : served_group_versions({})) {
    for (const auto& entry : served_resources(where, {})) {
      if (entry.categories == "all") in_all.emplace(entry.plural);
      if (!entry.short_names.empty()) shorts.emplace(entry.short_names);
    }
  }
  EXPECT_THAT(in_all, ElementsAre("cronjobs", "daemonsets", "deployments", "horizontalpodautoscalers", "jobs", "pods",
                                  "replicasets", "replicationcontrollers", "services", "statefulsets"));
  for (const auto& name : shorts) EXPECT_EQ(shorts.count(name), 1U) << name;
}

TEST(Discovery, SubresourcesSayWhatTheyAnswer) {
  const auto core = page_at({"api", "v1"});
  const auto* eviction = resource(core, "pods/eviction");
  ASSERT_NE(eviction, nullptr);
  EXPECT_EQ(json::serialize(*eviction),
            R"({"name":"pods/eviction","singularName":"","namespaced":true,"group":"policy","version":"v1",)"
            R"("kind":"Eviction","verbs":["create"]})");
  for (const auto name : {"pods/attach", "pods/exec", "pods/log", "pods/portforward", "pods/status", "nodes/status",
                          "namespaces/finalize", "namespaces/status", "persistentvolumes/status"}) {
    EXPECT_NE(resource(core, name), nullptr) << name;
  }
  EXPECT_EQ(resource(core, "configmaps/status"), nullptr);
  const auto beta = page_at({"apis", "apps", "v1beta1"});
  const auto* scale = resource(beta, "statefulsets/scale");
  ASSERT_NE(scale, nullptr);
  EXPECT_EQ(scale->at("group"), "autoscaling");
}

TEST(Discovery, IsAggregatedForThoseWhoPreferIt) {
  const auto page = discovery({"apis"}, kKubectlAccept);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->content_type, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  const auto list = *parse_json(page->body);
  EXPECT_EQ(list.at("apiVersion"), "apidiscovery.k8s.io/v2");
  const auto& apps = list.at("items").as_array().front();
  EXPECT_EQ(apps.at("metadata").at("name"), "apps");
  const auto& version = apps.at("versions").as_array().front();
  EXPECT_EQ(version.at("version"), "v1");
  EXPECT_EQ(version.at("freshness"), "Current");
  const auto& sets = version.at("resources").as_array().back();
  EXPECT_EQ(json::serialize(sets),
            R"({"resource":"statefulsets","responseKind":{"group":"apps","version":"v1","kind":"StatefulSet"},)"
            R"("scope":"Namespaced","singularResource":"statefulset",)"
            R"("verbs":["create","delete","deletecollection","get","list","patch","update","watch"],)"
            R"("shortNames":["sts"],"categories":["all"],"subresources":[)"
            R"({"subresource":"scale","responseKind":{"group":"autoscaling","version":"v1","kind":"Scale"},)"
            R"("verbs":["get","patch","update"]},)"
            R"({"subresource":"status","responseKind":{"group":"apps","version":"v1","kind":"StatefulSet"},)"
            R"("verbs":["get","patch","update"]}]})");

  const auto core = *parse_json(discovery({"api"}, kKubectlAccept)->body);
  EXPECT_EQ(core.at("items").as_array().size(), 1U);
  EXPECT_FALSE(core.at("items").at(0).at("metadata").as_object().contains("name"));
}

TEST(Discovery, FallsBackToPlainListsAndToTheFirstBeta) {
  EXPECT_EQ(page_at({"apis"}, "application/json, */*").at("kind"), "APIGroupList");
  EXPECT_EQ(page_at({"apis"}, "").at("kind"), "APIGroupList");
  EXPECT_EQ(page_at({"apis"}, "application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v9,*/*").at("kind"),
            "APIGroupList");
  EXPECT_EQ(
      page_at({"apis"}, "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList").at("apiVersion"),
      "apidiscovery.k8s.io/v2beta1");
  EXPECT_EQ(page_at({"api"},
                    "application/json;q=0.5,application/json;g=apidiscovery.k8s.io;v=v2;"
                    "as=APIGroupDiscoveryList;q=0.9")
                .at("kind"),
            "APIGroupDiscoveryList");
}

TEST(Accept, IsSortedByQualityAndForgiving) {
  const auto ranges = parse_accept(" text/plain ; q=0.2 , Application/JSON;as=Table; V=\"v1\", junk, a/b;q=0,*/*;q=x");
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].type, "application/json");
  EXPECT_EQ(ranges[0].parameter("as"), "Table");
  EXPECT_EQ(ranges[0].parameter("v"), "v1");
  EXPECT_TRUE(ranges[1].covers("application/json"));
  EXPECT_EQ(ranges[2].type, "text/plain");
  EXPECT_FALSE(ranges[2].covers("application/json"));
  EXPECT_EQ(parse_accept("").size(), 1U);
}

class OldVersions : public ApiFixture {
 protected:
  static std::string set(std::string_view api_version, std::string_view name) {
    return fmt::format(
        R"({{"apiVersion":"{}","kind":"StatefulSet","metadata":{{"name":"{}"}},"spec":{{"serviceName":"m",
        "replicas":3,"template":{{"metadata":{{"labels":{{"role":"mongo"}}}},
        "spec":{{"containers":[{{"name":"m","image":"mongo"}}]}}}}}}}})",
        api_version, name);
  }
};

TEST_F(OldVersions, ABetaSetIsStoredAsTodaysAndAnsweredAsAsked) {
  const auto made = send("POST", "/apis/apps/v1beta1/namespaces/default/statefulsets", set("apps/v1beta1", "mongo"));
  ASSERT_EQ(made.code, 201U) << made.message();
  EXPECT_EQ(made.text({"apiVersion"}), "apps/v1beta1");
  EXPECT_THAT(made.warnings, testing::Contains(HasSubstr("apps/v1beta1 StatefulSet is deprecated in v1.9+, "
                                                         "unavailable in v1.16+; use apps/v1 StatefulSet")));

  const auto now = send("GET", "/apis/apps/v1/namespaces/default/statefulsets/mongo");
  EXPECT_EQ(now.text({"apiVersion"}), "apps/v1");
  EXPECT_EQ(now.text({"spec", "updateStrategy", "type"}), "OnDelete");
  EXPECT_EQ(now.text({"spec", "selector", "matchLabels", "role"}), "mongo");

  const auto then = send("GET", "/apis/apps/v1beta2/namespaces/default/statefulsets/mongo");
  EXPECT_EQ(then.text({"apiVersion"}), "apps/v1beta2");
  EXPECT_EQ(then.text({"metadata", "uid"}), now.text({"metadata", "uid"}));
}

TEST_F(OldVersions, ListsCarryTheVersionThatWasAsked) {
  ASSERT_EQ(send("POST", "/apis/apps/v1/namespaces/default/statefulsets",
                 R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"w"},"spec":{"serviceName":"w",
                 "selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
                 "spec":{"containers":[{"name":"c","image":"i"}]}}}})")
                .code,
            201U);
  const auto marked = send("DELETE", "/apis/apps/v1beta1/namespaces/default/statefulsets/w?dryRun=All");
  EXPECT_EQ(marked.code, 200U);
  EXPECT_EQ(marked.text({"kind"}), "StatefulSet");
  EXPECT_EQ(marked.text({"apiVersion"}), "apps/v1beta1") << "what is being deleted, in the version that was asked";
  const auto list = send("GET", "/apis/apps/v1beta1/namespaces/default/statefulsets");
  EXPECT_EQ(list.text({"apiVersion"}), "apps/v1beta1");
  EXPECT_EQ(list.body.at("items").at(0).at("apiVersion"), "apps/v1beta1");
  const auto table = send("GET", "/apis/apps/v1beta1/statefulsets?includeObject=Object", {}, {},
                          "application/json;as=Table;v=v1;g=meta.k8s.io");
  EXPECT_EQ(table.body.at("rows").at(0).at("object").at("apiVersion"), "apps/v1beta1");

  RawClient watch(config_.socket);
  watch.send(get_request("/apis/apps/v1beta2/statefulsets?watch=true"));
  EXPECT_THAT(watch.read_until("apps/v1"), HasSubstr(R"({"type":"ADDED","object":{"apiVersion":"apps/v1beta2")"));
}

TEST_F(OldVersions, PatchesAndReplacementsMaySayTheOldVersion) {
  ASSERT_EQ(send("POST", "/apis/apps/v1beta1/namespaces/default/statefulsets", set("apps/v1beta1", "p")).code, 201U);
  const auto patched = send("PATCH", "/apis/apps/v1beta1/namespaces/default/statefulsets/p",
                            R"({"apiVersion":"apps/v1beta1","spec":{"replicas":5}})", "application/merge-patch+json");
  ASSERT_EQ(patched.code, 200U) << patched.message();
  EXPECT_EQ(patched.text({"apiVersion"}), "apps/v1beta1");
  EXPECT_EQ(patched.body.at("spec").at("replicas"), 5);
  EXPECT_EQ(patched.text({"spec", "updateStrategy", "type"}), "OnDelete");
  const auto replaced = send("PUT", "/apis/apps/v1beta1/namespaces/default/statefulsets/p", set("apps/v1beta1", "p"));
  ASSERT_EQ(replaced.code, 200U) << replaced.message();
  EXPECT_EQ(replaced.body.at("spec").at("replicas"), 3);
}

TEST_F(OldVersions, ABodyOfAnotherVersionIsRefused) {
  const auto wrong = send("POST", "/apis/apps/v1beta1/namespaces/default/statefulsets", set("apps/v1", "x"));
  EXPECT_EQ(wrong.code, 400U);
  EXPECT_EQ(wrong.message(),
            "the API version in the data (apps/v1) does not match the expected API version (apps/v1beta1)");
  RawClient client(config_.socket);
  client.send(get_request("/apis/apps/v1beta1/daemonsets", "Connection: close\r\n"));
  EXPECT_THAT(client.read_all(), HasSubstr("the server could not find the requested resource"));
}

}  // namespace
}  // namespace berth::api
