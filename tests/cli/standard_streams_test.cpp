// tests/cli/standard_streams_test.cpp - output reaches slow readers whole, and what cannot be written is known.
#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ostream>
#include <thread>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

struct Pipe {
  explicit Pipe(int flags = 0) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), flags), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  UniqueFd reader;
  UniqueFd writer;
};

/// Reads `size` bytes a few at a time, beginning when nothing fits into the pipe any more.
std::string read_slowly(const Pipe& pipe, std::size_t size) {
  pollfd space{.fd = pipe.writer.get(), .events = POLLOUT, .revents = 0};
  while (::poll(&space, 1, 0) == 1) std::this_thread::yield();
  std::string out;
  std::array<char, 1000> piece{};
  while (out.size() < size) {
    pollfd more{.fd = pipe.reader.get(), .events = POLLIN, .revents = 0};
    if (::poll(&more, 1, 10000) != 1) break;
    const auto got = ::read(pipe.reader.get(), piece.data(), piece.size());
    if (got > 0) out.append(piece.data(), static_cast<std::size_t>(got));
  }
  return out;
}

std::string numbered_lines(int count) {
  std::string out;
  for (auto i = 0; i < count; ++i) out += "line " + std::to_string(i) + "\n";
  return out;
}

TEST(StandardStreams, SlowReaderOfANonBlockingPipeGetsEverything) {
  Pipe pipe(O_NONBLOCK);
  const auto text = numbered_lines(100000);  // ten times what a pipe holds
  std::string got;
  std::thread reader([&] { got = read_slowly(pipe, text.size()); });
  OutputBuffer buffer(pipe.writer.get(), 4096);
  std::ostream out(&buffer);
  for (std::size_t at = 0; at < text.size(); at += 777) out << text.substr(at, 777);
  out << std::flush;
  EXPECT_TRUE(out.good());
  EXPECT_FALSE(buffer.failure());
  reader.join();
  EXPECT_TRUE(got == text) << got.size() << " of " << text.size() << " bytes";
}

TEST(StandardStreams, GoneReaderIsToldApart) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.reader.reset();
  OutputBuffer buffer(pipe.writer.get(), 16);
  std::ostream out(&buffer);
  out << "more than sixteen bytes" << std::flush;
  EXPECT_FALSE(out);
  ASSERT_TRUE(buffer.failure());
  EXPECT_EQ(buffer.failure()->code(), ErrorCode::Cancelled);
}

TEST(StandardStreams, FullDiskIsAnErrorThatSaysSo) {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  OutputBuffer buffer(full.get(), 4096);
  std::ostream out(&buffer);
  out << "short";
  EXPECT_TRUE(out.good()) << "not written yet";
  out << std::flush;
  EXPECT_FALSE(out);
  ASSERT_TRUE(buffer.failure());
  EXPECT_THAT(buffer.failure()->message(), testing::HasSubstr("No space left on device"));
}

TEST(StandardStreams, UnbufferedPiecesGoAtOnce) {
  const TempDir dir;
  const auto path = dir.path() / "out";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT, 0600));
  OutputBuffer buffer(file.get(), 0);
  std::ostream out(&buffer);
  out << "text" << ' ' << 12;
  EXPECT_EQ(read_file(path).value_or("none"), "text 12");
}

TEST(StandardStreams, WatchingNeverMakesTheSharedFileNonBlocking) {
  Pipe pipe;
  const auto watch = watch_shared(pipe.writer.get(), EPOLLERR);
  ASSERT_TRUE(watch);
  EXPECT_FALSE(readable_now(watch.get()));
  pipe.reader.reset();
  EXPECT_TRUE(readable_now(watch.get())) << "the reader is gone";
  EXPECT_EQ(::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK, 0);

  const TempDir dir;
  const UniqueFd file(::open((dir.path() / "file").c_str(), O_RDWR | O_CREAT, 0600));
  EXPECT_FALSE(watch_shared(file.get(), EPOLLIN)) << "a regular file is always ready";
}

}  // namespace
}  // namespace berth::cli
