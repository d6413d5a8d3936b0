// tests/agent/config_reload_test.cpp - told to read the configuration again, once or often, in the middle of it too.
#include "agent/config_reload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Runs a job when the test says so.
class HeldLane final : public Lane {
 public:
  void run(std::function<void()> job) override { jobs.push_back(std::move(job)); }
  std::chrono::milliseconds oldest() const override { return {}; }

  std::vector<std::function<void()>> jobs;
};

class ConfigReloadTest : public testing::Test {
 protected:
  ConfigReloadTest() {
    reload.read_by([this]() -> Result<Config> {
      ++reads;
      return parse_config(file, "berthd.yaml");
    });
  }
  /// One reading, and what follows from it.
  void read() {
    ASSERT_EQ(lane.jobs.size(), 1U);
    auto job = std::move(lane.jobs.front());
    lane.jobs.clear();
    job();
    while (loop.poll() > 0) {
    }
  }

  Loop loop;
  HeldLane lane;
  Config running = *parse_config("", "berthd.yaml");
  std::string file;
  int reads = 0;
  std::vector<std::string> acted;
  ConfigReload reload{{.loop = loop, .lane = lane, .running = running},
                      {.on_node = [this] { acted.push_back("node " + running.node_labels.begin()->second); },
                       .on_sources = [this] { acted.push_back("sources " + running.sources[0].directory.string()); }}};
};

TEST_F(ConfigReloadTest, WhatChangedIsTakenAndActedOn) {
  file = "nodeLabels: {zone: a}\nsources: [{directory: /x}]\nstateDir: /elsewhere";
  reload.ask();
  EXPECT_THAT(acted, IsEmpty());
  read();
  EXPECT_THAT(acted, ElementsAre("node a", "sources /x"));
  EXPECT_NE(running.state_dir, "/elsewhere") << "waits for a restart";
  reload.ask();
  read();
  EXPECT_EQ(acted.size(), 2U) << "nothing changed";
}

TEST_F(ConfigReloadTest, ABrokenFileChangesNothing) {
  file = "nodeLabels: {zone: a}\nnodeNam: x";
  reload.ask();
  read();
  EXPECT_THAT(acted, IsEmpty());
  EXPECT_TRUE(running.node_labels.empty());
}

/// Ten requests while one is read are one more, which sees what was written after the first had read.
TEST_F(ConfigReloadTest, SeveralAtOnceAreOneThatReadsAnew) {
  file = "nodeLabels: {zone: a}";
  reload.ask();
  ASSERT_EQ(lane.jobs.size(), 1U);
  lane.jobs.front()();  // It has read; the loop does not know yet.
  lane.jobs.clear();
  file = "nodeLabels: {zone: b}";
  for (auto i = 0; i < 10; ++i) reload.ask();
  EXPECT_THAT(lane.jobs, IsEmpty()) << "one at a time";
  while (loop.poll() > 0) {
  }
  EXPECT_THAT(acted, ElementsAre("node a"));
  read();
  EXPECT_THAT(acted, ElementsAre("node a", "node b"));
  EXPECT_EQ(reads, 2);
  EXPECT_THAT(lane.jobs, IsEmpty()) << "all were answered";
}

}  // namespace
}  // namespace berth::agent
