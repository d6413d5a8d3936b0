// tests/systemd/host_state_test.cpp - does the host go down? Asked of a systemctl that the test wrote.
#include "systemd/host_state.hpp"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"

namespace berth::systemd {
namespace {

class HostStateTest : public testing::Test {
 protected:
  /// A systemctl that does as told.
  std::string systemctl(const std::string& body) {
    const auto file = dir_.path() / "systemctl";
    std::ofstream(file) << "#!/bin/sh\n[ \"$*\" = is-system-running ] || exit 9\n" << body << "\n";
    ::chmod(file.c_str(), 0755);
    return file.string();
  }
  TempDir dir_;
};

TEST_F(HostStateTest, OnlyStoppingIsStopping) {
  EXPECT_TRUE(host_goes_down(systemctl("echo stopping; exit 1")));
  for (const auto* state : {"running", "degraded", "starting", "maintenance", "offline", "unknown"}) {
    EXPECT_FALSE(host_goes_down(systemctl("echo " + std::string(state)))) << state;
  }
}

TEST_F(HostStateTest, WhenNobodyAnswersItIsTheAgentAloneThatStops) {
  EXPECT_FALSE(host_goes_down(systemctl("echo 'Failed to connect to bus: stopping' >&2; exit 1")));
  EXPECT_FALSE(host_goes_down("/nowhere/systemctl"));
}

}  // namespace
}  // namespace berth::systemd
