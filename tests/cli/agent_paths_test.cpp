// tests/cli/agent_paths_test.cpp - commands look where berthd.yaml says that things are.
#include "cli/agent_paths.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

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

TEST(AgentPaths, DropInsAreReadToo) {
  const TempDir dir;
  const auto& root = dir.path();
  EXPECT_TRUE(failed_with(read_agent_paths(root / "berthd.yaml"), ErrorCode::NotFound));
  ASSERT_TRUE(make_directories(root / "berthd.d"));
  ASSERT_TRUE(write_file(root / "berthd.d/10.yaml", "runDir: /run/b2\n"));
  EXPECT_EQ(read_agent_paths(root / "berthd.yaml")->socket, "/run/b2/berthd.sock") << "without a file, too";
  ASSERT_TRUE(write_file(root / "berthd.yaml", "runDir: /run/b1\nstateDir: /srv/b1\n"));
  const auto paths = read_agent_paths(root / "berthd.yaml");
  ASSERT_TRUE(paths) << paths.error().message();
  EXPECT_EQ(paths->run_dir, "/run/b2");
  EXPECT_EQ(paths->state_dir, "/srv/b1");
  ASSERT_TRUE(write_file(root / "berthd.d/20.yaml", "runDir: [a]\n"));
  EXPECT_NE(read_agent_paths(root / "berthd.yaml").error().message().find("20.yaml"), std::string::npos);
}

}  // namespace
}  // namespace berth::cli
