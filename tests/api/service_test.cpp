// tests/api/service_test.cpp - Services over the API: what the server chooses is there, stays, and is guarded.
#include <gmock/gmock.h>

#include "model/service_addresses.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using model::Kind;
using testing::HasSubstr;

class Services : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    server_.reset();
    store::StoreLimits limits;
    limits.complete = model::service_completion(*model::ServiceRange::parse("10.96.0.0/16"));
    store_ = store::make_memory_store(limits);
    ASSERT_TRUE(store::create_and_wait(
        *store_,
        *model::make_object(
            parse_json(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})")->get_object())));
    start();
  }
  static constexpr const char* kAll = "/api/v1/namespaces/default/services";
  static std::string one(const std::string& name) { return std::string(kAll) + "/" + name; }
};

TEST_F(Services, TheAnswerToACreateHasTheAddressAndAPutWithoutItKeepsIt) {
  const auto made =
      send("POST", kAll, R"({"metadata":{"name":"web"},"spec":{"type":"NodePort","ports":[{"port":80}]}})");
  ASSERT_EQ(made.code, 201U) << made.message();
  const auto address = made.text({"spec", "clusterIP"});
  EXPECT_THAT(address, testing::StartsWith("10.96."));
  EXPECT_EQ(made.text({"spec", "ipFamilyPolicy"}), "SingleStack");
  const auto port = find(made.body, {"spec", "ports"})->at(0).at("nodePort");
  const auto put =
      send("PUT", one("web"),
           R"({"metadata":{"name":"web","labels":{"a":"b"}},"spec":{"type":"NodePort","ports":[{"port":81}]}})");
  ASSERT_EQ(put.code, 200U) << put.message();
  EXPECT_EQ(put.text({"spec", "clusterIP"}), address);
  EXPECT_EQ(find(put.body, {"spec", "ports"})->at(0).at("nodePort"), port);
  const auto plain = send("PATCH", one("web"), R"({"spec":{"type":"ClusterIP"}})", "application/merge-patch+json");
  ASSERT_EQ(plain.code, 200U) << plain.message();
  EXPECT_FALSE(find(plain.body, {"spec", "ports"})->at(0).as_object().contains("nodePort"));
}

TEST_F(Services, WhatIsTakenIsRefusedWithItsFieldAsKubernetesDoes) {
  ASSERT_EQ(
      send("POST", kAll, R"({"metadata":{"name":"a"},"spec":{"clusterIP":"10.96.0.10","ports":[{"port":80}]}})").code,
      201U);
  const auto refused =
      send("POST", kAll, R"({"metadata":{"name":"b"},"spec":{"clusterIP":"10.96.0.10","ports":[{"port":80}]}})");
  EXPECT_EQ(refused.code, 422U);
  EXPECT_EQ(refused.text({"reason"}), "Invalid");
  EXPECT_EQ(
      refused.message(),
      "Service \"b\" is invalid: spec.clusterIPs: invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: "
      "provided IP is already allocated");
  EXPECT_EQ(find(refused.body, {"details", "causes"})->at(0).at("field"), "spec.clusterIPs");
  EXPECT_EQ(send("GET", one("b")).code, 404U);
  const auto changed = send("PATCH", one("a"), R"({"spec":{"clusterIP":"10.96.0.11","clusterIPs":["10.96.0.11"]}})",
                            "application/merge-patch+json");
  EXPECT_EQ(changed.code, 422U);
  EXPECT_THAT(changed.message(), HasSubstr("field is immutable"));
  const auto port = send("POST", kAll, R"({"metadata":{"name":"c"},"spec":{"type":"NodePort",
      "ports":[{"port":80,"nodePort":80}]}})");
  EXPECT_EQ(port.code, 422U);
  EXPECT_EQ(find(port.body, {"details", "causes"})->at(0).at("field"), "spec.ports[0].nodePort");
}

TEST_F(Services, ATypeWithoutAnAddressGivesItBackAndAnotherGetsOne) {
  const auto made = send("POST", kAll, R"({"metadata":{"name":"web"},"spec":{"ports":[{"port":80}]}})");
  const auto address = made.text({"spec", "clusterIP"});
  const auto alias = send("PATCH", one("web"), R"({"spec":{"type":"ExternalName","externalName":"example.org"}})",
                          "application/merge-patch+json");
  ASSERT_EQ(alias.code, 200U) << alias.message();
  EXPECT_EQ(alias.text({"spec", "clusterIP"}), "");
  ASSERT_EQ(send("POST", kAll,
                 R"({"metadata":{"name":"other"},"spec":{"clusterIP":")" + address + R"(","ports":[{"port":80}]}})")
                .code,
            201U)
      << "it was given back";
  const auto back =
      send("PATCH", one("web"), R"({"spec":{"type":"ClusterIP","externalName":null}})", "application/merge-patch+json");
  ASSERT_EQ(back.code, 200U) << back.message();
  EXPECT_THAT(back.text({"spec", "clusterIP"}), testing::StartsWith("10.96."));
  EXPECT_NE(back.text({"spec", "clusterIP"}), address);
}

}  // namespace
}  // namespace berth::api
