// tests/cli/prune_test.cpp - which objects `apply --prune` may take, and by what members of an apply set are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/apply_set.hpp"
#include "cli/prune.hpp"

namespace berth::cli {
namespace {

bool applied(const char* metadata, std::string_view manager = "berth") {
  return was_applied_by(*parse_json(std::string(R"({"metadata":)") + metadata + "}"), manager);
}

TEST(Prune, TakesOnlyWhatWasApplied) {
  EXPECT_TRUE(applied(R"({"managedFields":[{"manager":"kubelet","operation":"Update"},
                                           {"manager":"berth","operation":"Apply"}]})"));
  EXPECT_FALSE(applied(R"({"managedFields":[{"manager":"berth","operation":"Update"}]})")) << "only changed";
  EXPECT_FALSE(applied(R"({"managedFields":[{"manager":"argocd","operation":"Apply"}]})")) << "another's";
  EXPECT_TRUE(applied(R"({"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}})"));
  EXPECT_FALSE(applied("{}"));
}

TEST(Prune, KindsAreNamedByGroupVersionAndKind) {
  const auto kinds = prunable_kinds({"core/v1/ConfigMap", "apps/v1/Deployment"});
  ASSERT_TRUE(kinds) << kinds.error().message();
  ASSERT_EQ(kinds->size(), 2U);
  EXPECT_EQ((*kinds)[0]->name, "ConfigMap");
  EXPECT_EQ((*kinds)[1]->name, "Deployment");
  EXPECT_THAT(prunable_kinds({"ConfigMap"}).error().message(), testing::HasSubstr("<group/version/kind>"));
  EXPECT_THAT(prunable_kinds({"core/v1/Deployment"}).error().message(), testing::HasSubstr("no such kind is served"));
}

TEST(ApplySet, MembersAreKnownByTheIdThatKubectlComputes) {
  EXPECT_EQ(apply_set_id("my-set", "test", "Secret", ""), "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1");
}

}  // namespace
}  // namespace berth::cli
