// tests/runtime/exec_processes_test.cpp - who belongs to a command, by what proc says.
#include "runtime/exec_processes.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

namespace berth::runtime {
namespace {

TEST(SessionIn, IsTheFourthWordAfterTheName) {
  EXPECT_EQ(session_in("4711 (sleep) S 1 4700 4699 34816 4700 4194304"), 4699);
  EXPECT_EQ(session_in("4711 (a) b) 1 2 3) R 1 4700 12 0 -1"), 12) << "a name may look like what comes after it";
}

TEST(SessionIn, SaysNothingOfWhatHasEndedOrIsNoSuchText) {
  for (const auto* text : {"4711 (sleep) Z 1 4700 4699 0", "4711 (sleep) X 1 4700 4699 0", "", "4711 sleep S 1 2 3",
                           "4711 (sleep)", "4711 (sleep) S 1 4700", "4711 (sleep) S 1 4700 4x9 0"}) {
    EXPECT_EQ(session_in(text), std::nullopt) << text;
  }
}

TEST(IgnoresHangup, IsTheFirstBitOfItsMask) {
  EXPECT_TRUE(ignores_hangup("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0"));
  EXPECT_FALSE(ignores_hangup("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t1"));
  EXPECT_FALSE(ignores_hangup(""));
}

/// Prints the numbers of a process that ignores hang-ups, one that does not, one of another session, and its own.
constexpr auto kFamily =
    "exec setsid sh -c '(trap \"\" HUP; exec sleep 60) >/dev/null & echo $!; sleep 60 >/dev/null & echo $!; "
    "setsid sleep 60 >/dev/null & echo $!; echo $$; wait'";

TEST(ExecProcesses, AreThoseOfTheSessionButWhoIsToOutliveIt) {
  const std::unique_ptr<FILE, int (*)(FILE*)> family(::popen(kFamily, "r"), ::pclose);
  ASSERT_NE(family, nullptr);
  int spared = 0;
  int child = 0;
  int foreign = 0;
  int leader = 0;
  ASSERT_EQ(::fscanf(family.get(), "%d %d %d %d", &spared, &child, &foreign, &leader), 4);
  // A shell has forked before it says so, and what it forked may still be it: until each is what it is to be.
  const auto is_sleep = [](int pid) {
    char name[32] = {};
    const std::unique_ptr<FILE, int (*)(FILE*)> file(::fopen(("/proc/" + std::to_string(pid) + "/comm").c_str(), "r"),
                                                     ::fclose);
    return file && ::fgets(name, sizeof name, file.get()) != nullptr && std::string(name) == "sleep\n";
  };
  while (!is_sleep(spared) || !is_sleep(child) || !is_sleep(foreign)) std::this_thread::yield();

  const ExecProcesses session(leader);
  EXPECT_EQ(session.kill({::getpid(), spared, foreign}), 0U);
  EXPECT_TRUE(is_sleep(spared) && is_sleep(foreign));
  EXPECT_EQ(session.kill({::getpid(), spared, foreign, child, leader}), 2U);
  while (::kill(leader, 0) == 0 && is_sleep(child)) std::this_thread::yield();
  ::kill(spared, SIGKILL);
  ::kill(foreign, SIGKILL);
}

}  // namespace
}  // namespace berth::runtime
