// tests/agent/termination_message_test.cpp - what an ended container has to say.
#include "agent/pods/termination_message.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fakes/fake_log_reader.hpp"
#include "tests/fakes/fake_runtime.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

class TerminationMessage : public testing::Test {
 protected:
  TerminationMessage() {
    pod.meta.name = "web-0";
    pod.meta.ns = "default";
    pod.meta.uid = "uid";
    container.name = "main";
    container.termination_message_policy = "FallbackToLogsOnError";
    ended.phase = ContainerView::Phase::Exited;
    ended.id = "uid-main-2";
    ended.attempt = 2;
    ended.exit_code = 1;
  }
  void put(const std::string& text) { std::ofstream(dir.path() / "message") << text; }
  void log(const std::string& text, bool partial = false) {
    logs.append("uid", "main", 2, {.time = {}, .is_stderr = false, .partial = partial, .text = text});
  }
  std::string message() { return termination_message(pod, container, ended, dir.path() / "message", runtime, logs); }

  TempDir dir;
  ManualClock clock;
  runtime::FakeRuntime runtime{&clock};
  runtime::FakeLogReader logs;
  model::Pod pod;
  model::Container container;
  ContainerView ended;
};

TEST_F(TerminationMessage, IsTheHeadOfItsFile) {
  put(std::string(5000, 'x'));
  log("not asked for");
  EXPECT_EQ(message(), std::string(4096, 'x'));
  EXPECT_TRUE(runtime.calls().empty()) << "nobody waits for a log that nobody reads";
}

TEST_F(TerminationMessage, IsTheEndOfTheLogWhenItFailedAndSaidNothing) {
  put("");
  log("panic: ", /*partial=*/true);
  log("out of cheese");
  log("bye");
  EXPECT_EQ(message(), "panic: out of cheese\nbye\n");
  EXPECT_EQ(runtime.calls(), std::vector<std::string>{"await_output uid-main-2"});
  ASSERT_EQ(logs.queries().size(), 1U);
  EXPECT_EQ(logs.queries()[0].tail, 80U);
  // Nor was there a file.
  std::filesystem::remove(dir.path() / "message");
  EXPECT_EQ(message(), "panic: out of cheese\nbye\n");
}

TEST_F(TerminationMessage, OfALongLogTheLastTwoKilobytes) {
  for (int i = 0; i < 70; ++i) log(std::string(99, static_cast<char>('a' + i % 26)));
  EXPECT_EQ(message().size(), 2048U);
  EXPECT_TRUE(message().ends_with(std::string(99, 'r') + "\n")) << message();
}

TEST_F(TerminationMessage, OfWhatEndedWellOrDoesNotAskForItNoLog) {
  log("fine");
  ended.exit_code = 0;
  EXPECT_EQ(message(), "");
  ended.exit_code = 1;
  container.termination_message_policy = "File";
  EXPECT_EQ(message(), "");
  EXPECT_TRUE(logs.queries().empty());
}

}  // namespace
}  // namespace berth::agent
