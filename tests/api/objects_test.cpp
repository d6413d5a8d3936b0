// tests/api/objects_test.cpp - get, list, create, replace, patch, delete and scale against the running server.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

constexpr std::string_view kConfigMaps = "/api/v1/namespaces/default/configmaps";
constexpr std::string_view kSets = "/apis/apps/v1/namespaces/default/statefulsets";

class Objects : public ApiFixture {
 protected:
  static std::string config_map(std::string_view name, std::string_view extra = R"("data":{"k":"v"})") {
    return fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},{}}})", name, extra);
  }
  static std::string set(std::string_view name) {
    return fmt::format(
        R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"{}"}},"spec":{{"serviceName":"web",
        "replicas":2,"selector":{{"matchLabels":{{"app":"web"}}}},"template":{{"metadata":{{"labels":{{"app":"web"}}}},
        "spec":{{"containers":[{{"name":"c","image":"nginx:1"}}]}}}}}}}})",
        name);
  }
};

TEST_F(Objects, ACreatedObjectIsDefaultedStoredAndReadBack) {
  const auto created = send("POST", std::string(kSets), set("web"));
  ASSERT_EQ(created.code, 201U) << created.message();
  EXPECT_FALSE(created.text({"metadata", "uid"}).empty());
  EXPECT_FALSE(created.text({"metadata", "creationTimestamp"}).empty());
  EXPECT_EQ(created.text({"metadata", "namespace"}), "default");
  EXPECT_EQ(created.text({"spec", "updateStrategy", "type"}), "RollingUpdate");
  const auto read = send("GET", fmt::format("{}/web", kSets));
  EXPECT_EQ(read.code, 200U);
  EXPECT_EQ(read.body, created.body);
}

TEST_F(Objects, CreatingTwiceIsAConflictInKubernetesWords) {
  ASSERT_EQ(send("POST", std::string(kConfigMaps), config_map("a")).code, 201U);
  const auto again = send("POST", std::string(kConfigMaps), config_map("a"));
  EXPECT_EQ(again.code, 409U);
  EXPECT_EQ(again.text({"reason"}), "AlreadyExists");
  EXPECT_EQ(again.message(), "configmaps \"a\" already exists");
}

TEST_F(Objects, CreatingInAMissingNamespaceIsNotFound) {
  const auto answer = send("POST", "/api/v1/namespaces/nope/configmaps", config_map("a"));
  EXPECT_EQ(answer.code, 404U);
  EXPECT_EQ(answer.message(), "namespaces \"nope\" not found");
}

TEST_F(Objects, AnInvalidObjectIsRefusedWithItsCauses) {
  auto text = set("web");
  text.replace(text.find("nginx:1"), 7, "");
  const auto answer = send("POST", std::string(kSets), text);
  EXPECT_EQ(answer.code, 422U);
  EXPECT_EQ(answer.text({"reason"}), "Invalid");
  EXPECT_THAT(answer.message(), HasSubstr("StatefulSet.apps \"web\" is invalid: "));
  const auto* causes = find(answer.body, {"details", "causes"});
  ASSERT_NE(causes, nullptr);
  EXPECT_EQ(find_string(causes->at(0), {"field"}), "spec.template.spec.containers[0].image");
}

TEST_F(Objects, UnknownFieldsWarnOrAreRefusedWhenStrict) {
  const auto text = config_map("a", R"("dta":{"k":"v"})");
  const auto lenient = send("POST", std::string(kConfigMaps), text);
  EXPECT_EQ(lenient.code, 201U);
  ASSERT_EQ(lenient.warnings.size(), 1U);
  EXPECT_EQ(lenient.warnings[0], "unknown field \"dta\"");
  const auto strict = send("POST", fmt::format("{}?fieldValidation=Strict", kConfigMaps), text);
  EXPECT_EQ(strict.code, 400U);
  EXPECT_EQ(
      strict.message(),
      "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"");
}

TEST_F(Objects, WhatThePathSaysMustBeWhatTheObjectSays) {
  EXPECT_EQ(send("POST", std::string(kConfigMaps), set("web")).code, 400U);
  EXPECT_EQ(send("POST", std::string(kConfigMaps), R"({"metadata":{"name":"a","namespace":"other"}})").code, 400U);
  ASSERT_EQ(send("POST", std::string(kConfigMaps), R"({"metadata":{"name":"a"}})").code, 201U);
  const auto renamed = send("PUT", fmt::format("{}/a", kConfigMaps), config_map("b"));
  EXPECT_EQ(renamed.code, 400U);
  EXPECT_EQ(renamed.message(), "the name of the object (b) does not match the name on the URL (a)");
}

TEST_F(Objects, GeneratedNamesGetASuffix) {
  const auto first = send("POST", std::string(kConfigMaps), R"({"metadata":{"generateName":"job-"}})");
  const auto second = send("POST", std::string(kConfigMaps), R"({"metadata":{"generateName":"job-"}})");
  EXPECT_EQ(first.code, 201U);
  EXPECT_EQ(second.code, 201U);
  EXPECT_EQ(first.text({"metadata", "name"}).size(), 9U);
  EXPECT_NE(first.text({"metadata", "name"}), second.text({"metadata", "name"}));
}

TEST_F(Objects, AReplaceWithAnOldRevisionIsAConflict) {
  const auto created = send("POST", std::string(kConfigMaps), config_map("a"));
  auto text = json::serialize(created.body);
  ASSERT_EQ(
      send("PATCH", fmt::format("{}/a", kConfigMaps), R"({"data":{"k":"w"}})", "application/merge-patch+json").code,
      200U);
  const auto stale = send("PUT", fmt::format("{}/a", kConfigMaps), text);
  EXPECT_EQ(stale.code, 409U);
  EXPECT_EQ(stale.text({"reason"}), "Conflict");
  EXPECT_EQ(stale.message(),
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your "
            "changes to the "
            "latest version and try again");
}

TEST_F(Objects, AReplaceKeepsWhatOnlyTheSystemSets) {
  const auto created = send("POST", std::string(kConfigMaps), config_map("a"));
  const auto replaced = send("PUT", fmt::format("{}/a", kConfigMaps), config_map("a", R"("data":{"x":"y"})"));
  ASSERT_EQ(replaced.code, 200U) << replaced.message();
  EXPECT_EQ(replaced.text({"metadata", "uid"}), created.text({"metadata", "uid"}));
  EXPECT_EQ(replaced.text({"metadata", "creationTimestamp"}), created.text({"metadata", "creationTimestamp"}));
  EXPECT_NE(replaced.text({"metadata", "resourceVersion"}), created.text({"metadata", "resourceVersion"}));
  EXPECT_EQ(replaced.text({"data", "x"}), "y");
  EXPECT_EQ(find(replaced.body, {"data", "k"}), nullptr);
}

TEST_F(Objects, AnUpdateThatChangesNothingWritesNothing) {
  const auto created = send("POST", std::string(kConfigMaps), config_map("a"));
  const auto before = store_->revision();
  const auto same =
      send("PATCH", fmt::format("{}/a", kConfigMaps), R"({"data":{"k":"v"}})", "application/merge-patch+json");
  EXPECT_EQ(same.code, 200U);
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(Objects, PatchesOfEveryTypeApplyAndOthersAreNamed) {
  ASSERT_EQ(send("POST", std::string(kConfigMaps), config_map("a")).code, 201U);
  const auto path = fmt::format("{}/a", kConfigMaps);
  EXPECT_EQ(send("PATCH", path, R"({"metadata":{"labels":{"x":"1"}}})", "application/merge-patch+json")
                .text({"metadata", "labels", "x"}),
            "1");
  EXPECT_EQ(send("PATCH", path, R"([{"op":"replace","path":"/data/k","value":"z"}])", "application/json-patch+json")
                .text({"data", "k"}),
            "z");
  EXPECT_EQ(send("PATCH", path, R"([{"op":"test","path":"/data/k","value":"no"}])", "application/json-patch+json").code,
            422U);
  EXPECT_EQ(
      send("PATCH", path, R"({"metadata":{"labels":{"x":null,"y":"2"}}})", "application/strategic-merge-patch+json")
          .body.at_pointer("/metadata/labels"),
      (json::object{{"y", "2"}}));
  EXPECT_EQ(send("PATCH", path, "{}", "application/x-yaml").code, 415U);
  EXPECT_EQ(send("PATCH", path, "nonsense", "application/merge-patch+json").code, 400U);
  EXPECT_EQ(send("PATCH", fmt::format("{}/nope", kConfigMaps), "{}", "application/merge-patch+json").code, 404U);
}

TEST_F(Objects, DryRunsStoreNothing) {
  const auto before = store_->revision();
  EXPECT_EQ(send("POST", fmt::format("{}?dryRun=All", kConfigMaps), config_map("a")).code, 201U);
  EXPECT_EQ(send("GET", fmt::format("{}/a", kConfigMaps)).code, 404U);
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(Objects, StatusIsWrittenOnlyThroughItsSubresource) {
  put_running_pod("web-0");
  const std::string path = "/api/v1/namespaces/default/pods/web-0";
  EXPECT_EQ(
      send("PATCH", path, R"({"status":{"phase":"Failed"}})", "application/merge-patch+json").text({"status", "phase"}),
      "Running");
  const auto changed = send("PATCH", path + "/status", R"({"status":{"phase":"Failed"},"spec":{"nodeName":"other"}})",
                            "application/merge-patch+json");
  EXPECT_EQ(changed.code, 200U) << changed.message();
  EXPECT_EQ(changed.text({"status", "phase"}), "Failed");
  EXPECT_EQ(changed.text({"spec", "nodeName"}), "n1");
}

TEST_F(Objects, ListsHonourSelectorsAndCarryTheirRevision) {
  put_running_pod("web-0");
  put_running_pod("web-1");
  put_running_pod("db-0", R"({"app":"db"})");
  const auto all = send("GET", "/api/v1/pods");
  EXPECT_EQ(all.text({"kind"}), "PodList");
  EXPECT_EQ(all.text({"metadata", "resourceVersion"}), std::to_string(store_->revision()));
  EXPECT_EQ(find(all.body, {"items"})->as_array().size(), 3U);
  const auto web = send("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb");
  EXPECT_EQ(find(web.body, {"items"})->as_array().size(), 2U);
  const auto one =
      send("GET", "/api/v1/namespaces/default/pods?fieldSelector=metadata.name%3Ddb-0&limit=500&resourceVersion=0");
  ASSERT_EQ(find(one.body, {"items"})->as_array().size(), 1U);
  EXPECT_EQ(find_string(find(one.body, {"items"})->at(0), {"metadata", "name"}), "db-0");
  const auto none = send("GET", "/api/v1/namespaces/empty/pods");
  EXPECT_EQ(find(none.body, {"items"})->as_array().size(), 0U);
  EXPECT_EQ(send("GET", "/api/v1/pods?labelSelector=a+in").code, 400U);
}

TEST_F(Objects, TablesAreGivenToThoseWhoAsk) {
  put_running_pod("web-0");
  const std::string accept =
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
  for (const auto* target : {"/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/pods/web-0"}) {
    const auto table = send("GET", target, {}, {}, accept);
    EXPECT_EQ(table.text({"kind"}), "Table");
    ASSERT_EQ(find(table.body, {"rows"})->as_array().size(), 1U);
    const auto& row = find(table.body, {"rows"})->at(0);
    EXPECT_EQ(view(find(row, {"cells"})->at(0).as_string()), "web-0");
    EXPECT_EQ(view(find(row, {"cells"})->at(1).as_string()), "1/1");
    EXPECT_EQ(find_string(row, {"object", "metadata", "labels", "app"}), "web");
    EXPECT_EQ(find_string(row, {"object", "kind"}), "PartialObjectMetadata");
  }
  EXPECT_EQ(send("GET", "/api/v1/pods", {}, {}, "text/html").code, 406U);
}

TEST_F(Objects, DeletingAPodMarksItForTheAgent) {
  put_running_pod("web-0");
  const std::string path = "/api/v1/namespaces/default/pods/web-0";
  const auto deleted = send("DELETE", path, R"({"propagationPolicy":"Background"})");
  ASSERT_EQ(deleted.code, 200U);
  EXPECT_FALSE(deleted.text({"metadata", "uid"}).empty());
  auto stored = store_->get({model::Kind::Pod, "default", "web-0"});
  ASSERT_NE(stored, nullptr);
  EXPECT_TRUE(stored->meta.deleting());
  EXPECT_EQ(stored->meta.deletion_grace_period_seconds, 7);
  send("DELETE", path, R"({"gracePeriodSeconds":20})");
  EXPECT_EQ(store_->get({model::Kind::Pod, "default", "web-0"})->meta.deletion_grace_period_seconds, 7);
  send("DELETE", path + "?gracePeriodSeconds=0");
  EXPECT_EQ(store_->get({model::Kind::Pod, "default", "web-0"})->meta.deletion_grace_period_seconds, 0);
}

TEST_F(Objects, DeletingASetRecordsThePropagationPolicy) {
  ASSERT_EQ(send("POST", std::string(kSets), set("web")).code, 201U);
  ASSERT_EQ(send("DELETE", fmt::format("{}/web", kSets), R"({"propagationPolicy":"Orphan"})").code, 200U);
  const auto stored = store_->get({model::Kind::StatefulSet, "default", "web"});
  ASSERT_NE(stored, nullptr);
  EXPECT_TRUE(stored->meta.deleting());
  EXPECT_EQ(stored->meta.annotations.at("berth.io/propagation-policy"), "Orphan");
  EXPECT_EQ(send("DELETE", fmt::format("{}/web", kSets), R"({"propagationPolicy":"Maybe"})").code, 400U);
}

TEST_F(Objects, OtherKindsAreRemovedAtOnceWithTheirUid) {
  const auto created = send("POST", std::string(kConfigMaps), config_map("a"));
  const auto wrong = send("DELETE", fmt::format("{}/a", kConfigMaps), R"({"preconditions":{"uid":"other"}})");
  EXPECT_EQ(wrong.code, 409U);
  const auto deleted = send("DELETE", fmt::format("{}/a", kConfigMaps));
  EXPECT_EQ(deleted.code, 200U);
  EXPECT_EQ(deleted.text({"status"}), "Success");
  EXPECT_EQ(deleted.text({"details", "uid"}), created.text({"metadata", "uid"}));
  EXPECT_EQ(store_->get({model::Kind::ConfigMap, "default", "a"}), nullptr);
  const auto gone = send("DELETE", fmt::format("{}/a", kConfigMaps));
  EXPECT_EQ(gone.code, 404U);
  EXPECT_EQ(gone.message(), "configmaps \"a\" not found");
}

TEST_F(Objects, FinalizersHoldAnObjectUntilTheLastIsGone) {
  ASSERT_EQ(send("POST", std::string(kConfigMaps), R"({"metadata":{"name":"a","finalizers":["x.io/hold"]}})").code,
            201U);
  ASSERT_EQ(send("DELETE", fmt::format("{}/a", kConfigMaps)).code, 200U);
  ASSERT_TRUE(store_->get({model::Kind::ConfigMap, "default", "a"})->meta.deleting());
  ASSERT_EQ(send("PATCH", fmt::format("{}/a", kConfigMaps), R"({"metadata":{"finalizers":null}})",
                 "application/merge-patch+json")
                .code,
            200U);
  EXPECT_EQ(send("GET", fmt::format("{}/a", kConfigMaps)).code, 404U);
}

TEST_F(Objects, WhoWritesAStatusMayMarkTheObjectAndNoMore) {
  ASSERT_EQ(send("POST", std::string(kSets), set("web")).code, 201U);
  const auto marked = send("PATCH", fmt::format("{}/web/status", kSets),
                           R"({"metadata":{"annotations":{"seen":"yes"},"finalizers":["a.b/c"]},
                               "spec":{"replicas":9},"status":{"replicas":1}})",
                           "application/merge-patch+json");
  ASSERT_EQ(marked.code, 200U) << marked.message();
  EXPECT_EQ(marked.text({"metadata", "annotations", "seen"}), "yes");
  EXPECT_EQ(find(marked.body, {"metadata", "finalizers"}), nullptr);
  EXPECT_EQ(find(marked.body, {"spec", "replicas"})->as_int64(), 2);
  EXPECT_EQ(find(marked.body, {"status", "replicas"})->as_int64(), 1);
  for (const auto* marks : {R"("annotations":{"seen":5})", R"("labels":{"a b":"c"})", R"("labels":"none")"}) {
    const auto refused = send("PATCH", fmt::format("{}/web/status", kSets),
                              fmt::format(R"({{"metadata":{{{}}}}})", marks), "application/merge-patch+json");
    EXPECT_GE(refused.code, 400U) << marks;
    EXPECT_LT(refused.code, 500U) << marks;
  }
}

TEST_F(Objects, ScaleReadsAndWritesOnlyTheReplicas) {
  ASSERT_EQ(send("POST", std::string(kSets), set("web")).code, 201U);
  const auto path = fmt::format("{}/web/scale", kSets);
  const auto scale = send("GET", path);
  EXPECT_EQ(scale.text({"kind"}), "Scale");
  EXPECT_EQ(find(scale.body, {"spec", "replicas"})->as_int64(), 2);
  EXPECT_EQ(scale.text({"status", "selector"}), "app=web");
  const auto five = send("PATCH", path, R"({"spec":{"replicas":5}})", "application/merge-patch+json");
  EXPECT_EQ(find(five.body, {"spec", "replicas"})->as_int64(), 5);
  EXPECT_EQ(send("PUT", path, json::serialize(scale.body), "").code, 409U);  // made with an old revision
  EXPECT_EQ(send("PATCH", path, R"({"spec":{"replicas":-1}})", "application/merge-patch+json").code, 422U);
  const auto stored = send("GET", fmt::format("{}/web", kSets));
  EXPECT_EQ(find(stored.body, {"spec", "replicas"})->as_int64(), 5);
  EXPECT_EQ(stored.text({"spec", "serviceName"}), "web");
}

TEST_F(Objects, DiscoveryNamesEveryKindWithItsVerbs) {
  EXPECT_EQ(send("GET", "/api").text({"kind"}), "APIVersions");
  const auto groups = send("GET", "/apis");
  EXPECT_EQ(groups.text({"kind"}), "APIGroupList");
  for (const auto& kind : model::all_kinds()) {
    const auto path =
        kind.group.empty() ? std::string("/api/v1") : fmt::format("/apis/{}/{}", kind.group, kind.version);
    EXPECT_THAT(json::serialize(send("GET", path).body), HasSubstr(fmt::format("\"kind\":\"{}\"", kind.name)));
  }
  EXPECT_THAT(json::serialize(send("GET", "/apis/apps/v1").body), HasSubstr("\"name\":\"statefulsets/scale\""));
  EXPECT_THAT(send("GET", "/version").text({"gitVersion"}), HasSubstr("v1."));
  EXPECT_EQ(send("GET", "/apis/nope/v1").code, 404U);
}

}  // namespace
}  // namespace berth::api
