// tests/cli/agent_paths_test.cpp - commands look where berthd.yaml says that things are.
#include "cli/agent_paths.hpp"

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

TEST(AgentPaths, AreTheConfigurationsElseTheDefaults) {
  const auto paths = agent_paths(
      "stateDir: /srv/berth\nrunDir: /run/b2\ncontainerd: {address: /run/k3s/containerd.sock}\n"
      "dns: {port: 53}\n");
  ASSERT_TRUE(paths) << paths.error().message();
  EXPECT_EQ(paths->state_dir, "/srv/berth");
  EXPECT_EQ(paths->containerd, "/run/k3s/containerd.sock");
  EXPECT_EQ(paths->socket, "/run/b2/berthd.sock") << "it follows runDir";

  EXPECT_EQ(paths->cluster_domain, "cluster.local");
  EXPECT_EQ(agent_paths("network: {clusterDomain: berth.test}")->cluster_domain, "berth.test");

  const auto named = agent_paths("runDir: /run/b2\napi: {socket: /run/api.sock}\n");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->socket, "/run/api.sock");
}

TEST(AgentPaths, AFileOfCommentsIsTheDefaultConfiguration) {
  for (const char* text : {"", "\n\n", "# stateDir: /x\n  # more", "# a\r\n"}) {
    const auto paths = agent_paths(text);
    ASSERT_TRUE(paths) << text;
    EXPECT_EQ(paths->containerd, AgentPaths{}.containerd);
  }
}

TEST(AgentPaths, WhatIsNoConfigurationIsSaid) {
  EXPECT_FALSE(agent_paths("stateDir: [a"));
  const auto wrong = agent_paths("containerd: {address: [a, b]}");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(), "containerd.address: must be a path");
  EXPECT_EQ(read_agent_paths("/nonexistent/berthd.yaml").error().code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace berth::cli
