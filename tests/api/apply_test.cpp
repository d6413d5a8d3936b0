// tests/api/apply_test.cpp - server-side apply and field managers over the wire.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

constexpr std::string_view kConfigMap = "/api/v1/namespaces/default/configmaps/a";
constexpr std::string_view kSet = "/apis/apps/v1/namespaces/default/statefulsets/web";
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

class Apply : public ApiFixture {
 protected:
  Answer apply(std::string_view path, std::string body, std::string_view query = "fieldManager=kubectl&force=false") {
    return send("PATCH", fmt::format("{}?{}", path, query), std::move(body), "application/apply-patch+yaml");
  }

  static std::string config_map(std::string_view data) {
    return fmt::format("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {}\n", data);
  }

  static std::string set(int replicas, std::string_view image = "nginx:1") {
    return fmt::format(
        R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"web","namespace":"default"}},"spec":{{
        "serviceName":"web","replicas":{},"selector":{{"matchLabels":{{"app":"web"}}}},"template":{{
        "metadata":{{"labels":{{"app":"web"}}}},"spec":{{"containers":[{{"name":"c","image":"{}"}}]}}}}}}}})",
        replicas, image);
  }

  /// "manager operation[/subresource]" of every entry.
  static std::vector<std::string> managers(const Answer& answer) {
    std::vector<std::string> out;
    const auto* list = find(answer.body, {"metadata", "managedFields"});
    if (list == nullptr) return out;
    for (const auto& entry : list->as_array()) {
      const auto subresource = find_string(entry, {"subresource"});
      out.push_back(fmt::format("{} {}{}{}", find_string(entry, {"manager"}), find_string(entry, {"operation"}),
                                subresource.empty() ? "" : "/", subresource));
    }
    return out;
  }
};

TEST_F(Apply, MakesWhatIsNotThereAndThenChangesIt) {
  const auto made = apply(kConfigMap, config_map("{k: v}"));
  ASSERT_EQ(made.code, 201U) << made.message();
  EXPECT_FALSE(made.text({"metadata", "uid"}).empty());
  EXPECT_THAT(managers(made), testing::ElementsAre("kubectl Apply"));
  const auto changed = apply(kConfigMap, config_map("{l: w}"));
  ASSERT_EQ(changed.code, 200U) << changed.message();
  EXPECT_EQ(*find(changed.body, {"data"}), (json::object{{"l", "w"}}));
  const auto revision = store_->revision();
  EXPECT_EQ(apply(kConfigMap, config_map("{l: w}")).body, changed.body);
  EXPECT_EQ(store_->revision(), revision);
}

TEST_F(Apply, AConflictNamesTheFieldAndItsManager) {
  ASSERT_EQ(apply(kSet, set(2)).code, 201U);
  const auto scaled =
      send("PATCH", fmt::format("{}/scale", kSet), R"({"spec":{"replicas":5}})", "application/merge-patch+json");
  ASSERT_EQ(scaled.code, 200U) << scaled.message();
  const auto refused = apply(kSet, set(2));
  EXPECT_EQ(refused.code, 409U);
  EXPECT_EQ(refused.text({"reason"}), "Conflict");
  EXPECT_EQ(refused.message(),
            "Apply failed with 1 conflict: conflict with \"berth\" with subresource \"scale\" using apps/v1: "
            ".spec.replicas");
  const auto* causes = find(refused.body, {"details", "causes"});
  ASSERT_NE(causes, nullptr);
  EXPECT_EQ(json::serialize(causes->at(0)),
            R"({"reason":"FieldManagerConflict","message":"conflict with \"berth\" with subresource \"scale\" using )"
            R"(apps/v1","field":".spec.replicas"})");
  const auto forced = apply(kSet, set(2), "fieldManager=kubectl&force=true");
  ASSERT_EQ(forced.code, 200U) << forced.message();
  EXPECT_EQ(find(forced.body, {"spec", "replicas"})->as_int64(), 2);
  EXPECT_THAT(managers(forced), testing::ElementsAre("kubectl Apply"));
}

TEST_F(Apply, DefaultsAreNobodysAndStay) {
  const auto made = apply(kSet, set(2));
  EXPECT_EQ(made.text({"spec", "updateStrategy", "type"}), "RollingUpdate");
  const auto changed = apply(kSet, set(2, "nginx:2"));
  ASSERT_EQ(changed.code, 200U) << changed.message();
  EXPECT_EQ(changed.text({"spec", "updateStrategy", "type"}), "RollingUpdate");
  EXPECT_THAT(json::serialize(changed.body), HasSubstr("nginx:2"));
  const auto* defaulted = R"({"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"revisionHistoryLimit":3}})";
  EXPECT_EQ(apply(kSet, defaulted, "fieldManager=other").code, 200U);  // nobody owns a default
}

TEST_F(Apply, ClientSideAppliedObjectsGoOverToKubectl) {
  // kubectl apply, then kubectl apply --server-side (1.33): apply, keep the annotation, take over the fields, apply.
  const auto note = json::serialize(json::string("{\"data\":{\"k\":\"v\",\"l\":\"w\"}}\n"));
  ASSERT_EQ(send("POST", "/api/v1/namespaces/default/configmaps?fieldManager=kubectl-client-side-apply",
                 fmt::format(R"({{"metadata":{{"name":"a","annotations":{{"{}":{}}}}},"data":{{"k":"v","l":"w"}}}})",
                             kLastApplied, note))
                .code,
            201U);
  const auto applied = apply(kConfigMap, config_map("{k: new}"));
  ASSERT_EQ(applied.code, 200U) << applied.message();
  EXPECT_THAT(managers(applied), testing::UnorderedElementsAre("kubectl Apply", "kubectl-client-side-apply Update",
                                                               "before-first-apply Update"));
  const auto kept =
      apply(kConfigMap,
            json::serialize(json::object{
                {"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata",
                 {{"name", "a"},
                  {"annotations", {{kLastApplied, applied.text({"metadata", "annotations", kLastApplied})}}}}}}),
            "fieldManager=kubectl-last-applied&force=true");
  ASSERT_EQ(kept.code, 200U) << kept.message();
  // The migration is a JSON patch of managedFields: the updater's entry becomes the applier's.
  auto entries = find(kept.body, {"metadata", "managedFields"})->as_array();
  json::array migrated;
  for (auto& entry : entries) {
    if (find_string(entry, {"manager"}) == "kubectl-client-side-apply") continue;
    if (find_string(entry, {"manager"}) == "kubectl") {
      entry.as_object()["fieldsV1"] = {{"f:data", {{"f:k", json::object()}, {"f:l", json::object()}}}};
    }
    migrated.push_back(entry);
  }
  const json::array patch{json::object{{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", migrated}},
                          json::object{{"op", "replace"},
                                       {"path", "/metadata/resourceVersion"},
                                       {"value", kept.text({"metadata", "resourceVersion"})}}};
  const auto rewritten = send("PATCH", std::string(kConfigMap), json::serialize(patch), "application/json-patch+json");
  ASSERT_EQ(rewritten.code, 200U) << rewritten.message();
  EXPECT_EQ(send("PATCH", std::string(kConfigMap), json::serialize(patch), "application/json-patch+json").code, 409U);
  const auto last = apply(kConfigMap, config_map("{k: new}"));
  ASSERT_EQ(last.code, 200U) << last.message();
  EXPECT_EQ(*find(last.body, {"data"}), (json::object{{"k", "new"}}));
}

TEST_F(Apply, RecordsAreKeptOnlyOfWhatWasApplied) {
  ASSERT_EQ(send("POST", "/api/v1/namespaces/default/configmaps",
                 R"({"metadata":{"name":"a","managedFields":[{"manager":"x"}]},"data":{"k":"v"}})")
                .code,
            201U);
  const auto patched = send("PATCH", std::string(kConfigMap), R"({"data":{"k":"w"}})", "application/merge-patch+json");
  EXPECT_TRUE(managers(patched).empty());
  EXPECT_THAT(managers(apply(kConfigMap, config_map("{l: x}"))),
              testing::UnorderedElementsAre("kubectl Apply", "before-first-apply Update"));
  const auto after = send("PATCH", fmt::format("{}?fieldManager=me", kConfigMap), R"({"data":{"m":"n"}})",
                          "application/strategic-merge-patch+json");
  EXPECT_THAT(managers(after),
              testing::UnorderedElementsAre("kubectl Apply", "before-first-apply Update", "me Update"));
}

TEST_F(Apply, DryRunsStoreNothing) {
  const auto revision = store_->revision();
  const auto dry = apply(kConfigMap, config_map("{k: v}"), "fieldManager=kubectl&dryRun=All");
  EXPECT_EQ(dry.code, 201U) << dry.message();
  EXPECT_FALSE(dry.text({"metadata", "uid"}).empty());
  EXPECT_EQ(store_->revision(), revision);
}

TEST_F(Apply, StatusAndScaleAreAppliedThroughTheirSubresources) {
  ASSERT_EQ(apply(kSet, set(2)).code, 201U);
  const auto status = apply(fmt::format("{}/status", kSet),
                            R"({"apiVersion":"apps/v1","kind":"StatefulSet","status":{"replicas":1},
                                "spec":{"replicas":9}})",
                            "fieldManager=controller");
  ASSERT_EQ(status.code, 200U) << status.message();
  EXPECT_EQ(find(status.body, {"status", "replicas"})->as_int64(), 1);
  EXPECT_EQ(find(status.body, {"spec", "replicas"})->as_int64(), 2);
  EXPECT_THAT(managers(status), testing::UnorderedElementsAre("kubectl Apply", "controller Apply/status"));
  const auto scale = fmt::format("{}/scale", kSet);
  const auto* wanted = R"({"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":4}})";
  EXPECT_EQ(apply(scale, wanted, "fieldManager=hpa").code, 409U);
  const auto forced = apply(scale, wanted, "fieldManager=hpa&force=true");
  EXPECT_EQ(find(forced.body, {"spec", "replicas"})->as_int64(), 4);
}

TEST_F(Apply, RequestsThatMakeNoSenseAreRefusedInKubernetesWords) {
  const auto nobody = apply(kConfigMap, config_map("{}"), "force=false");
  EXPECT_EQ(nobody.code, 422U);
  EXPECT_EQ(nobody.message(),
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
  const auto forced = send("PATCH", fmt::format("{}?force=true", kConfigMap), "{}", "application/merge-patch+json");
  EXPECT_EQ(forced.code, 422U);
  EXPECT_THAT(forced.message(), HasSubstr("force: Forbidden: may not be specified for non-apply patch"));
  EXPECT_EQ(apply(kConfigMap, config_map("{}"), fmt::format("fieldManager={}", std::string(129, 'x'))).code, 422U);
  EXPECT_EQ(apply(kConfigMap, config_map("{}"), "fieldManager=a%0Ab").code, 422U);
  EXPECT_THAT(apply(kConfigMap, "a: [").message(), HasSubstr("error decoding YAML: "));
  EXPECT_EQ(apply(kConfigMap, "data: {}").message(), "Object 'apiVersion' is missing");
  EXPECT_EQ(apply(kConfigMap, "{apiVersion: v2, kind: ConfigMap}").message(),
            "Incorrect version specified in apply patch. Specified patch version: v2, expected: v1");
  EXPECT_EQ(apply(kConfigMap, "{apiVersion: v1, kind: ConfigMap, metadata: {managedFields: []}}").message(),
            "metadata.managedFields must be nil");
  EXPECT_EQ(apply("/api/v1/namespaces/nope/configmaps/a", config_map("{}")).message(), "namespaces \"nope\" not found");
  const auto keyless =
      apply("/api/v1/namespaces/default/pods/p", "{apiVersion: v1, kind: Pod, spec: {containers: [{image: x}]}}");
  EXPECT_EQ(keyless.code, 400U);
  EXPECT_THAT(keyless.message(), HasSubstr(".spec.containers: element 0: associative list with keys has an element "
                                           "that omits key field \"name\""));
  const auto strict = apply(kConfigMap, "{apiVersion: v1, kind: ConfigMap, dta: {k: v}}",
                            "fieldManager=kubectl&fieldValidation=Strict");
  EXPECT_EQ(strict.code, 400U);
  EXPECT_THAT(strict.message(), HasSubstr("unknown field \"dta\""));
}

}  // namespace
}  // namespace berth::api
