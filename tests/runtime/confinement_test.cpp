// tests/runtime/confinement_test.cpp - capabilities, system call filters, users, shims.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/seccomp.hpp"
#include "runtime/shim_reaper.hpp"
#include "runtime/user.hpp"

namespace berth::runtime {
namespace {

using ::testing::ElementsAre;

constexpr CapabilitySet kEverything = ~CapabilitySet{0};
CapabilitySet bit(std::string_view name) { return CapabilitySet{1} << capability_number(name).value(); }

CapabilitySet capabilities(std::vector<std::string> add, std::vector<std::string> drop,
                           CapabilitySet available = kEverything) {
  model::ContainerSecurity security;
  security.capabilities_add = std::move(add);
  security.capabilities_drop = std::move(drop);
  return container_capabilities(security, available).value_or(kEverything);
}

TEST(Capabilities, HaveLinuxsNumbersAndAnySpelling) {
  EXPECT_EQ(capability_number("CHOWN"), 0U);
  EXPECT_EQ(capability_number("cap_sys_admin"), 21U);
  EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), 40U);
  EXPECT_FALSE(capability_number("SYS_EVERYTHING").has_value());
}

TEST(Capabilities, AddsAndDropsCombineAsInKubernetes) {
  const auto usual = capabilities({}, {});
  EXPECT_EQ(capabilities({"NET_ADMIN"}, {}), usual | bit("NET_ADMIN"));
  EXPECT_EQ(capabilities({}, {"CHOWN"}), usual & ~bit("CHOWN"));
  EXPECT_EQ(capabilities({"NET_BIND_SERVICE"}, {"ALL"}), bit("NET_BIND_SERVICE"));
  EXPECT_EQ(capabilities({}, {"ALL"}), 0U);
  EXPECT_EQ(capability_names(capabilities({"ALL"}, {})).size(), 41U);
  EXPECT_EQ(capabilities({"ALL"}, {"SYS_ADMIN"}), capabilities({"ALL"}, {}) & ~bit("SYS_ADMIN"));
  EXPECT_EQ(capabilities({"SYS_RESOURCE"}, {}, usual), usual);
}

TEST(Capabilities, UnknownNamesAreInvalid) {
  model::ContainerSecurity security;
  security.capabilities_drop = {"FLY"};
  EXPECT_TRUE(failed_with(container_capabilities(security, kEverything), ErrorCode::InvalidArgument));
}

constexpr auto kProfile = R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"defaultErrno":"ENOSYS",
  "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
             {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
  "syscalls":[
   {"names":["read"],"action":"SCMP_ACT_ALLOW","args":[],"includes":{},"excludes":{}},
   {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4294967295,"valueTwo":0,"op":"SCMP_CMP_EQ"}]},
   {"names":["arch_prctl"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","x32"]}},
   {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
   {"names":["mount"],"action":"SCMP_ACT_ERRNO","errnoRet":1,"errno":"EPERM","excludes":{"caps":["CAP_SYS_ADMIN"]}},
   {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}}]})";

std::vector<std::string> rules(CapabilitySet set, std::string_view architecture, std::string_view kernel = "6.1.0-18") {
  const auto text = translate_seccomp(kProfile, set, architecture, kernel);
  EXPECT_TRUE(text.ok());
  std::vector<std::string> found;
  const auto parsed = json::parse(*text);
  for (const auto& rule : parsed.at("syscalls").as_array()) {
    found.push_back(std::string(view(rule.at("names").as_array()[0].as_string())) + " " +
                    std::string(view(rule.at("action").as_string())).substr(9));
  }
  return found;
}

TEST(Seccomp, RulesDependOnCapabilitiesArchitectureAndKernel) {
  EXPECT_THAT(rules(0, "amd64"),
              ElementsAre("read ALLOW", "personality ALLOW", "arch_prctl ALLOW", "mount ERRNO", "ptrace ALLOW"));
  EXPECT_THAT(rules(bit("SYS_ADMIN"), "arm64", "4.4.0"), ElementsAre("read ALLOW", "personality ALLOW", "mount ALLOW"));
}

TEST(Seccomp, KeepsArgumentsErrorsAndArchitectures) {
  const auto parsed = json::parse(*translate_seccomp(kProfile, 0, "amd64", "6.1"));
  EXPECT_EQ(json::serialize(parsed.at("architectures")), R"(["SCMP_ARCH_X86_64","SCMP_ARCH_X86"])");  // no x32
  EXPECT_EQ(parsed.at("defaultErrnoRet").to_number<int>(), 38);
  const auto& list = parsed.at("syscalls").as_array();
  EXPECT_EQ(list[1].at("args").as_array()[0].at("value").to_number<std::uint64_t>(), 4294967295U);
  EXPECT_EQ(list[3].at("errnoRet").to_number<int>(), 1);
  EXPECT_FALSE(list[0].as_object().contains("includes"));
}

TEST(Seccomp, WhatIsNoProfileIsInvalid) {
  EXPECT_TRUE(failed_with(translate_seccomp("{}", 0, "amd64", "6.1"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(translate_seccomp("nonsense", 0, "amd64", "6.1"), ErrorCode::InvalidArgument));
}

TEST(Seccomp, LocalProfilesStayInTheirFolder) {
  SeccompProfiles profiles({"/nonexistent/seccomp.json"}, "/nonexistent");
  EXPECT_TRUE(failed_with(profiles.runtime_default(0), ErrorCode::NotFound));
  for (const auto* name : {"../passwd", "/etc/passwd", "a/../../b", ""}) {
    const auto loaded = profiles.localhost(name, 0);
    ASSERT_TRUE(failed_with(loaded, ErrorCode::InvalidArgument)) << name;
    EXPECT_NE(loaded.error().message().find("must be a path below"), std::string::npos) << name;
  }
}

const UserFiles kFiles{"root:x:0:0:root:/root:/bin/sh\nredis:x:999:1000:,,,:/home/redis:/bin/sh\nbroken:x:y:z\n",
                       "root:x:0:\nredis:x:1000:\nwheel:x:10:root,redis\nextra:x:77:redis\n"};

Result<ResolvedUser> user(std::string_view image_user, std::optional<std::int64_t> run_as = {},
                          std::optional<std::int64_t> group = {}, std::optional<bool> non_root = {}) {
  model::ContainerSecurity security;
  security.run_as_user = run_as;
  security.run_as_group = group;
  security.run_as_non_root = non_root;
  return resolve_user(security, {}, image_user, kFiles);
}

TEST(User, IsTheImagesUnlessTheManifestSays) {
  EXPECT_EQ(*user(""), (ResolvedUser{0, 0, {0, 10}}));
  EXPECT_EQ(*user("redis"), (ResolvedUser{999, 1000, {10, 77, 1000}}));
  EXPECT_EQ(*user("999"), (ResolvedUser{999, 1000, {10, 77, 1000}}));
  EXPECT_EQ(*user("4711"), (ResolvedUser{4711, 0, {0}}));
  EXPECT_EQ(*user("4711:42"), (ResolvedUser{4711, 42, {42}}));
  EXPECT_EQ(*user("redis:wheel"), (ResolvedUser{999, 10, {10, 77}}));
  EXPECT_EQ(*user("redis", 5), (ResolvedUser{5, 0, {0}}));
  EXPECT_EQ(*user("redis", 5, 6), (ResolvedUser{5, 6, {6}}));
}

TEST(User, NamesTheImageDoesNotHaveAreInvalid) {
  EXPECT_TRUE(failed_with(user("nobody-here"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("redis:nothing"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("broken"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("", -1), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("99999999999"), ErrorCode::InvalidArgument));
}

TEST(User, RunAsNonRootRefusesRootHoweverItCame) {
  EXPECT_TRUE(failed_with(user("", {}, {}, true), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("root", {}, {}, true), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(user("redis", 0, {}, true), ErrorCode::InvalidArgument));
  EXPECT_TRUE(user("redis", {}, {}, true).ok());
  EXPECT_TRUE(user("", 1, {}, true).ok());
}

TEST(User, GroupsOfThePodAreAdded) {
  model::PodSecurity pod;
  pod.run_as_user = 8;
  pod.supplemental_groups = {30, 20};
  pod.fs_group = 20;
  EXPECT_EQ(*resolve_user({}, pod, "redis", kFiles), (ResolvedUser{8, 0, {0, 20, 30}}));
}

TEST(User, StrictLeavesOutTheGroupsOfTheImage) {
  model::PodSecurity pod;
  pod.supplemental_groups = {20};
  for (const auto& [policy, groups] : std::vector<std::pair<std::string, std::vector<std::uint32_t>>>{
           {"", {10, 20, 77, 1000}}, {"Merge", {10, 20, 77, 1000}}, {"Strict", {20, 1000}}}) {
    pod.supplemental_groups_policy = policy;
    EXPECT_EQ(*resolve_user({}, pod, "redis", kFiles), (ResolvedUser{999, 1000, groups})) << policy;
  }
}

TEST(Shim, IsKnownByNamespaceAddressAndId) {
  using namespace std::string_literals;
  const auto cmdline =
      "/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0uid-1-main-0\0-address\0/run/c.sock\0"s;
  const auto name = parse_shim(cmdline, "k8s.io");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->container, "uid-1-main-0");
  EXPECT_EQ(name->address, "/run/c.sock");
  EXPECT_FALSE(parse_shim(cmdline, "moby"));
  EXPECT_FALSE(parse_shim("/bin/sh\0-namespace\0k8s.io\0-id\0uid-1-\0-address\0/run/c.sock"s, "k8s.io"));
  EXPECT_FALSE(parse_shim("", ""));
}

}  // namespace
}  // namespace berth::runtime
