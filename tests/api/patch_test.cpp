// tests/api/patch_test.cpp - strategic merge patches as kubectl sends them, on objects, their status and their scale.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSets = "/apis/apps/v1/namespaces/default/statefulsets";
constexpr std::string_view kStrategic = "application/strategic-merge-patch+json";

class Patches : public ApiFixture {
 protected:
  void make_set() {
    const auto created = send("POST", std::string(kSets),
                              R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web",
        "labels":{"x":"1"}},"spec":{"serviceName":"web","replicas":2,"selector":{"matchLabels":{"app":"web"}},
        "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[
        {"name":"c","image":"nginx:1","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}]},
        {"name":"d","image":"redis:1"}],"volumes":[{"name":"v","emptyDir":{}}]}}}})");
    ASSERT_EQ(created.code, 201U) << created.message();
  }

  Answer patch(const std::string& path, std::string body, std::string_view type = kStrategic) {
    return send("PATCH", path, std::move(body), std::string(type));
  }

  static std::string at(const Answer& answer, std::string_view pointer) {
    boost::system::error_code error;
    const auto* value = answer.body.find_pointer(pointer, error);
    return value == nullptr ? "absent" : json::serialize(*value);
  }

  const std::string set_ = fmt::format("{}/web", kSets);
};

TEST_F(Patches, SetImageMergesByTheContainersName) {
  make_set();
  const auto answer = patch(set_, R"({"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c"},
      {"name":"d"}],"containers":[{"image":"nginx:2","name":"c"}]}}}})");
  ASSERT_EQ(answer.code, 200U) << answer.message();
  EXPECT_EQ(at(answer, "/spec/template/spec/containers/0/image"), "\"nginx:2\"");
  EXPECT_EQ(at(answer, "/spec/template/spec/containers/0/env/0/value"), "\"1\"");
  EXPECT_EQ(at(answer, "/spec/template/spec/containers/1/image"), "\"redis:1\"");
}

TEST_F(Patches, RolloutRestartAddsItsAnnotation) {
  make_set();
  const auto answer = patch(set_, R"({"spec":{"template":{"metadata":{"annotations":
      {"kubectl.kubernetes.io/restartedAt":"2026-11-21T10:00:00Z"}}}}})");
  ASSERT_EQ(answer.code, 200U) << answer.message();
  EXPECT_EQ(answer.text({"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"}),
            "2026-11-21T10:00:00Z");
  EXPECT_EQ(answer.text({"spec", "template", "metadata", "labels", "app"}), "web");
}

TEST_F(Patches, RolloutUndoPutsBackTheWholeTemplate) {
  make_set();
  const auto before = send("GET", set_);
  auto revision = find(before.body, {"spec", "template"})->as_object();
  revision["$patch"] = "replace";
  ASSERT_EQ(patch(set_, R"({"spec":{"template":{"metadata":{"annotations":{"a":"b"}},
      "spec":{"hostNetwork":true,"containers":[{"name":"e","image":"x"},{"name":"c","$patch":"delete"}]}}}})")
                .code,
            200U);
  const json::object data{{"spec", {{"template", revision}}}};
  const auto undone = patch(set_, json::serialize(data));
  ASSERT_EQ(undone.code, 200U) << undone.message();
  EXPECT_EQ(*find(undone.body, {"spec", "template"}), *find(before.body, {"spec", "template"}));
  EXPECT_EQ(find(undone.body, {"spec", "replicas"})->as_int64(), 2);
}

TEST_F(Patches, ANodeIsCordonedTaintedAndFreedAgain) {
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"spec":{"podCIDR":"10.0.0.0/24"},
          "status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[]}})");
  const std::string node = "/api/v1/nodes/n1";
  EXPECT_EQ(at(patch(node, R"({"spec":{"unschedulable":true}})"), "/spec"),
            R"({"podCIDR":"10.0.0.0/24","unschedulable":true})");
  EXPECT_EQ(at(patch(node, R"({"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}})"), "/spec/taints/0/key"),
            "\"a\"");
  EXPECT_EQ(at(patch(node, R"({"spec":{"taints":[{"key":"b","effect":"NoExecute"}]}})"), "/spec/taints/1"), "absent");
  EXPECT_EQ(at(patch(node, R"({"spec":{"taints":null,"unschedulable":null}})"), "/spec"),
            R"({"podCIDR":"10.0.0.0/24"})");
  const auto status =
      patch(node + "/status", R"({"status":{"conditions":[{"type":"DiskPressure","status":"False"}]}})");
  ASSERT_EQ(status.code, 200U) << status.message();
  EXPECT_EQ(find(status.body, {"status", "conditions"})->as_array().size(), 2U);
}

TEST_F(Patches, ScaleTakesEveryTypeOfPatch) {
  make_set();
  const auto scale = set_ + "/scale";
  EXPECT_EQ(at(patch(scale, R"({"spec":{"replicas":3}})"), "/spec/replicas"), "3");
  EXPECT_EQ(at(patch(scale, R"({"spec":{"replicas":4}})", "application/merge-patch+json"), "/spec/replicas"), "4");
  EXPECT_EQ(at(patch(scale, R"([{"op":"test","path":"/spec/replicas","value":4},
                                {"op":"replace","path":"/spec/replicas","value":5}])",
                     "application/json-patch+json"),
               "/spec/replicas"),
            "5");
  const auto stale = patch(scale, R"({"metadata":{"resourceVersion":"1"},"spec":{"replicas":6}})");
  EXPECT_EQ(stale.code, 409U);
  EXPECT_EQ(at(send("GET", set_), "/spec/replicas"), "5");
  EXPECT_EQ(at(patch(scale + "?dryRun=All", R"({"spec":{"replicas":9}})"), "/spec/replicas"), "9");
  EXPECT_EQ(at(send("GET", set_), "/spec/replicas"), "5");
}

/// kubectl shows the causes of what is invalid, and nothing else of it.
TEST_F(Patches, ATestThatFailsIsACause) {
  make_set();
  const auto failed =
      patch(set_, R"([{"op":"test","path":"/metadata/name","value":"other"}])", "application/json-patch+json");
  EXPECT_EQ(failed.code, 422U);
  const auto* causes = find(failed.body, {"details", "causes"});
  ASSERT_NE(causes, nullptr);
  EXPECT_EQ(json::serialize(*causes), R"([{"reason":"FieldValueInvalid",)"
                                      R"("message":"operation 0 (test /metadata/name): the value is another",)"
                                      R"("field":"patch"}])");
  const auto missing = patch(set_, R"([{"op":"remove","path":"/spec/nothing"}])", "application/json-patch+json");
  EXPECT_EQ(at(missing, "/details/causes/0/message"),
            R"("operation 0 (remove /spec/nothing): the path does not exist")");
}

TEST_F(Patches, OnlyARevisionThatThePatchNamesCanBeStale) {
  make_set();
  const auto first = send("GET", set_).text({"metadata", "resourceVersion"});
  EXPECT_EQ(patch(set_, R"({"metadata":{"labels":{"x":"2"}}})").code, 200U);
  EXPECT_EQ(patch(set_, fmt::format(R"({{"metadata":{{"resourceVersion":"{}","labels":{{"x":"3"}}}}}})", first)).code,
            409U);
  EXPECT_EQ(patch(set_, R"({"metadata":{"uid":"other","labels":{"x":"3"}}})").code, 409U);
  EXPECT_EQ(send("GET", set_).text({"metadata", "labels", "x"}), "2");
}

TEST_F(Patches, WhatIsLeftEmptyInMetadataIsLeftOut) {
  make_set();
  EXPECT_EQ(at(patch(set_, R"({"metadata":{"labels":{"x":null}}})"), "/metadata/labels"), "absent");
}

TEST_F(Patches, DryRunsAreDefaultedAndJudgedAndNotStored) {
  make_set();
  const auto before = store_->revision();
  const auto dry = patch(set_ + "?dryRun=All", R"({"spec":{"template":{"spec":{"containers":[
      {"name":"n","image":"busybox"}]}}}})");
  EXPECT_EQ(dry.code, 200U);
  EXPECT_EQ(at(dry, "/spec/template/spec/containers/0/imagePullPolicy"), "\"Always\"");
  EXPECT_EQ(patch(set_ + "?dryRun=All", R"({"spec":{"serviceName":"other"}})").code, 422U);
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(Patches, BadPatchesAreRefusedInUpstreamsWords) {
  make_set();
  const auto malformed = patch(set_, R"({"spec":{"$retainKeys":"x"}})");
  EXPECT_EQ(malformed.code, 400U);
  EXPECT_EQ(malformed.message(), "invalid patch format of retainKeys");
  const auto keyless = patch(set_, R"({"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}})");
  EXPECT_EQ(keyless.code, 422U);
  EXPECT_THAT(keyless.message(), HasSubstr("does not contain declared merge key: name"));
  EXPECT_EQ(patch(set_, "[]").code, 400U);
  EXPECT_EQ(patch(set_, "{}", "text/plain").code, 415U);
  EXPECT_EQ(patch(fmt::format("{}/nope", kSets), "{}").code, 404U);
  EXPECT_EQ(send("PUT", fmt::format("{}/nope", kSets), R"({"metadata":{"name":"nope"}})").code, 404U);
  EXPECT_EQ(send("PUT", fmt::format("{}/nope", kSets), "nonsense").code, 400U);
}

}  // namespace
}  // namespace berth::api
