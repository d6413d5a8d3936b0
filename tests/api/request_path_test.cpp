// tests/api/request_path_test.cpp - targets, queries and the resources that paths name.
#include "api/request/request_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::api {
namespace {

using testing::ElementsAre;

std::optional<ResourcePath> resource(std::string_view target) {
  const auto parsed = parse_target(target);
  return parsed ? parse_resource_path(parsed->segments) : std::nullopt;
}

TEST(RequestPath, QueryIsDecodedAndKeepsRepeatedNames) {
  const auto target =
      parse_target("/x?command=sh&command=-c&command=exit+3&labelSelector=role%3Dmongo%2Cenv%21%3Dprod");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->query.all("command"), ElementsAre("sh", "-c", "exit 3"));
  EXPECT_EQ(target->query.get("labelSelector"), "role=mongo,env!=prod");
  EXPECT_FALSE(target->query.has("watch"));
}

TEST(RequestPath, FlagsAndNumbersAreReadAsKubernetesDoes) {
  const auto query = Query::parse("watch=1&follow=true&tty=false&tailLines=20&bad=-1&worse=2x");
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->flag("watch"));
  EXPECT_TRUE(query->flag("follow"));
  EXPECT_FALSE(query->flag("tty"));
  EXPECT_FALSE(query->flag("absent"));
  EXPECT_EQ(**query->number("tailLines"), 20);
  EXPECT_EQ(*query->number("absent"), std::nullopt);
  EXPECT_TRUE(failed_with(query->number("bad"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(query->number("worse"), ErrorCode::InvalidArgument));
}

TEST(RequestPath, BrokenEscapesSlashesAndDotSegmentsAreRefused) {
  for (const auto* target : {"/a/%2", "/a/%zz", "/a/%2f", "/a/%00", "/a/../b", "/a/%2e%2E", "a/b", "", "/a?x=%1"}) {
    EXPECT_TRUE(failed_with(parse_target(target), ErrorCode::InvalidArgument)) << target;
  }
  std::string many = "/a?";
  for (int i = 0; i < 300; ++i) many += "x=1&";
  EXPECT_TRUE(failed_with(parse_target(many), ErrorCode::InvalidArgument));
}

TEST(RequestPath, NamespacedResourcesAreFoundAtEveryDepth) {
  const auto pods = resource("/api/v1/pods");
  ASSERT_TRUE(pods);
  EXPECT_EQ(pods->kind, model::Kind::Pod);
  EXPECT_EQ(pods->ns, "");
  const auto log = resource("/api/v1/namespaces/mongo/pods/mongo-0/log");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->ns, "mongo");
  EXPECT_EQ(log->name, "mongo-0");
  EXPECT_EQ(log->subresource, "log");
  const auto scale = resource("/apis/apps/v1/namespaces/a/statefulsets/web/scale");
  ASSERT_TRUE(scale);
  EXPECT_EQ(scale->kind, model::Kind::StatefulSet);
  EXPECT_EQ(scale->subresource, "scale");
}

TEST(RequestPath, NamespacesAreBothAFolderAndAnObject) {
  const auto one = resource("/api/v1/namespaces/mongo");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->kind, model::Kind::Namespace);
  EXPECT_EQ(one->name, "mongo");
  EXPECT_EQ(one->ns, "");
  const auto status = resource("/api/v1/namespaces/mongo/status");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->kind, model::Kind::Namespace);
  EXPECT_EQ(status->subresource, "status");
}

TEST(RequestPath, OldVersionsLeadToTheKindAndAreRemembered) {
  const auto set = resource("/apis/apps/v1beta1/namespaces/a/statefulsets/mongo/scale");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->kind, model::Kind::StatefulSet);
  EXPECT_EQ(set->old_version, "apps/v1beta1");
  EXPECT_EQ(resource("/apis/extensions/v1beta1/daemonsets")->old_version, "extensions/v1beta1");
  EXPECT_EQ(resource("/apis/apps/v1/daemonsets")->old_version, "");
}

TEST(RequestPath, WhatLivesElsewhereIsNotFound) {
  for (const auto* target : {"/api/v1/statefulsets", "/apis/apps/v1/pods", "/apis/apps/v1beta1/daemonsets",
                             "/api/v1/foos", "/api/v1/pods/web-0", "/api/v1/namespaces/a/nodes/n",
                             "/api/v1/namespaces/a/pods/p/log/x", "/apis/apps/v1", "/api/v1", "/", "/x/v1/pods"}) {
    EXPECT_FALSE(resource(target)) << target;
  }
}

}  // namespace
}  // namespace berth::api
