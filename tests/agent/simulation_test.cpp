// tests/agent/simulation_test.cpp - clusters live through faults; a run that fails is made smaller until it no longer
// does. BERTH_RUNS says how many there are, BERTH_SEED which one alone; SIM_HOSTS, SIM_PODS and SIM_STEPS make one
// large one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <chrono>
#include <vector>

#include "base/log.hpp"
#include "tests/agent/random_days.hpp"
#include "tests/agent/simulated_cluster.hpp"

namespace berth::agent {
namespace {

constexpr std::uint64_t kRuns = 6;
constexpr int kShrinks = 60;

std::string run(const ClusterShape& shape) {
  SimulatedCluster cluster(shape);
  return cluster.run();
}

/// Each a little less than `shape`.
std::vector<ClusterShape> smaller(const ClusterShape& shape) {
  std::vector<ClusterShape> out;
  const auto add = [&](auto change) {
    auto less = shape;
    change(less);
    out.push_back(less);
  };
  for (const auto fault : {&ClusterShape::cuts, &ClusterShape::power, &ClusterShape::agents, &ClusterShape::stalls,
                           &ClusterShape::lost, &ClusterShape::users, &ClusterShape::fencing}) {
    if (shape.*fault) add([fault](ClusterShape& less) { less.*fault = false; });
  }
  for (const auto number :
       {&ClusterShape::stateful_sets, &ClusterShape::deployments, &ClusterShape::daemon_sets, &ClusterShape::actions}) {
    if (shape.*number > 0) add([number](ClusterShape& less) { less.*number /= 2; });
    if (shape.*number > 1) add([number](ClusterShape& less) { less.*number -= 1; });
  }
  for (const auto number : {&ClusterShape::hosts, &ClusterShape::replicas, &ClusterShape::planners}) {
    if (shape.*number > 1) add([number](ClusterShape& less) { less.*number -= 1; });
  }
  std::erase_if(out, [](const auto& less) { return less.planners > less.hosts; });
  return out;
}

/// Of the runs below it one that still fails, of which no smaller one does; and how.
std::string shrink(ClusterShape shape, std::string failure) {
  auto left = kShrinks;
  for (auto found = true; found && left > 0;) {
    found = false;
    for (const auto& less : smaller(shape)) {
      if (left-- == 0) break;
      if (auto why = run(less); !why.empty()) {
        shape = less;
        failure = std::move(why);
        found = true;
        break;
      }
    }
  }
  return show(shape) + "\n" + failure;
}

class Simulation : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::Error); }
  void TearDown() override { set_log_level(LogLevel::Info); }
};

ClusterShape shape_of(std::uint64_t seed) {
  ClusterShape shape{.seed = seed};
  shape.hosts = 5 + static_cast<int>(seed % 4);
  shape.planners = 2 + static_cast<int>(seed % 3);
  shape.lost = seed % 4 != 0;
  return shape;
}

TEST_F(Simulation, OneHolderForEachIdentityInOrderAndAllIsWellAfterwards) {
  live_days(kRuns, [seed = number_in_environment("BERTH_SEED", 1)](Dice&) mutable {
    const auto shape = shape_of(seed++);
    const auto failure = run(shape);
    EXPECT_EQ(failure, "") << "the smallest that fails, too: " << shrink(shape, failure);
  });
}

TEST_F(Simulation, TheSameSeedIsTheSameRun) {
  const auto steps = [] {
    SimulatedCluster cluster(shape_of(3));
    cluster.run();
    return std::pair(cluster.steps(), cluster.lasted());
  };
  EXPECT_EQ(steps(), steps());
}

/// What is looked for can be seen: a session lasts 15 s, and these fences kill after it.
TEST_F(Simulation, FencesThatKillTooLateAreFoundOut) {
  std::string failure;
  for (std::uint64_t seed = 1; seed <= 10 && failure.empty(); ++seed) {
    auto shape = shape_of(seed);
    shape.fence = std::chrono::seconds(17);
    failure = run(shape);
  }
  EXPECT_THAT(failure, testing::ContainsRegex("db[0-9]-[0-9]+ runs on n[0-9] and on n[0-9]"));
}

/// Only where somebody asks for it.
TEST_F(Simulation, Large) {
  const auto hosts = number_in_environment("SIM_HOSTS", 0);
  if (hosts == 0) GTEST_SKIP() << "SIM_HOSTS, SIM_PODS, SIM_STEPS and SIM_PLANNERS say how large";
  const auto pods = number_in_environment("SIM_PODS", 30 * hosts);
  ClusterShape shape{.seed = number_in_environment("BERTH_SEED", 1)};
  shape.hosts = static_cast<int>(hosts);
  shape.planners = static_cast<int>(number_in_environment("SIM_PLANNERS", std::min<std::uint64_t>(hosts, 5)));
  shape.replicas = 25;
  shape.daemon_sets = 1;
  shape.stateful_sets = static_cast<int>((pods - hosts) / 50);
  shape.deployments = shape.stateful_sets;
  shape.steps = number_in_environment("SIM_STEPS", 1'000'000);
  const auto begin = std::chrono::steady_clock::now();
  SimulatedCluster cluster(shape);
  EXPECT_EQ(cluster.run(), "") << show(shape);
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("{}\n{} pods, {} steps, {} s of virtual time in {} s, {} MB\n", show(shape), cluster.pods(),
             cluster.steps(), cluster.lasted().count() / 1'000'000, took.count(), usage.ru_maxrss / 1024);
}

}  // namespace
}  // namespace berth::agent
