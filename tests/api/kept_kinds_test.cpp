// tests/api/kept_kinds_test.cpp - roles, ingresses, classes, quotas over the API: warnings, old versions, admission.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"
#include "tests/model/full_objects.hpp"

namespace berth::api {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

using KeptKindsApi = ApiFixture;

constexpr std::string_view kRoles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
constexpr std::string_view kPods = "/api/v1/namespaces/default/pods";

TEST_F(KeptKindsApi, WhoWritesWhatHasNoEffectIsTold) {
  const auto made = send("POST", std::string(kRoles), R"({"metadata":{"name":"reader"},"rules":[]})");
  EXPECT_EQ(made.code, 201U) << made.message();
  EXPECT_THAT(
      made.warnings,
      ElementsAre("Role is kept, without effect here: nothing enforces roles: nobody inside a pod has a token"));
  const auto patched = send("PATCH", std::string(kRoles) + "/reader", R"({"metadata":{"labels":{"a":"b"}}})",
                            "application/merge-patch+json");
  EXPECT_EQ(patched.code, 200U);
  EXPECT_TRUE(patched.warnings.empty()) << "it is no news";
  EXPECT_EQ(send("GET", std::string(kRoles) + "/reader").text({"metadata", "labels", "a"}), "b");
  EXPECT_EQ(send("DELETE", std::string(kRoles) + "/reader").code, 200U);
}

TEST_F(KeptKindsApi, NamesOfClusterRolesMayHaveColons) {
  constexpr std::string_view kAll = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  EXPECT_EQ(send("POST", std::string(kAll), R"({"metadata":{"name":"system:a"},"rules":[]})").code, 201U);
  EXPECT_EQ(send("GET", std::string(kAll) + "/system:a").code, 200U);
  EXPECT_EQ(send("GET", std::string(kAll) + "/system%3Aa").code, 200U);
}

TEST_F(KeptKindsApi, ARequestIsApprovedAtAPlaceOfItsOwn) {
  const std::string all = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const auto made = send("POST", all, json::serialize(model::full_object(Kind::CertificateSigningRequest)));
  ASSERT_EQ(made.code, 201U) << made.message();
  const auto name = made.text({"metadata", "name"});
  const auto self = send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                         R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})");
  EXPECT_EQ(made.text({"spec", "username"}), self.text({"status", "userInfo", "username"}))
      << "not whom the body names";
  const auto patched =
      send("PATCH", all + "/" + name + "/approval",
           R"({"status":{"conditions":[{"type":"Approved","status":"True"}]}})", "application/merge-patch+json");
  EXPECT_EQ(patched.code, 200U) << patched.message();
  EXPECT_THAT(json::serialize(send("GET", all + "/" + name).body), HasSubstr(R"("type":"Approved")"));
  const auto signer = made.text({"spec", "signerName"});
  const auto asked = send("GET", all + "?fieldSelector=spec.signerName%3D" + signer);
  ASSERT_EQ(asked.code, 200U) << asked.message();
  EXPECT_EQ(asked.body.at("items").as_array().size(), 1U);
  EXPECT_EQ(send("GET", all + "?fieldSelector=spec.signerName%3Da.b%2Fc").body.at("items").as_array().size(), 0U);
}

TEST_F(KeptKindsApi, AnEventIsOneEventInEitherGroup) {
  const std::string events = "/apis/events.k8s.io/v1/namespaces/default/events";
  const auto made = send("POST", events,
                         R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},"note":"hello",
      "eventTime":"2026-11-29T10:00:00.000000Z","reason":"Greeted","type":"Normal","action":"Greet",
      "reportingController":"example.com/greeter","reportingInstance":"a",
      "regarding":{"kind":"Pod","namespace":"default","name":"web"}})");
  ASSERT_EQ(made.code, 201U) << made.message();
  EXPECT_TRUE(made.warnings.empty()) << "it is not the older one";
  const auto core = send("GET", "/api/v1/namespaces/default/events/e");
  EXPECT_EQ(core.text({"message"}), "hello");
  EXPECT_EQ(core.text({"involvedObject", "name"}), "web");
  EXPECT_EQ(core.text({"reportingComponent"}), "example.com/greeter");
  EXPECT_EQ(send("GET", events + "/e").text({"regarding", "name"}), "web");
  const auto about =
      send("GET", events + "?fieldSelector=regarding.name%3Dweb,reportingController%3Dexample.com%2Fgreeter");
  ASSERT_EQ(about.code, 200U) << about.message();
  EXPECT_EQ(about.body.at("items").as_array().size(), 1U);
  for (const auto* field : {"source", "reportingComponent"}) {
    const auto by = send("GET", fmt::format("/api/v1/events?fieldSelector={}%3Dexample.com%2Fgreeter", field));
    ASSERT_EQ(by.code, 200U) << by.message();
    EXPECT_EQ(by.body.at("items").as_array().size(), 1U) << field;
  }
  EXPECT_THAT(json::serialize(send("GET", "/apis/events.k8s.io/v1").body), HasSubstr(R"("name":"events")"));
}

TEST_F(KeptKindsApi, AnOldIngressIsOneIngressInEitherForm) {
  const auto old = std::string("/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses");
  const auto now = std::string("/apis/networking.k8s.io/v1/namespaces/default/ingresses");
  const auto made =
      send("POST", old,
           R"({"apiVersion":"networking.k8s.io/v1beta1","kind":"Ingress","metadata":{"name":"web"},"spec":{
      "rules":[{"http":{"paths":[{"path":"/","backend":{"serviceName":"web","servicePort":80}}]}}]}})");
  ASSERT_EQ(made.code, 201U) << made.message();
  EXPECT_EQ(made.text({"apiVersion"}), "networking.k8s.io/v1beta1");
  constexpr std::string_view kOldBackend = R"("backend":{"serviceName":"web","servicePort":80})";
  constexpr std::string_view kBackend = R"("backend":{"service":{"name":"web","port":{"number":80}}})";
  EXPECT_THAT(json::serialize(made.body), HasSubstr(std::string(kOldBackend)));
  EXPECT_THAT(json::serialize(send("GET", now + "/web").body), HasSubstr(std::string(kBackend)));
  EXPECT_THAT(json::serialize(send("GET", old).body), HasSubstr(std::string(kOldBackend))) << "lists, too";
  EXPECT_THAT(json::serialize(send("GET", "/apis/extensions/v1beta1/ingresses").body),
              HasSubstr(std::string(kOldBackend)));
  const auto patched =
      send("PATCH", old + "/web", R"({"spec":{"backend":{"serviceName":"rest","servicePort":"http"}}})",
           "application/merge-patch+json");
  EXPECT_EQ(patched.code, 200U) << patched.message();
  EXPECT_THAT(json::serialize(send("GET", now + "/web").body),
              HasSubstr(R"("defaultBackend":{"service":{"name":"rest","port":{"name":"http"}}})"));
}

TEST_F(KeptKindsApi, ThereAreNoDefinitionsOfKindsAndNoneCanBeMade) {
  constexpr std::string_view kAll = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const auto list = send("GET", std::string(kAll));
  EXPECT_EQ(list.code, 200U);
  EXPECT_EQ(list.text({"kind"}), "CustomResourceDefinitionList");
  EXPECT_TRUE(list.body.at("items").as_array().empty());
  EXPECT_EQ(send("GET", std::string(kAll) + "/x").code, 404U);
  EXPECT_EQ(send("POST", std::string(kAll), R"({"metadata":{"name":"x"}})").code, 405U);
  EXPECT_EQ(send("DELETE", std::string(kAll)).code, 405U);
  const auto page = json::serialize(send("GET", "/apis/apiextensions.k8s.io/v1").body);
  EXPECT_THAT(page, HasSubstr(R"("verbs":["get","list","watch"])"));
}

TEST_F(KeptKindsApi, APodGetsItsPriorityOrIsForbidden) {
  constexpr std::string_view kPod =
      R"({"metadata":{"name":"web"},"spec":{"priorityClassName":"high","containers":[{"name":"c","image":"b"}]}})";
  for (const auto* query : {"?dryRun=All", ""}) {
    const auto refused = send("POST", std::string(kPods) + query, std::string(kPod));
    EXPECT_EQ(refused.code, 403U);
    EXPECT_EQ(refused.message(), "pods \"web\" is forbidden: no PriorityClass with name high was found");
  }
  const auto made =
      send("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", R"({"metadata":{"name":"high"},"value":7})");
  EXPECT_EQ(made.code, 201U) << made.message();
  EXPECT_TRUE(made.warnings.empty());
  for (const auto* query : {"?dryRun=All", ""}) {
    const auto pod = send("POST", std::string(kPods) + query, std::string(kPod));
    EXPECT_EQ(pod.code, 201U) << pod.message();
    EXPECT_EQ(find(pod.body, {"spec", "priority"})->as_int64(), 7);
  }
  const auto replaced = send("PUT", std::string(kPods) + "/web", std::string(kPod));
  EXPECT_EQ(replaced.code, 200U) << replaced.message();
  EXPECT_EQ(find(replaced.body, {"spec", "priority"})->as_int64(), 7);
}

TEST_F(KeptKindsApi, AQuotaIsNotPassedByManyAtOnce) {
  put(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"all","namespace":"default"},"spec":{"hard":{"pods":"3"}}})");
  const auto sent = send("POST", std::string(kPods),
                         R"({"metadata":{"generateName":"p-"},"spec":{"containers":[{"name":"c","image":"b"}]}})");
  EXPECT_EQ(sent.code, 201U) << sent.message();
  // All of these are judged before the first of them is seen by anybody.
  std::vector<bool> made(10);
  std::atomic<int> answered{0};
  for (std::size_t i = 0; i < made.size(); ++i) {
    auto raw =
        parse_json(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"w{}","namespace":"default"}},
        "spec":{{"containers":[{{"name":"c","image":"b"}}]}}}})",
                               i));
    store_->create(*model::make_object(raw->as_object()), Durability::Durable,
                   [&, i](const Result<model::ObjectPtr>& done) {
                     made[i] = done.ok();
                     ++answered;
                   });
  }
  ASSERT_TRUE(store_->flush());
  while (answered < 10) std::this_thread::yield();
  EXPECT_EQ(std::count(made.begin(), made.end(), true), 2);
  const auto refused = send("POST", std::string(kPods),
                            R"({"metadata":{"name":"more"},"spec":{"containers":[{"name":"c","image":"b"}]}})");
  EXPECT_EQ(refused.code, 403U);
  EXPECT_EQ(refused.message(),
            "pods \"more\" is forbidden: exceeded quota: all, requested: pods=1, used: pods=3, limited: pods=3");
}

}  // namespace
}  // namespace berth::api
