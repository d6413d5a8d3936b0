// tests/logs/shipper_files_test.cpp - names, links and owners of log files, as log shippers and other agents meet them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <regex>

#include "base/atomic_file.hpp"
#include "runtime/log_settings.hpp"
#include "runtime/logs/log_owner.hpp"
#include "runtime/logs/log_sink.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

LogSource source_of(const std::string& pod, std::uint32_t attempt = 0) {
  return {.ns = "default",
          .pod = pod,
          .pod_uid = "uid-of-" + pod,
          .container = "main",
          .container_id = "uid-of-" + pod + "-main-" + std::to_string(attempt),
          .attempt = attempt};
}

TEST(RotatedSuffixTest, SortsBehindTheLastOneWhateverTheClockSays) {
  const auto now = *parse_rfc3339("2026-11-30T23:59:59Z");
  EXPECT_EQ(rotated_suffix(now, ""), ".20261130-235959");
  EXPECT_EQ(rotated_suffix(now, ".20261130-235958.007"), ".20261130-235959");
  EXPECT_EQ(rotated_suffix(now, ".20261130-235959"), ".20261130-235959.001");
  EXPECT_EQ(rotated_suffix(now, ".20261130-235959.001"), ".20261130-235959.002");
  EXPECT_EQ(rotated_suffix(now, ".20261130-235959.999"), ".20261201-000000");
  EXPECT_EQ(rotated_suffix(now, ".20270101-000000"), ".20270101-000000.001") << "the clock was set back";
  EXPECT_EQ(rotated_suffix(now, ".1"), ".20261130-235959") << "an earlier berth's";
}

TEST(RotatedLogFilesTest, NewestFirstAndNothingElse) {
  const TempDir dir;
  for (const auto* name : {"0.log", "0.log.20261130-235959", "0.log.20261130-235959.001", "0.log.20261129-000000",
                           "0.log.1", "0.log.2", "0.log.20261130-235959.gz", "0.log.tmp", "10.log.1", "0.log.12"}) {
    std::ofstream(dir.path() / name) << "x";
  }
  std::vector<std::string> names;
  for (const auto& path : rotated_log_files(dir.path() / "0.log")) names.push_back(path.filename().string());
  EXPECT_EQ(names, (std::vector<std::string>{"0.log.20261130-235959.001", "0.log.20261130-235959",
                                             "0.log.20261129-000000", "0.log.1", "0.log.2"}));
}

TEST(LogLinkNameTest, ShippersTakeItApart) {
  // fluent-bit's own pattern (filter kubernetes), fluentd's is the like.
  const std::regex pattern(
      "([a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)_([^_]+)_(.+)-([a-z0-9]{64})\\.log");
  auto source = source_of("web-0");
  std::smatch parts;
  const auto name = log_link_name(source);
  ASSERT_TRUE(std::regex_match(name, parts, pattern)) << name;
  EXPECT_EQ(parts[1], "web-0");
  EXPECT_EQ(parts[2], "default");
  EXPECT_EQ(parts[3], "main");
  EXPECT_NE(log_link_name(source_of("web-0", 1)), name) << "each run has its own";

  source.ns = std::string(63, 'n');
  source.container = std::string(63, 'c');
  for (std::size_t length = 1; length <= 253; ++length) {
    source.pod = std::string(length, length % 7 == 0 ? '-' : 'p');
    source.pod.front() = source.pod.back() = 'p';
    const auto long_name = log_link_name(source);
    ASSERT_LE(long_name.size(), 255U);
    ASSERT_TRUE(std::regex_match(long_name, parts, pattern)) << long_name;
    ASSERT_EQ(parts[2], source.ns);
    ASSERT_EQ(parts[3], source.container);
  }
  source.ns = source.pod = source.container = std::string(253, 'x');
  EXPECT_LE(log_link_name(source).size(), 255U);
}

class ShipperFilesTest : public testing::Test {
 protected:
  ShipperFilesTest() { open({}); }
  void open(const FileSinkLimits& limits) {
    sink = make_file_sink(pods, limits, {.links = links, .owner = "/state", .beside = false, .mark = nullptr});
  }
  void write(const LogSource& source, const std::string& text) {
    ASSERT_TRUE(sink->write(source, false, std::chrono::system_clock::now(), {{.text = text}}));
  }
  static std::string text_of(const fs::path& path) { return read_file(path).value_or(""); }
  static unsigned mode_of(const fs::path& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
  }
  fs::path link_of(const LogSource& source) const { return links / log_link_name(source); }
  fs::path folder_of(const LogSource& source) const { return pods / pod_log_folder(source); }
  /// All that is in there was written an hour ago.
  static void make_old(const fs::path& folder) {
    for (const auto& each : fs::recursive_directory_iterator(folder)) {
      if (each.is_regular_file())
        fs::last_write_time(each.path(), fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
  }

  TempDir dir;
  fs::path pods = dir.path() / "pods";
  fs::path links = dir.path() / "containers";
  LogSettings settings{.directory = pods, .links = links};
  std::unique_ptr<LogSink> sink;
};

TEST_F(ShipperFilesTest, EachRunHasAFileAndALinkToIt) {
  const auto mask = ::umask(0027);
  write(source_of("web"), "hello");
  write(source_of("web", 1), "again");
  ::umask(mask);
  EXPECT_TRUE(text_of(pods / "default_web_uid-of-web/main/0.log").ends_with("Z stdout F hello\n"));
  EXPECT_TRUE(text_of(pods / "default_web_uid-of-web/main/1.log").ends_with("Z stdout F again\n"));
  EXPECT_EQ(fs::read_symlink(link_of(source_of("web"))), pods / "default_web_uid-of-web/main/0.log");
  EXPECT_EQ(fs::read_symlink(link_of(source_of("web", 1))), pods / "default_web_uid-of-web/main/1.log");
  EXPECT_EQ(mode_of(pods / "default_web_uid-of-web/main"), 0750U);
  EXPECT_EQ(mode_of(pods / "default_web_uid-of-web/main/0.log"), 0640U);
}

TEST_F(ShipperFilesTest, WhoHasTheFileOpenKeepsItOverARotation) {
  open({.file_bytes = 40, .rotated = 1});
  const auto source = source_of("web");
  write(source, "one");
  std::ifstream follower(log_file_path(pods, source));
  write(source, "two");
  std::string text;
  std::getline(follower, text);
  EXPECT_TRUE(text.ends_with(" one"));
  EXPECT_FALSE(std::getline(follower, text)) << "nothing is written to, or cut from, a file that was rotated";
  EXPECT_TRUE(text_of(link_of(source)).ends_with(" two\n")) << "the link leads to the new one";
  EXPECT_EQ(rotated_log_files(log_file_path(pods, source)).size(), 1U);
}

TEST_F(ShipperFilesTest, LinksGoWithTheRunsThatGo) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    write(source_of("web", i), "run");
    sink->finish(source_of("web", i));
  }
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(fs::is_symlink(link_of(source_of("web", i))), i >= 2) << i;
}

TEST_F(ShipperFilesTest, ALinkThatLeadsElsewhereIsMended) {
  const auto source = source_of("web");
  fs::create_directories(links);
  fs::create_symlink("/nowhere", link_of(source));
  write(source, "hello");
  EXPECT_TRUE(text_of(link_of(source)).ends_with("hello\n"));
}

TEST_F(ShipperFilesTest, FilesOfAPodThatIsGoneAreRemovedAMinuteAfterTheirLastLine) {
  for (const auto* name : {"gone", "done", "live"}) write(source_of(name), "words");
  ASSERT_TRUE(mark_pod_logs_gone(settings, "/state", "uid-of-gone"));
  sink->clean_up({"uid-of-live"});
  EXPECT_TRUE(fs::exists(folder_of(source_of("gone")))) << "who follows it has a minute";
  make_old(pods);
  sink->clean_up({"uid-of-gone", "uid-of-live"});
  EXPECT_TRUE(fs::exists(folder_of(source_of("gone")))) << "its containers have streams still";
  sink->clean_up({"uid-of-live"});
  EXPECT_FALSE(fs::exists(folder_of(source_of("gone"))));
  EXPECT_FALSE(fs::is_symlink(link_of(source_of("gone"))));
  EXPECT_TRUE(fs::exists(folder_of(source_of("done")))) << "a pod that has ended keeps its logs";
  EXPECT_TRUE(fs::exists(link_of(source_of("done"))));
  ASSERT_TRUE(mark_other_logs_gone(settings, "/state", {"uid-of-live"}));
  make_old(pods);
  sink->clean_up({});
  EXPECT_FALSE(fs::exists(folder_of(source_of("done"))));
  EXPECT_TRUE(fs::exists(folder_of(source_of("live"))));
}

TEST_F(ShipperFilesTest, WhatIsSomebodyElsesStays) {
  open({.total_bytes = 0, .dead_pods = std::chrono::hours(0)});
  const auto kubelets = pods / "kube-system_proxy_u1";
  const auto other_agents = pods / "default_web_u2";
  for (const auto& folder : {kubelets, other_agents}) {
    fs::create_directories(folder / "main");
    std::ofstream(folder / "main/0.log") << "x\n";
  }
  ASSERT_TRUE(write_log_owner(other_agents, {.name = "/other/state", .gone = false}));
  fs::create_directories(links);
  fs::create_symlink("/var/lib/docker/nothing.log", links / "theirs.log");
  ASSERT_TRUE(mark_other_logs_gone(settings, "/state", {}));
  EXPECT_FALSE(read_log_owner(other_agents).gone);
  write(source_of("web"), "ours");
  make_old(pods);
  sink->clean_up({});
  EXPECT_FALSE(fs::exists(folder_of(source_of("web"))));
  EXPECT_TRUE(fs::exists(kubelets / "main/0.log"));
  EXPECT_TRUE(fs::exists(other_agents / "main/0.log"));
  EXPECT_TRUE(fs::is_symlink(links / "theirs.log"));
}

TEST_F(ShipperFilesTest, WithoutDirectoryForLinksLinesAreStoredAllTheSame) {
  std::ofstream(links) << "a file";
  write(source_of("web"), "hello");
  EXPECT_TRUE(text_of(log_file_path(pods, source_of("web"))).ends_with("hello\n"));
}

TEST_F(ShipperFilesTest, FilesOfAnEarlierBerthMoveWithTheirOwner) {
  const auto old = dir.path() / "state/logs";
  auto before = make_file_sink(old);
  ASSERT_TRUE(before->write(source_of("web"), false, std::chrono::system_clock::now(), {{.text = "before"}}));
  before.reset();
  ASSERT_TRUE(move_log_folders(old, pods, "/state"));
  ASSERT_TRUE(move_log_folders(old, pods, "/state")) << "nothing is left to move";
  write(source_of("web"), "after");
  const auto text = text_of(log_file_path(pods, source_of("web")));
  EXPECT_NE(text.find(" before\n"), std::string::npos);
  EXPECT_NE(text.find(" after\n"), std::string::npos);
  EXPECT_EQ(read_log_owner(folder_of(source_of("web"))).name, "/state");
}

TEST(LogSettingsTest, AreReadBackAsTheyWereWritten) {
  const TempDir dir;
  EXPECT_EQ(read_log_settings(dir.path()), no_log_settings());
  const LogSettings some{.directory = "/a b/pods", .links = ""};
  ASSERT_TRUE(write_log_settings(dir.path(), some));
  EXPECT_EQ(read_log_settings(dir.path()), some);
  const auto written = fs::last_write_time(log_settings_path(dir.path()));
  ASSERT_TRUE(write_log_settings(dir.path(), some));
  EXPECT_EQ(fs::last_write_time(log_settings_path(dir.path())), written) << "berth-logd begins anew for a change only";
  std::ofstream(log_settings_path(dir.path())) << "LATER=x\nDIRECTORY=/y\n";
  EXPECT_EQ(read_log_settings(dir.path()), (LogSettings{.directory = "/y", .links = ""}));
}

}  // namespace
}  // namespace berth::runtime
