// tests/logs/attach_test.cpp - reading along with the collector: at once, from now on, and never at the log's cost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

#include "base/unique_fd.hpp"
#include "runtime/logs/attach_server.hpp"
#include "runtime/logs/attach_stream.hpp"
#include "runtime/logs/collector.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

using std::chrono::milliseconds;

class CountingSink final : public LogSink {
 public:
  Status write(const LogSource&, bool, WallTime, const std::vector<LinePiece>& pieces) override {
    if (failing) return Error(ErrorCode::PermissionDenied, "not now");
    lines += pieces.size();
    return Ok{};
  }
  void finish(const LogSource&) override {}
  void clean_up(const std::vector<std::string>&) override {}

  std::size_t lines = 0;
  bool failing = false;
};

class AttachTest : public testing::Test {
 protected:
  void SetUp() override { start(); }
  void start() {
    auto made = make_collector(dir.path() / "io", sink, {.sink_retry = milliseconds(1), .attach_socket = socket()});
    ASSERT_TRUE(made) << made.error().message();
    collector = *std::move(made);
  }
  std::filesystem::path socket() const { return dir.path() / "attach.sock"; }
  /// A container, and the writing ends of its streams.
  void make_container(const std::string& id) {
    const auto hidden = dir.path() / "io" / ("." + id);
    std::filesystem::create_directory(hidden);
    std::ofstream(hidden / "meta") << "BERTH_NAMESPACE=default\nBERTH_POD=web-0\nBERTH_POD_UID=uid\nBERTH_CONTAINER="
                                   << id << "\nCONTAINER_ID=" << id << "\nATTEMPT=0\nSTDIN=no\n";
    for (const auto* name : {"stdout", "stderr"}) {
      ::mkfifo((hidden / name).c_str(), 0600);
      keep.emplace_back(::open((hidden / name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      writers[id + "/" + name] = UniqueFd(::open((hidden / name).c_str(), O_WRONLY | O_CLOEXEC));
    }
    std::filesystem::rename(hidden, dir.path() / "io" / id);
  }
  void write(const std::string& stream, std::string_view text) {
    ASSERT_EQ(::write(writers.at(stream).get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Turns until a turn finds nothing to do.
  void settle() const {
    for (auto again = true; again;) {
      auto turned = collector->turn(milliseconds(0));
      ASSERT_TRUE(turned) << turned.error().message();
      again = *turned;
    }
  }
  /// Asks from another thread while this one collects.
  Result<UniqueFd> attach(const std::string& container, bool is_stderr = false) const {
    Result<UniqueFd> result = Error(ErrorCode::Unknown, "not asked");
    std::atomic<bool> done{false};
    std::thread asker([&] {
      result = attach_stream(socket(), container, is_stderr, std::chrono::seconds(20));
      done = true;
    });
    while (!done) EXPECT_TRUE(collector->turn(milliseconds(1)));
    asker.join();
    settle();
    return result;
  }
  /// What is there now, and "<end>" when that is all there will be.
  static std::string read_now(const UniqueFd& fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const auto count = ::read(fd.get(), buffer, sizeof buffer);
      if (count == 0) return text + "<end>";
      if (count < 0) return text;
      text.append(buffer, static_cast<std::size_t>(count));
    }
  }

  TempDir dir;
  CountingSink sink;
  std::unique_ptr<Collector> collector;
  std::map<std::string, UniqueFd> writers;
  std::vector<UniqueFd> keep;  ///< As the agent does.
};

TEST_F(AttachTest, OutputComesFromNowOnAndEachStreamByItself) {
  make_container("c");
  write("c/stdout", "before\n");
  settle();
  const auto out = attach("c");
  const auto err = attach("c", /*is_stderr=*/true);
  ASSERT_TRUE(out) << out.error().message();
  ASSERT_TRUE(err) << err.error().message();
  write("c/stdout", "one\ntwo\n");
  write("c/stderr", "bad\n");
  settle();
  EXPECT_EQ(read_now(*out), "one\ntwo\n");
  EXPECT_EQ(read_now(*err), "bad\n");
  EXPECT_EQ(sink.lines, 4U) << "the log has it all, too";
}

TEST_F(AttachTest, APromptWithoutNewlineComesAtOnceAndOnce) {
  make_container("c");
  write("c/stdout", "started\n$ ");
  settle();
  const auto early = attach("c");
  ASSERT_TRUE(early);
  EXPECT_EQ(read_now(*early), "$ ") << "the line that it is in the middle of";
  write("c/stdout", "l");
  settle();
  EXPECT_EQ(read_now(*early), "l");
  const auto late = attach("c");
  ASSERT_TRUE(late);
  write("c/stdout", "s\nfile\n");
  write("c/stdout", "$ ");
  settle();
  EXPECT_EQ(read_now(*early), "s\nfile\n$ ");
  EXPECT_EQ(read_now(*late), "$ ls\nfile\n$ ");
  EXPECT_EQ(sink.lines, 3U);
}

TEST_F(AttachTest, AContainerThatHasJustAppearedIsFound) {
  make_container("new");  // inotify has told, and nobody has listened yet
  EXPECT_TRUE(attach("new").ok());
}

TEST_F(AttachTest, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(failed_with(attach("nobody"), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(attach("../io/c"), ErrorCode::NotFound));
  make_container("c");
  std::filesystem::remove(dir.path() / "io" / "c" / "stderr");
  EXPECT_TRUE(failed_with(attach("c", /*is_stderr=*/true), ErrorCode::NotFound));
}

TEST_F(AttachTest, TheEndOfTheWritersIsTheEnd) {
  make_container("c");
  const auto reader = attach("c");
  ASSERT_TRUE(reader);
  write("c/stdout", "last words");
  writers.erase("c/stdout");
  settle();
  EXPECT_EQ(read_now(*reader), "last words<end>");
  EXPECT_EQ(sink.lines, 1U);
}

TEST_F(AttachTest, ARemovedContainerIsTheEnd) {
  make_container("c");
  const auto reader = attach("c");
  ASSERT_TRUE(reader);
  write("c/stdout", "bye\n");
  std::filesystem::remove_all(dir.path() / "io" / "c");
  settle();
  EXPECT_EQ(read_now(*reader), "bye\n<end>");
}

TEST_F(AttachTest, TheEndOfTheCollectorIsTheEndAndTheNextOneServesAgain) {
  make_container("c");
  const auto reader = attach("c");
  ASSERT_TRUE(reader);
  collector.reset();
  EXPECT_EQ(read_now(*reader), "<end>");
  EXPECT_TRUE(failed_with(attach_stream(socket(), "c", false, milliseconds(100)), ErrorCode::Unavailable));
  start();
  EXPECT_TRUE(attach("c").ok());
}

TEST_F(AttachTest, AReaderThatDoesNotReadIsDroppedAndNothingElseIs) {
  make_container("c");
  const auto slow = attach("c");
  const auto good = attach("c");
  ASSERT_TRUE(slow);
  ASSERT_TRUE(good);
  const auto line = std::string(1023, 'x') + "\n";
  std::size_t read = 0;
  constexpr std::size_t kLines = 3000;
  for (std::size_t i = 0; i < kLines; ++i) {
    write("c/stdout", line);
    settle();
    read += read_now(*good).size();
  }
  EXPECT_EQ(sink.lines, kLines);
  EXPECT_EQ(read, kLines * line.size());
  const auto kept = read_now(*slow);
  EXPECT_TRUE(kept.ends_with("<end>"));
  EXPECT_LT(kept.size(), kLines * line.size()) << "the kernel's buffer at most; ours is gone";
}

TEST_F(AttachTest, AReaderThatIsSlowGetsEverythingWhileItFits) {
  make_container("c");
  const auto reader = attach("c");
  ASSERT_TRUE(reader);
  const auto line = std::string(1023, 'x') + "\n";
  constexpr std::size_t kLines = 900;
  for (std::size_t i = 0; i < kLines; ++i) {
    write("c/stdout", line);
    settle();
  }
  writers.erase("c/stdout");
  std::string text;
  for (int i = 0; i < 10'000 && !text.ends_with("<end>"); ++i) {
    settle();
    text += read_now(*reader);
  }
  EXPECT_EQ(text.size(), kLines * line.size() + 5);
}

TEST_F(AttachTest, WhatCannotBeStoredIsShownOnce) {
  make_container("c");
  const auto reader = attach("c");
  ASSERT_TRUE(reader);
  sink.failing = true;
  write("c/stdout", "one\n");
  while (collector->counters().sink_errors < 3) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  sink.failing = false;
  while (sink.lines == 0) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  EXPECT_EQ(read_now(*reader), "one\n");
}

TEST_F(AttachTest, NotMoreThanTheLimitAndAPlaceIsFreeWhenSomebodyLeaves) {
  make_container("c");
  std::vector<UniqueFd> readers;
  for (std::size_t i = 0; i < kMaxAttached; ++i) {
    auto reader = attach("c");
    ASSERT_TRUE(reader) << i;
    readers.push_back(*std::move(reader));
  }
  EXPECT_TRUE(failed_with(attach("c"), ErrorCode::ResourceExhausted));
  readers.pop_back();
  EXPECT_TRUE(attach("c").ok());
}

TEST_F(AttachTest, TheSocketIsForItsOwnerOnly) {
  struct stat facts {};
  ASSERT_EQ(::lstat(socket().c_str(), &facts), 0);
  EXPECT_TRUE(S_ISSOCK(facts.st_mode));
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(AttachTest, NonsenseIsHungUpOn) {
  for (const auto& question :
       {std::string("\n"), std::string("c\n"), std::string("c stdin\n"), std::string(600, 'x')}) {
    make_container("c" + std::to_string(question.size()));
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = socket().string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_GT(::send(fd.get(), question.data(), question.size(), MSG_NOSIGNAL), 0);
    settle();
    const auto answer = read_now(fd);
    EXPECT_TRUE(answer == "?<end>" || answer.empty() || answer == "<end>") << answer;
    char byte = 0;
    errno = 0;
    EXPECT_LE(::recv(fd.get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_NE(errno, EAGAIN) << "it is still open";
  }
}

TEST_F(AttachTest, APathTooLongForASocketCostsNothingButAttach) {
  collector.reset();
  CollectorOptions options;
  options.attach_socket = dir.path() / std::string(120, 's');
  const auto made = make_collector(dir.path() / "io", sink, options);
  EXPECT_TRUE(made.ok());
}

}  // namespace
}  // namespace berth::runtime
