// tests/api/admission_test.cpp - how much may go on at once.
#include "api/http/admission.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace berth::api {
namespace {

class AdmissionTest : public testing::Test {
 protected:
  ApiResult<std::shared_ptr<void>> admit(Role role, std::string_view target, std::size_t body = 0,
                                         Method method = Method::Get) {
    const auto parsed = parse_target(target);
    EXPECT_TRUE(parsed) << target;
    // Everybody is somebody else, unless a test says otherwise.
    const User user{.name = who_.empty() ? std::to_string(next_++) : who_, .role = role};
    return admission_.admit(user, access_request(method, *parsed), parsed->query, body);
  }

  std::string who_;
  int next_ = 0;

  Admission admission_{{.requests = 4, .watches = 2, .streams = 2, .body_bytes = 100}};
};

TEST_F(AdmissionTest, APlaceComesBackWhenItIsGivenUp) {
  auto first = admit(Role::Admin, "/api/v1/pods?watch=true");
  auto second = admit(Role::Admin, "/api/v1/pods?watch=true");
  ASSERT_TRUE(first && second);
  const auto third = admit(Role::Admin, "/api/v1/pods?watch=true");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, 429U);
  EXPECT_EQ(third.error().reason, "TooManyRequests");
  (*first).reset();
  EXPECT_TRUE(admit(Role::Admin, "/api/v1/pods?watch=true"));
}

TEST_F(AdmissionTest, WatchesStreamsAndRequestsAreCountedApart) {
  const auto watch_1 = admit(Role::Admin, "/api/v1/pods?watch=true");
  const auto watch_2 = admit(Role::Admin, "/api/v1/watch/pods");
  EXPECT_FALSE(admit(Role::Admin, "/api/v1/pods?watch=true"));
  const auto stream_1 = admit(Role::Admin, "/api/v1/namespaces/a/pods/p/exec");
  const auto stream_2 = admit(Role::Admin, "/api/v1/namespaces/a/pods/p/log?follow=true");
  EXPECT_TRUE(stream_1 && stream_2);
  EXPECT_FALSE(admit(Role::Admin, "/api/v1/namespaces/a/pods/p/portforward"));
  EXPECT_FALSE(admit(Role::Admin, "/api/v1/namespaces/a/pods/p/proxy/x"));
  EXPECT_TRUE(admit(Role::Admin, "/api/v1/namespaces/a/pods/p/log"));
  EXPECT_TRUE(admit(Role::Admin, "/api/v1/pods"));
}

TEST_F(AdmissionTest, WhoIsNoAdminSharesHalfAndKeepsNobodyElseOut) {
  const auto first = admit(Role::Viewer, "/api/v1/pods");
  const auto second = admit(Role::None, "/version");
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(admit(Role::Viewer, "/api/v1/pods"));
  std::vector<std::shared_ptr<void>> held;
  for (int i = 0; i < 10; ++i) {  // an admin's short requests are never turned away
    auto place = admit(Role::Admin, "/api/v1/pods");
    ASSERT_TRUE(place);
    held.push_back(*place);
  }
  EXPECT_TRUE(admit(Role::Viewer, "/api/v1/pods?watch=true"));
}

TEST_F(AdmissionTest, BodiesShareOneBudget) {
  auto big = admit(Role::Admin, "/api/v1/namespaces", 80, Method::Post);
  ASSERT_TRUE(big);
  EXPECT_FALSE(admit(Role::Admin, "/api/v1/namespaces", 30, Method::Post));
  EXPECT_TRUE(admit(Role::Admin, "/api/v1/namespaces", 20, Method::Post));
  (*big).reset();
  EXPECT_TRUE(admit(Role::Admin, "/api/v1/namespaces", 100, Method::Post));
  EXPECT_FALSE(admit(Role::Viewer, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 51, Method::Post));
}

TEST_F(AdmissionTest, NobodyTakesAllThatOthersShare) {
  Admission wide({.requests = 8, .watches = 8, .streams = 8, .body_bytes = 100});
  const auto target = parse_target("/api/v1/pods?watch=true");
  std::vector<std::shared_ptr<void>> held;
  const auto admit = [&](const char* name, Role role, std::size_t body = 0) {
    auto place = wide.admit({.name = name, .role = role}, access_request(Method::Get, *target), target->query, body);
    if (place) held.push_back(*place);
    return place.ok();
  };
  EXPECT_TRUE(admit("a", Role::Viewer));
  EXPECT_TRUE(admit("a", Role::Viewer));
  EXPECT_FALSE(admit("a", Role::Viewer)) << "two are left of the four, for somebody else";
  EXPECT_FALSE(admit("b", Role::Viewer, 26)) << "bodies, too";
  EXPECT_TRUE(admit("b", Role::None, 25));
  EXPECT_TRUE(admit("c", Role::Viewer, 25));
  EXPECT_FALSE(admit("d", Role::Viewer));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(admit("root", Role::Admin));
  held.clear();
  EXPECT_TRUE(admit("a", Role::Viewer));
}

TEST_F(AdmissionTest, APlaceMayOutliveTheCounting) {
  std::shared_ptr<void> place;
  {
    Admission gone({});
    const auto target = parse_target("/api");
    auto got = gone.admit({.name = "a", .role = Role::Admin}, access_request(Method::Get, *target), target->query, 5);
    ASSERT_TRUE(got);
    place = *got;
  }
  place.reset();
}

TEST_F(AdmissionTest, OtherHostsHaveTheirOwnShareAndAllOfIt) {
  const auto log = "/api/v1/namespaces/a/pods/p/log?follow=true";
  who_ = "n2";
  const auto first = admit(Role::Host, log);
  const auto second = admit(Role::Host, log);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(admit(Role::Host, log)) << "bounded as everybody's";
  const auto ours = admit(Role::Admin, log);
  const auto our_viewers = admit(Role::Viewer, log);
  EXPECT_TRUE(ours && our_viewers) << "and takes no place of ours";
}

}  // namespace
}  // namespace berth::api
