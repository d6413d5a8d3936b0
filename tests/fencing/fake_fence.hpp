// tests/fencing/fake_fence.hpp - a berth-fence that reads when it is told to: another process, as only that can hold a
// lock which we see.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/boot_time.hpp"
#include "fence/page.hpp"

namespace berth {

class FakeFence {
 public:
  explicit FakeFence(std::filesystem::path run_dir) : run_dir_(std::move(run_dir)) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    child_ = ::fork();
    if (child_ == 0) {
      const int fd = ::open(fence::state_file(run_dir_).c_str(), O_RDWR | O_CREAT, 0600);
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      const bool held = ::fcntl(fd, F_SETLK, &lock) == 0;
      if (held) [[maybe_unused]]
        const auto said = ::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "it holds its lock";
    ::close(ready[0]);
  }
  ~FakeFence() { die(); }
  FakeFence(const FakeFence&) = delete;
  FakeFence& operator=(const FakeFence&) = delete;

  void die() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  /// What it would act by now.
  fence::Orders orders() const {
    fence::Page page{};
    const int fd = ::open(fence::orders_file(run_dir_).c_str(), O_RDONLY);
    EXPECT_EQ(::pread(fd, &page, sizeof page, 0), static_cast<ssize_t>(sizeof page));
    ::close(fd);
    const auto reading = fence::read_page(page, boot_time());
    EXPECT_FALSE(reading.torn);
    return reading.orders.value_or(fence::Orders{});
  }
  void acknowledge(std::uint64_t fired = 0) const {
    const auto state = fence::make_state(orders().generation, fired);
    const int fd = ::open(fence::state_file(run_dir_).c_str(), O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(::pwrite(fd, &state, sizeof state, 0), static_cast<ssize_t>(sizeof state));
    ::close(fd);
  }

 private:
  const std::filesystem::path run_dir_;
  pid_t child_ = 0;
};

}  // namespace berth
