// tests/runtime/runtime_shutdown_test.cpp - a containerd that never answers does not hold up the agent's stop.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <future>

#include "base/unique_fd.hpp"
#include "runtime/pod_runtime.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

/// Accepts, reads nothing and never says a word.
class SilentServer {
 public:
  explicit SilentServer(const std::string& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
  }
  /// Until somebody has connected.
  void accept() { client_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  UniqueFd listener_;
  UniqueFd client_;
};

TEST(RuntimeShutdown, WhatWaitsForAnAnswerIsGivenUpAtOnceAndWhatComesLaterToo) {
  const TempDir dir;
  const auto address = (dir.path() / "containerd.sock").string();
  SilentServer containerd(address);
  const auto runtime = make_containerd_runtime({.address = address, .run_dir = dir.path() / "run"});
  auto waiting = std::async(std::launch::async, [&] { return runtime->containers("u-1"); });
  auto other = std::async(std::launch::async, [&] { return runtime->remove("u-1-main-0"); });
  containerd.accept();
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  runtime->shutdown();
  // A call has a minute.
  ASSERT_EQ(waiting.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(failed_with(waiting.get(), ErrorCode::Cancelled));
  ASSERT_EQ(other.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(failed_with(other.get(), ErrorCode::Cancelled));
  EXPECT_TRUE(failed_with(runtime->check(), ErrorCode::Cancelled));
}

}  // namespace
}  // namespace berth::runtime
