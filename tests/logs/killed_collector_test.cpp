// tests/logs/killed_collector_test.cpp - collectors that are killed at any moment: each line once, whole, in order.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"
#include "runtime/logs/collector.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

using std::chrono::milliseconds;

TEST(BatchMarkTest, TellsTheNextProcessWhatWasBegun) {
  const TempDir dir;
  const auto file = dir.path() / "mark";
  const WallTime time{std::chrono::nanoseconds(1'234'567'890'123'456'789)};
  {
    auto mark = *BatchMark::open(file);
    EXPECT_FALSE(mark.pending());
    mark.begin("pod-main-0", true, time, "one\ntwo\n", 2);
    mark.set_stored(1);
    mark.set_file(42, 4096);
  }
  auto mark = *BatchMark::open(file);
  const auto batch = mark.pending();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->directory, "pod-main-0");
  EXPECT_TRUE(batch->is_stderr);
  EXPECT_EQ(batch->time, time);
  EXPECT_EQ(batch->bytes, 8U);
  EXPECT_EQ(batch->lines, 2U);
  EXPECT_EQ(batch->stored, 1U);
  EXPECT_EQ(batch->inode, 42U);
  EXPECT_EQ(batch->size, 4096U);
  *mark.leaving("one\n") = '\n';
  EXPECT_FALSE(mark.pending()) << "the last byte has left the FIFO";
  mark.begin("pod-main-0", true, time, "x", 1);
  EXPECT_TRUE(mark.pending());
  mark.end();
  EXPECT_FALSE(mark.pending());
  mark.begin(std::string(200, 'x'), true, time, "x", 1);
  EXPECT_FALSE(mark.pending()) << "a name that does not fit";
}

TEST(BatchMarkTest, AnythingElseInTheFileIsPassedOver) {
  const TempDir dir;
  const auto file = dir.path() / "mark";
  std::ofstream(file) << std::string(4096, '\xff');
  auto mark = BatchMark::open(file);
  ASSERT_TRUE(mark);
  EXPECT_FALSE(mark->pending());
}

/// Ends its process when it has stored so many batches: none of the last one's bytes has left the FIFO.
class FatalSink final : public LogSink {
 public:
  FatalSink(std::unique_ptr<LogSink> inner, int batches) : inner_(std::move(inner)), left_(batches) {}
  Status write(const LogSource& source, bool is_stderr, WallTime time, const std::vector<LinePiece>& lines) override {
    auto done = inner_->write(source, is_stderr, time, lines);
    if (--left_ == 0) ::raise(SIGKILL);
    return done;
  }
  Status resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                const std::vector<LinePiece>& lines) override {
    auto done = inner_->resume(source, is_stderr, batch, lines);
    if (left_ == 1) ::raise(SIGKILL);
    return done;
  }
  void finish(const LogSource& source) override { inner_->finish(source); }
  void clean_up(const std::vector<std::string>& live) override { inner_->clean_up(live); }

 private:
  std::unique_ptr<LogSink> inner_;
  int left_;
};

/// One container that writes without end, and a collector in children.
class KilledCollectorTest : public testing::Test {
 protected:
  static constexpr int kLines = 40'000;
  static constexpr int kKills = 40;

  KilledCollectorTest() {
    const auto hidden = io.path() / ".c";
    std::filesystem::create_directory(hidden);
    std::ofstream(hidden / "meta")
        << "BERTH_NAMESPACE=default\nBERTH_POD=web-0\nBERTH_POD_UID=uid\nBERTH_CONTAINER=main\n"
           "CONTAINER_ID=c\nATTEMPT=0\n";
    ::mkfifo((hidden / "stdout").c_str(), 0600);
    ::mkfifo((hidden / "stderr").c_str(), 0600);
    std::filesystem::rename(hidden, io.path() / "c");
    fifo.reset(::open((io.path() / "c/stdout").c_str(), O_RDWR | O_CLOEXEC));
  }

  /// Many are the same: what is compared, and not known, would be taken for what is there already.
  static std::string line(int number) {
    return number % 3 == 0 ? "tick" : std::to_string(number) + std::string(static_cast<std::size_t>(number % 97), '.');
  }

  std::filesystem::path log_file() const {
    return log_file_path(
        logs.path(),
        {.ns = "default", .pod = "web-0", .pod_uid = "uid", .container = "main", .container_id = "c", .attempt = 0});
  }

  /// This process dies in the middle of a record: of the first SIGXFSZ, which follows a write that was cut short.
  void tear_soon() const {
    std::error_code none;
    const auto size = std::filesystem::file_size(log_file(), none);
    const rlimit limit{.rlim_cur = (none ? 0 : size) + 333, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
  }

  /// `make` is called in the child. Returns when all was written and all was read.
  template <typename Make>
  void collect(const Make& make) {
    std::atomic<bool> written = false;
    std::thread writer([&] {
      for (int i = 0; i < kLines; ++i) {
        const auto text = line(i) + "\n";
        ASSERT_EQ(::write(fifo.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
      }
      written = true;
    });
    for (auto kills = 0; kills < kKills || !written; ++kills) {
      const auto child = ::fork();
      if (child == 0) {
        auto mark = BatchMark::open(io.path() / ".batch");
        if (!mark) ::_exit(1);
        // At any moment, behind a batch, in the middle of one; behind one that was gone on with.
        if (kills % 4 == 2) tear_soon();
        FatalSink sink(make(*mark), kills % 4 == 1 ? 3 : kills % 4 == 3 ? 1 : 0);
        auto mine = make_collector(io.path(), sink, {.mark = &*mark});
        while (mine && (*mine)->turn(milliseconds(1000))) {
        }
        ::_exit(1);
      }
      ::usleep(static_cast<useconds_t>(2000 + kills % kKills * 211));
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    writer.join();
    auto mark = *BatchMark::open(io.path() / ".batch");
    const auto sink = make(mark);
    auto last = make_collector(io.path(), *sink, {.mark = &mark});
    ASSERT_TRUE(last);
    while (*(*last)->turn(milliseconds(0))) {
    }
  }

  /// As a shipper sees them: every record of every file, oldest first.
  std::vector<std::string> in_files() const {
    auto files = rotated_log_files(log_file());
    std::reverse(files.begin(), files.end());
    files.push_back(log_file());
    std::vector<std::string> lines;
    for (const auto& path : files) {
      std::ifstream file(path);
      for (std::string record; std::getline(file, record);) {
        const auto at = record.find(" stdout F ");
        lines.push_back(at == std::string::npos ? "torn: " + record : record.substr(at + 10));
      }
    }
    return lines;
  }

  static void expect_each_once(const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < lines.size() && i < kLines; ++i) {
      ASSERT_EQ(lines[i], line(static_cast<int>(i))) << "line " << i;
    }
    EXPECT_EQ(lines.size(), static_cast<std::size_t>(kLines));
  }

  TempDir io;
  TempDir logs;
  UniqueFd fifo;
};

constexpr FileSinkLimits kSmall{.file_bytes = 50'000, .rotated = 10'000};

TEST_F(KilledCollectorTest, FilesHaveEachLineOnceWholeAndInOrder) {
  // Was: up to 64 KiB were stored again after a kill, behind a line that was torn.
  collect([&](BatchMark& mark) { return make_file_sink(logs.path(), kSmall, {.mark = &mark}); });
  expect_each_once(in_files());
}

TEST_F(KilledCollectorTest, SoDoFilesBesideTheJournalWhichHasNoneLess) {
  // The journal: a socket that the test reads in a thread.
  const auto address = io.path() / "journal";
  UniqueFd journal(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto name = *unix_address(address);
  ASSERT_EQ(::bind(journal.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  std::vector<std::string> messages;
  std::thread journald([&] {
    std::vector<char> datagram(65'536);
    for (;;) {
      const auto size = ::recv(journal.get(), datagram.data(), datagram.size(), 0);
      if (size <= 0) return;
      std::string text(datagram.data(), static_cast<std::size_t>(size));
      if (text == "end") return;
      text.pop_back();
      messages.push_back(text.substr(text.rfind("MESSAGE=") + 8));
    }
  });
  collect([&](BatchMark& mark) {
    return std::unique_ptr<LogSink>(
        make_copying_sink(make_journal_sink(address, &mark),
                          make_file_sink(logs.path(), kSmall, {.beside = true, .mark = &mark}), {.mark = &mark}));
  });
  UniqueFd end(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::sendto(end.get(), "end", 3, 0, reinterpret_cast<const sockaddr*>(&name), sizeof name), 3);
  journald.join();
  expect_each_once(in_files());
  // Whether the line that was under way had arrived nobody knows: it is sent again.
  EXPECT_GE(messages.size(), static_cast<std::size_t>(kLines));
  int next = 0;
  int repeated = 0;
  for (const auto& message : messages) {
    if (next < kLines && message == line(next)) {
      ++next;
    } else {
      ASSERT_EQ(message, line(next - 1)) << "only the last one may come again";
      ++repeated;
    }
  }
  EXPECT_EQ(next, kLines);
}

}  // namespace
}  // namespace berth::runtime
