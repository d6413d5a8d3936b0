// tests/logs/collector_test.cpp - real FIFOs: nothing lost, nothing torn, nobody starved.
#include "runtime/logs/collector.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

using std::chrono::milliseconds;

/// Keeps lines in memory; fails while told to: all streams, or those of one container.
class MemorySink final : public LogSink {
 public:
  Status write(const LogSource& source, bool is_stderr, WallTime, const std::vector<LinePiece>& pieces) override {
    if (failing) return Error(ErrorCode::ResourceExhausted, "disk full");
    if (source.container_id == too_large) return Error(ErrorCode::ResourceExhausted, "No space left on device");
    if (source.container_id == refused) return Error(ErrorCode::PermissionDenied, "not this one");
    auto& into = lines[source.container_id + (is_stderr ? "/err" : "/out")];
    for (const auto& piece : pieces) into.push_back(std::string(piece.text) + (piece.partial ? "…" : ""));
    return Ok{};
  }
  void finish(const LogSource& source) override { finished.push_back(source.container_id); }
  void clean_up(const std::vector<std::string>&) override {}

  bool failing = false;
  std::string refused;
  std::string too_large;  ///< This one's lines do not fit on the disk.
  std::map<std::string, std::vector<std::string>> lines;
  std::vector<std::string> finished;
};

class CollectorTest : public testing::Test {
 protected:
  /// Makes a container's directory as the runtime does, and opens its stdout as the shim does: both ends.
  UniqueFd make_container(const std::string& id) const {
    const auto hidden = dir.path() / ("." + id);
    std::filesystem::create_directory(hidden);
    std::ofstream(hidden / "meta") << "BERTH_NAMESPACE=default\nBERTH_POD=web-0\nBERTH_POD_UID=uid\nBERTH_CONTAINER="
                                   << id << "\nCONTAINER_ID=" << id << "\nATTEMPT=0\n";
    ::mkfifo((hidden / "stdout").c_str(), 0600);
    ::mkfifo((hidden / "stderr").c_str(), 0600);
    std::filesystem::rename(hidden, dir.path() / id);
    return UniqueFd(::open((dir.path() / id / "stdout").c_str(), O_RDWR | O_CLOEXEC));
  }
  static void put(const UniqueFd& fifo, std::string_view text) {
    ASSERT_EQ(::write(fifo.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void start(const CollectorOptions& options = {}) {
    auto made = make_collector(dir.path(), sink, options);
    ASSERT_TRUE(made) << made.error().message();
    collector = *std::move(made);
  }
  /// Turns until a turn finds nothing to do.
  void settle() const {
    for (auto again = true; again;) {
      auto turned = collector->turn(milliseconds(0));
      ASSERT_TRUE(turned) << turned.error().message();
      again = *turned;
    }
  }

  UniqueFd writer_of(const std::string& id) const {
    return UniqueFd(::open((dir.path() / id / "stdout").c_str(), O_WRONLY | O_CLOEXEC));
  }

  TempDir dir;
  MemorySink sink;
  std::unique_ptr<Collector> collector;
};

TEST_F(CollectorTest, FindsStreamsThatWereThereAndThatCome) {
  const auto early = make_container("early");
  put(early, "written before\n");
  start();
  settle();
  EXPECT_EQ(sink.lines["early/out"], std::vector<std::string>{"written before"});
  const auto late = make_container("late");
  put(late, "one\ntwo\n");
  settle();
  EXPECT_EQ(sink.lines["late/out"], (std::vector<std::string>{"one", "two"}));
}

TEST_F(CollectorTest, AnUnfinishedLineSurvivesACollectorThatIsReplaced) {
  const auto fifo = make_container("c");
  start();
  put(fifo, "half a ");
  settle();
  EXPECT_TRUE(sink.lines.empty());
  collector.reset();
  start();
  settle();
  put(fifo, "line\n");
  settle();
  EXPECT_EQ(sink.lines["c/out"], std::vector<std::string>{"half a line"});
}

TEST_F(CollectorTest, TheLastLineWithoutNewlineComesWhenTheWriterIsGone) {
  auto fifo = make_container("c");
  start();
  settle();
  // The shim's read end is not ours to count: only writers keep the stream open.
  UniqueFd writer(::open((dir.path() / "c" / "stdout").c_str(), O_WRONLY | O_CLOEXEC));
  fifo.reset();
  put(writer, "last words");
  settle();
  EXPECT_TRUE(sink.lines.empty());
  writer.reset();
  settle();
  EXPECT_EQ(sink.lines["c/out"], std::vector<std::string>{"last words…"});
}

TEST_F(CollectorTest, ARemovedDirectoryEndsItsStreams) {
  const auto fifo = make_container("c");
  start();
  put(fifo, "bye\ntail");
  settle();
  std::filesystem::remove_all(dir.path() / "c");
  settle();
  EXPECT_EQ(sink.lines["c/out"], (std::vector<std::string>{"bye", "tail…"}));
  EXPECT_EQ(sink.finished, std::vector<std::string>{"c"});
  EXPECT_EQ(collector->counters().streams, 0U);
}

TEST_F(CollectorTest, ADirectoryRemovedAndMadeAgainBeforeWeLookIsReadAgain) {
  // Was never read: its event came while the old one still had the name.
  auto fifo = make_container("c");
  start();
  settle();
  put(fifo, "first run\nits end");
  std::filesystem::remove_all(dir.path() / "c");
  fifo = make_container("c");
  put(fifo, "second run\n");
  settle();
  EXPECT_EQ(sink.lines["c/out"], (std::vector<std::string>{"first run", "its end…", "second run"}));
  EXPECT_EQ(sink.finished, std::vector<std::string>{"c"});
  EXPECT_EQ(collector->counters().streams, 2U);
  put(fifo, "and on\n");
  settle();
  EXPECT_EQ(sink.lines["c/out"].back(), "and on");
}

TEST_F(CollectorTest, ADirectoryMovedAwayAndBackGoesOn) {
  const auto fifo = make_container("c");
  start();
  settle();
  std::filesystem::rename(dir.path() / "c", dir.path() / ".c");
  std::filesystem::rename(dir.path() / ".c", dir.path() / "c");
  put(fifo, "half a ");
  settle();
  put(fifo, "line\n");
  settle();
  EXPECT_EQ(sink.lines["c/out"], std::vector<std::string>{"half a line"});
  EXPECT_TRUE(sink.finished.empty());
}

TEST_F(CollectorTest, AFifoIsReadAgainByEachNewWriter) {
  // Was dropped when the first writer went: a directory that stays makes no event when another comes.
  make_container("c").reset();
  start();
  settle();
  std::vector<std::string> expected;
  for (const auto* run : {"first", "second", "third"}) {
    auto writer = writer_of("c");
    put(writer, std::string(run) + "\ntail of " + run);
    settle();
    writer.reset();
    settle();
    expected.push_back(run);
    expected.push_back(std::string("tail of ") + run + "…");
    EXPECT_EQ(sink.lines["c/out"], expected);
    auto idle = collector->turn(milliseconds(0));
    ASSERT_TRUE(idle);
    EXPECT_FALSE(*idle) << "a stream without writers must not keep us busy";
  }
  EXPECT_EQ(collector->counters().streams, 2U);
}

TEST_F(CollectorTest, AWriterThatComesAndGoesBetweenTwoTurnsIsHeard) {
  make_container("c").reset();
  start();
  settle();
  for (const auto* text : {"one\n", "two\n"}) {
    auto writer = writer_of("c");
    put(writer, text);
  }
  settle();
  EXPECT_EQ(sink.lines["c/out"], (std::vector<std::string>{"one", "two"}));
}

TEST_F(CollectorTest, ALineThatASecondWriterIsInTheMiddleOfIsNotTorn) {
  make_container("c").reset();
  start({.sink_retry = milliseconds(1)});
  settle();
  sink.failing = true;
  auto first = writer_of("c");
  put(first, "one\n");
  first.reset();
  while (collector->counters().sink_errors == 0) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  // That the first one is gone is known; what it left is still to be read when the second one begins.
  const auto second = writer_of("c");
  put(second, "half a ");
  sink.failing = false;
  while (sink.lines["c/out"].empty()) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  settle();
  put(second, "line\n");
  settle();
  EXPECT_EQ(sink.lines["c/out"], (std::vector<std::string>{"one", "half a line"}));
}

TEST_F(CollectorTest, AStreamThatCannotBeStoredHoldsUpNoOther) {
  const auto bad = make_container("bad");
  const auto good = make_container("good");
  start({.sink_retry = std::chrono::hours(1)});
  settle();
  sink.refused = "bad";
  put(bad, "kept\n");
  put(good, "stored\n");
  settle();
  put(good, "and more\n");
  settle();
  EXPECT_EQ(sink.lines["good/out"], (std::vector<std::string>{"stored", "and more"}));
  put(bad, "new lines do not make it try again\n");
  settle();
  EXPECT_EQ(collector->counters().sink_errors, 1U);
}

TEST_F(CollectorTest, OnAFullDiskOthersStoreWhatStillFits) {
  const auto large = make_container("large");
  const auto small = make_container("small");
  start({.sink_retry = milliseconds(1), .tell_after = milliseconds(0)});
  settle();
  EXPECT_TRUE(collector->health().troubles.empty());
  sink.too_large = "large";
  put(large, "kept\n");
  while (collector->counters().sink_errors < 2) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  put(small, "fits\n");
  while (sink.lines["small/out"].empty()) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  const auto told = collector->health();
  ASSERT_EQ(told.troubles.size(), 1U);
  EXPECT_EQ(told.troubles[0].container, "large");
  EXPECT_EQ(told.troubles[0].error, "No space left on device");
  EXPECT_TRUE(told.troubles[0].since);

  const auto changes = collector->health_changes();
  sink.too_large.clear();
  while (sink.lines["large/out"].empty()) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  EXPECT_EQ(sink.lines["large/out"], std::vector<std::string>{"kept"});
  EXPECT_TRUE(collector->health().troubles.empty());
  EXPECT_GT(collector->health_changes(), changes);
}

TEST_F(CollectorTest, AFailureThatPassesIsNotTold) {
  const auto fifo = make_container("c");
  start({.sink_retry = milliseconds(1), .tell_after = std::chrono::hours(1)});
  settle();
  sink.too_large = "c";
  put(fifo, "kept\n");
  while (collector->counters().sink_errors < 3) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  EXPECT_TRUE(collector->health().troubles.empty());
  EXPECT_EQ(collector->health_changes(), 0U);
}

TEST_F(CollectorTest, OverTheLimitIsDroppedCountedAndSaid) {
  const auto loud = make_container("loud");
  const auto quiet = make_container("quiet");
  start({.limit = {.lines = 3, .period = std::chrono::seconds(1)}});
  settle();
  put(loud, "1\n2\n3\n4\n5\n");
  put(quiet, "1\n2\n3\n");
  settle();
  EXPECT_EQ(sink.lines["loud/out"], (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(sink.lines["quiet/out"].size(), 3U) << "the limit is each container's own";
  auto told = collector->health();
  ASSERT_EQ(told.troubles.size(), 1U);
  EXPECT_EQ(told.troubles[0].container, "loud");
  EXPECT_EQ(told.troubles[0].dropped, 2U);
  EXPECT_EQ(told.troubles[0].error, "");
  EXPECT_TRUE(sink.lines["loud/err"].empty());

  while (sink.lines["loud/err"].empty()) ASSERT_TRUE(collector->turn(std::chrono::minutes(1))) << "it wakes by itself";
  EXPECT_EQ(sink.lines["loud/err"],
            std::vector<std::string>{"berth: 2 lines of this container were not stored: the limit is 3 lines in 1 s, "
                                     "see berth-logd(8)"});
  put(loud, "6\n");
  settle();
  EXPECT_EQ(sink.lines["loud/out"].back(), "6");
  EXPECT_EQ(collector->health().troubles[0].dropped, 2U);
}

TEST_F(CollectorTest, WhatWasDroppedIsSaidAtTheEndToo) {
  auto fifo = make_container("c");
  start({.limit = {.lines = 1, .period = std::chrono::hours(1)}});
  settle();
  put(fifo, "1\n2\n");
  settle();
  EXPECT_TRUE(sink.lines["c/err"].empty());
  fifo.reset();
  std::filesystem::remove_all(dir.path() / "c");
  settle();
  EXPECT_EQ(sink.lines["c/err"].size(), 1U);
}

TEST_F(CollectorTest, AStreamThatCouldNotBeStoredIsTriedAgain) {
  const auto fifo = make_container("c");
  start({.sink_retry = milliseconds(1)});
  settle();
  sink.refused = "c";
  put(fifo, "kept\n");
  while (collector->counters().sink_errors < 3) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  sink.refused.clear();
  while (sink.lines["c/out"].empty()) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  EXPECT_EQ(sink.lines["c/out"], std::vector<std::string>{"kept"});
}

TEST_F(CollectorTest, ARemovedStreamThatCanNeverBeStoredIsGivenUp) {
  auto fifo = make_container("c");
  start({.sink_retry = milliseconds(1)});
  settle();
  sink.refused = "c";
  put(fifo, "nobody takes this\n");
  std::filesystem::remove_all(dir.path() / "c");
  while (collector->counters().streams > 0) ASSERT_TRUE(collector->turn(milliseconds(1000)));
  EXPECT_EQ(sink.finished, std::vector<std::string>{"c"});
}

TEST_F(CollectorTest, AReadableWakeDescriptorEndsTheWait) {
  const UniqueFd wake(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  start({.wake_fd = wake.get()});
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(collector->turn(std::chrono::minutes(10)));
  ASSERT_TRUE(collector->turn(std::chrono::minutes(10))) << "and the next one, too: nobody has read it";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
}

TEST_F(CollectorTest, WhileTheSinkFailsLinesStayInTheFifo) {
  const auto fifo = make_container("c");
  start();
  sink.failing = true;
  put(fifo, "kept\n");
  settle();
  EXPECT_EQ(collector->counters().sink_errors, 1U);
  sink.failing = false;
  collector.reset();  // Another collector has no memory of the failure and reads at once.
  start();
  settle();
  EXPECT_EQ(sink.lines["c/out"], std::vector<std::string>{"kept"});
}

TEST_F(CollectorTest, LongLinesComeInPieces) {
  const auto fifo = make_container("c");
  start();
  put(fifo, std::string(kMaxLine + 100, 'x') + "\n");
  settle();
  ASSERT_EQ(sink.lines["c/out"].size(), 2U);
  EXPECT_TRUE(sink.lines["c/out"][0].ends_with("…"));
  EXPECT_EQ(sink.lines["c/out"][1], std::string(100, 'x'));
}

TEST_F(CollectorTest, ATerminalsLinesEndWithoutItsCarriageReturn) {
  const auto pipe = make_container("pipe");
  const auto terminal = make_container("terminal");
  std::filesystem::remove(dir.path() / "terminal" / "stderr");  // everything is on stdout
  start();
  for (const auto* fifo : {&pipe, &terminal}) put(*fifo, "one\r\n10%\r100%\r\n\r\nlast\n");
  settle();
  EXPECT_EQ(sink.lines["terminal/out"], (std::vector<std::string>{"one", "10%\r100%", "", "last"}));
  EXPECT_EQ(sink.lines["pipe/out"], (std::vector<std::string>{"one\r", "10%\r100%\r", "\r", "last"}));
}

TEST_F(CollectorTest, AShoutingContainerDoesNotStarveAQuietOne) {
  const auto loud = make_container("loud");
  const auto quiet = make_container("quiet");
  ::fcntl(loud.get(), F_SETPIPE_SZ, 1 << 20);
  start();
  settle();
  const std::string shout(1023, 'x');
  for (int i = 0; i < 900; ++i) put(loud, shout + "\n");
  put(quiet, "psst\n");
  // One round gives each ready stream one batch: the quiet one is heard although the loud one has far more to say.
  for (int i = 0; i < 3 && sink.lines["quiet/out"].empty(); ++i) ASSERT_TRUE(collector->turn(milliseconds(0)));
  EXPECT_EQ(sink.lines["quiet/out"].size(), 1U);
  EXPECT_LT(sink.lines["loud/out"].size(), 900U);
  settle();
  EXPECT_EQ(sink.lines["loud/out"].size(), 900U);
}

TEST_F(CollectorTest, ASecondCollectorIsRefused) {
  start();
  EXPECT_TRUE(failed_with(make_collector(dir.path(), sink), ErrorCode::FailedPrecondition));
}

/// Stores one line of each batch, then fails.
class OneByOneSink final : public LogSink {
 public:
  explicit OneByOneSink(BatchMark& mark) : mark_(mark) {}
  Status write(const LogSource&, bool, WallTime, const std::vector<LinePiece>& pieces) override {
    lines.emplace_back(pieces.front().text);
    mark_.set_stored(1);
    if (pieces.size() == 1) return Ok{};
    return Error(ErrorCode::ResourceExhausted, "disk full");
  }
  void finish(const LogSource&) override {}
  void clean_up(const std::vector<std::string>&) override {}
  std::vector<std::string> lines;

 private:
  BatchMark& mark_;
};

TEST_F(CollectorTest, WhatAFailingWriteStoredIsNotStoredAgain) {
  // Was: on a full disk a batch was stored as far as it fitted, and then again from its beginning.
  const auto fifo = make_container("c");
  BatchMark mark;
  OneByOneSink one(mark);
  auto made = make_collector(dir.path(), one, {.sink_retry = milliseconds(1), .mark = &mark});
  ASSERT_TRUE(made);
  put(fifo, "one\ntwo\nthree\n");
  for (int i = 0; i < 200 && one.lines.size() < 3; ++i) ASSERT_TRUE((*made)->turn(milliseconds(10)));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*made)->turn(milliseconds(2)));
  EXPECT_EQ(one.lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(CollectorTest, TellsThatSettingsWereWritten) {
  start();
  settle();
  const auto before = collector->settings_changes();
  std::ofstream(dir.path() / ".settings.new") << "DIRECTORY=/x\n";
  std::filesystem::rename(dir.path() / ".settings.new", dir.path() / ".settings");
  settle();
  EXPECT_NE(collector->settings_changes(), before);
}

}  // namespace
}  // namespace berth::runtime
