// tests/agent/source_directory_test.cpp - events of the kernel become snapshots.
#include "agent/sources/source_directory.hpp"
#include "tests/temp_dir.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::string manifest(const std::string& name) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n";
}

class SourceDirectory : public testing::Test {
 protected:
  ~SourceDirectory() override { source_.reset(); }

  /// Rescans are an hour away: what is seen came from an event.
  void start(milliseconds settle = milliseconds{1}, milliseconds absent = milliseconds{3'600'000}) {
    DirectorySourceOptions options;
    options.directory = dir_ / "m";
    options.rescan = milliseconds{3'600'000};
    options.absent = absent;
    options.settle = settle;
    source_ = make_directory_source(loop_, *lane_, options, [this](SourceSnapshot snapshot) {
      last_ = std::move(snapshot);
      if (wanted_ && wanted_(*last_)) loop_.stop();
    });
  }

  /// Runs the loop until a snapshot is as wanted; false after a long time.
  bool run_until(std::function<bool(const SourceSnapshot&)> wanted) {
    wanted_ = std::move(wanted);
    bool late = false;
    const auto guard = loop_.after(milliseconds{20'000}, [&] {
      late = true;
      loop_.stop();
    });
    loop_.run();
    wanted_ = nullptr;
    return !late;
  }

  /// The names of the objects of sound files.
  static std::vector<std::string> names(const SourceSnapshot& snapshot) {
    std::vector<std::string> all;
    for (const auto& file : snapshot.files) {
      if (!file->sound()) continue;
      for (const auto& object : file->manifest.objects) all.push_back(object.meta.name);
    }
    return all;
  }
  bool run_until_names(const std::vector<std::string>& wanted) {
    return run_until([&](const SourceSnapshot& snapshot) { return snapshot.complete && names(snapshot) == wanted; });
  }

  void put(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }

  TempDir temp_;
  const fs::path dir_ = temp_.path();
  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::optional<SourceSnapshot> last_;
  std::function<bool(const SourceSnapshot&)> wanted_;
  std::unique_ptr<Source> source_;
};

using Names = std::vector<std::string>;

TEST_F(SourceDirectory, SeesFilesRenamedWrittenChangedAndRemoved) {
  fs::create_directory(dir_ / "m");
  start();
  ASSERT_TRUE(run_until_names({}));
  put("new", manifest("a"));
  fs::rename(dir_ / "new", dir_ / "m" / "a.yaml");
  ASSERT_TRUE(run_until_names({"a"}));
  put("m/b.yaml", manifest("b"));
  ASSERT_TRUE(run_until_names({"a", "b"}));
  put("m/b.yaml", manifest("c"));
  ASSERT_TRUE(run_until_names({"a", "c"}));
  fs::remove(dir_ / "m" / "a.yaml");
  ASSERT_TRUE(run_until([](const auto& snapshot) { return snapshot.complete && snapshot.files.size() == 1; }));
}

TEST_F(SourceDirectory, ARenamedFileIsSeenInTheFirstSnapshotAfterIt) {
  fs::create_directory(dir_ / "m");
  start(/*settle=*/milliseconds{3'600'000});  // no help from the settle timer: the good path has no delay
  ASSERT_TRUE(run_until_names({}));
  put("new", manifest("a"));
  fs::rename(dir_ / "new", dir_ / "m" / "a.yaml");
  ASSERT_TRUE(run_until([](const auto&) { return true; }));
  EXPECT_EQ(names(*last_), (Names{"a"}));
}

TEST_F(SourceDirectory, ABrokenFileIsToldAfterItHadTimeToSettle) {
  fs::create_directory(dir_ / "m");
  put("m/a.yaml", "kind: [");
  start();
  ASSERT_TRUE(
      run_until([](const auto& snapshot) { return snapshot.files.size() == 1 && snapshot.files[0]->settling; }));
  ASSERT_TRUE(run_until([](const auto& snapshot) {
    return !snapshot.files[0]->settling && !snapshot.files[0]->manifest.errors.empty();
  }));
}

TEST_F(SourceDirectory, AFileHeldOpenByItsWriterIsNotBelievedBeforeItIsClosed) {
  fs::create_directory(dir_ / "m");
  start();
  ASSERT_TRUE(run_until_names({}));
  std::ofstream writer(dir_ / "m" / "a.yaml");
  writer << manifest("a") << "---\n" << std::flush;  // sound so far, and yet only half
  int settled_reads = 0;
  ASSERT_TRUE(run_until([&](const auto& snapshot) {
    EXPECT_TRUE(names(snapshot).empty());
    return ++settled_reads == 3;
  }));
  writer << manifest("b");
  writer.close();
  ASSERT_TRUE(run_until_names({"a", "b"}));
}

TEST_F(SourceDirectory, ADirectoryMadeLaterRemovedAndMadeAgainIsFollowed) {
  start();
  ASSERT_TRUE(run_until([](const auto& snapshot) { return !snapshot.complete; }));
  fs::create_directory(dir_ / "m");
  ASSERT_TRUE(run_until_names({}));
  put("m/a.yaml", manifest("a"));
  ASSERT_TRUE(run_until_names({"a"}));
  fs::rename(dir_ / "m", dir_ / "away");
  ASSERT_TRUE(run_until([](const auto& snapshot) { return !snapshot.complete; }));
  fs::create_directory(dir_ / "m");
  put("m/b.yaml", manifest("b"));
  ASSERT_TRUE(run_until_names({"b"}));
  put("m/c.yaml", manifest("c"));
  ASSERT_TRUE(run_until_names({"b", "c"}));
}

TEST_F(SourceDirectory, SwappingTheLinkToTheDirectoryIsFollowed) {
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(dir_ / version);
    put(std::string(version) + "/a.yaml", manifest(version));
  }
  fs::create_directory_symlink("v1", dir_ / "m");
  start();
  ASSERT_TRUE(run_until_names({"v1"}));
  fs::create_directory_symlink("v2", dir_ / "next");
  fs::rename(dir_ / "next", dir_ / "m");
  ASSERT_TRUE(run_until_names({"v2"}));
  put("v2/b.yaml", manifest("b"));
  ASSERT_TRUE(run_until_names({"v2", "b"}));
}

TEST_F(SourceDirectory, AnAbsentDirectoryWhoseParentIsAbsentTooIsFoundByLooking) {
  fs::remove_all(dir_);
  start(milliseconds{1}, /*absent=*/milliseconds{1});
  ASSERT_TRUE(run_until([](const auto& snapshot) { return !snapshot.complete; }));
  fs::create_directories(dir_ / "m");
  ASSERT_TRUE(run_until_names({}));
}

TEST_F(SourceDirectory, ADestroyedSourceIsSilent) {
  fs::create_directory(dir_ / "m");
  start();
  source_.reset();
  loop_.poll();
  EXPECT_FALSE(last_.has_value());
}

TEST_F(SourceDirectory, AnEmptiedDirectoryIsBelievedAsSoonAsAFileSaysSo) {
  fs::create_directory(dir_ / "m");
  put("m/a.yaml", manifest("a"));
  put("m/b.yaml", manifest("b"));
  start();
  ASSERT_TRUE(run_until_names({"a", "b"}));
  fs::remove(dir_ / "m/a.yaml");
  fs::remove(dir_ / "m/b.yaml");
  ASSERT_TRUE(run_until([](const SourceSnapshot& snapshot) { return !snapshot.complete; }));
  put("m/.berth-confirm", "");
  EXPECT_TRUE(run_until_names({})) << "the event of that name counts";
}

}  // namespace
}  // namespace berth::agent
