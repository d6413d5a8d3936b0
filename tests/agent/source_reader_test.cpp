// tests/agent/source_reader_test.cpp - which files are manifests, and what a read of the directory proves.
#include "agent/sources/source_reader.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

std::string manifest(const std::string& name) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {a: b}\n";
}

class SourceReader : public testing::Test {
 protected:
  SourceReader() { fs::create_directory(dir_ / "m"); }

  void put(const std::string& name, const std::string& text) { std::ofstream(dir_ / "m" / name) << text; }

  /// "a.yaml", "b.yaml?" (settling), "c.yaml!" (errors), "d.yaml-" (vanished).
  static std::vector<std::string> summary(const SourceSnapshot& snapshot) {
    std::vector<std::string> all;
    for (const auto& file : snapshot.files) {
      all.push_back(file->id.substr(file->id.rfind('/') + 1) + (file->vanished                   ? "-"
                                                                : file->settling                 ? "?"
                                                                : !file->manifest.errors.empty() ? "!"
                                                                                                 : ""));
    }
    return all;
  }

  TempDir temp_;
  const fs::path dir_ = temp_.path();
  DirectoryReader reader_{dir_ / "m"};
};

using Names = std::vector<std::string>;

TEST_F(SourceReader, WhatIsAboutManyHostsIsAWarningOnOne) {
  put("a.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}], "
      "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}}\n");
  const auto warnings = [](DirectoryReader reader) { return reader.read({}).files.at(0)->manifest.warnings.size(); };
  EXPECT_EQ(warnings(DirectoryReader(dir_ / "m")), 1U);
  EXPECT_EQ(warnings(DirectoryReader(dir_ / "m", {}, {}, {}, model::Hosts::Sharing)), 0U);
}

TEST_F(SourceReader, KnowsManifestsFromWhatEditorsLeave) {
  for (const char* name : {"a.yaml", "a.yml", "a.json", "a.b.yaml", "4913.yaml"})
    EXPECT_TRUE(is_manifest_name(name)) << name;
  for (const char* name :
       {"", ".yaml", ".a.yaml", ".a.yaml.swp", "a.yaml.swx", "a.yaml~", "~a.yaml", "#a.yaml#", "#a.yaml", "a.yaml.bak",
        "a.yaml.backup", "a.yaml.tmp", "4913", "a.txt", "README", "..data"}) {
    EXPECT_FALSE(is_manifest_name(name)) << name;
  }
}

TEST_F(SourceReader, ReadsManifestsSortedAndLeavesOtherFilesAlone) {
  put("b.yaml", manifest("b"));
  put("a.json", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}})");
  put("a.yaml~", "not: [a manifest");
  put(".a.yaml.swp", "x");
  fs::create_directory(dir_ / "m" / "dir.yaml");
  const auto snapshot = reader_.read({});
  EXPECT_TRUE(snapshot.complete);
  EXPECT_EQ(snapshot.name, "directory:" + (dir_ / "m").native());
  EXPECT_EQ(summary(snapshot), (Names{"a.json", "b.yaml"}));
  EXPECT_EQ(source_of(snapshot.files.at(0)->id), snapshot.name);
}

TEST_F(SourceReader, AnAbsentOrReplacedDirectoryIsNotAnEmptyOne) {
  fs::remove(dir_ / "m");
  EXPECT_FALSE(reader_.read({}).complete);
  EXPECT_NE(reader_.read({}).error.find("No such file"), std::string::npos);
  std::ofstream(dir_ / "m") << "a file";
  EXPECT_FALSE(reader_.read({}).complete);
}

TEST_F(SourceReader, AnEmptyOrBrokenFileFirstSettlesAndThenIsAnError) {
  put("empty.yaml", "");
  put("half.yaml", "apiVersion: v1\nkind: [Conf");
  EXPECT_EQ(summary(reader_.read({})), (Names{"empty.yaml?", "half.yaml?"}));
  EXPECT_EQ(summary(reader_.read({.changed = {}, .open = {}, .settled = true})), (Names{"empty.yaml!", "half.yaml!"}));
  put("half.yaml", manifest("whole"));
  EXPECT_EQ(summary(reader_.read({})), (Names{"empty.yaml!", "half.yaml"}));
}

TEST_F(SourceReader, AFileThatIsBeingWrittenSettlesEvenWhenItParses) {
  put("a.yaml", manifest("a"));
  EXPECT_EQ(summary(reader_.read({.changed = {}, .open = {"a.yaml"}, .settled = true})), (Names{"a.yaml?"}));
  EXPECT_EQ(summary(reader_.read({.changed = {"a.yaml"}, .open = {}, .settled = false})), (Names{"a.yaml"}));
}

TEST_F(SourceReader, ALinkIsWholeAtOnce) {
  put("target.txt", manifest("a"));
  fs::create_symlink("target.txt", dir_ / "m" / "a.yaml");
  EXPECT_EQ(summary(reader_.read({.changed = {"a.yaml"}, .open = {"a.yaml"}, .settled = false})), (Names{"a.yaml"}));
}

TEST_F(SourceReader, AMissingFileHasVanishedBeforeItIsGone) {
  put("a.yaml", manifest("a"));
  put("b.yaml", manifest("b"));
  reader_.read({});
  fs::remove(dir_ / "m" / "a.yaml");
  EXPECT_EQ(summary(reader_.read({})), (Names{"a.yaml-", "b.yaml"}));
  EXPECT_EQ(summary(reader_.read({.changed = {}, .open = {}, .settled = true})), (Names{"b.yaml"}));
  put("a.yaml", manifest("a"));
  EXPECT_EQ(summary(reader_.read({})), (Names{"a.yaml", "b.yaml"}));
}

TEST_F(SourceReader, SwappingTheLinkOfAProjectedVolumeIsSeen) {
  for (const char* version : {"..1", "..2"}) {
    fs::create_directory(dir_ / "m" / version);
    put(std::string(version) + "/a.yaml", manifest(version[2] == '1' ? "one" : "two"));
  }
  fs::create_symlink("..1", dir_ / "m" / "..data");
  fs::create_symlink("..data/a.yaml", dir_ / "m" / "a.yaml");
  auto snapshot = reader_.read({});
  ASSERT_EQ(summary(snapshot), (Names{"a.yaml"}));
  EXPECT_EQ(snapshot.files[0]->manifest.objects.at(0).meta.name, "one");
  fs::create_symlink("..2", dir_ / "m" / "..data_tmp");
  fs::rename(dir_ / "m" / "..data_tmp", dir_ / "m" / "..data");
  snapshot = reader_.read({});
  ASSERT_EQ(summary(snapshot), (Names{"a.yaml"}));
  EXPECT_EQ(snapshot.files[0]->manifest.objects.at(0).meta.name, "two");
}

TEST_F(SourceReader, WhatCannotBeReadIsAnErrorAndNotGone) {
  fs::create_symlink("nowhere", dir_ / "m" / "dangling.yaml");
  fs::create_symlink("loop.yaml", dir_ / "m" / "loop.yaml");
  ASSERT_EQ(::mkfifo((dir_ / "m" / "pipe.yaml").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", dir_ / "m" / "zero.yaml");
  const auto snapshot = reader_.read({});
  EXPECT_TRUE(snapshot.complete);
  EXPECT_EQ(summary(snapshot), (Names{"dangling.yaml!", "loop.yaml!", "pipe.yaml!", "zero.yaml!"}));
}

TEST_F(SourceReader, FilesOverALimitAreErrorsAndTooManyMakeItIncomplete) {
  put("a.yaml", manifest("a"));
  put("b.yaml", manifest("b") + "#" + std::string(1000, 'x'));
  put("c.yaml", manifest("c"));
  DirectoryLimits limits;
  limits.manifest.bytes = 500;
  EXPECT_EQ(summary(DirectoryReader(dir_ / "m", limits).read({})), (Names{"a.yaml", "b.yaml!", "c.yaml"}));
  limits = {};
  limits.total_bytes = 1100;
  EXPECT_EQ(summary(DirectoryReader(dir_ / "m", limits).read({})), (Names{"a.yaml", "b.yaml!", "c.yaml"}));
}

TEST_F(SourceReader, MoreManifestsThanTheLimitLeaveThoseBelowItAloneAndNameTheRest) {
  DirectoryLimits limits;
  limits.files = 2;
  DirectoryReader reader(dir_ / "m", limits);
  put("b.yaml", manifest("b"));
  put("c.yaml", manifest("c"));
  EXPECT_TRUE(reader.read({}).problems.empty());
  put("a.yaml", manifest("a"));
  const auto snapshot = reader.read({});
  EXPECT_TRUE(snapshot.complete);
  ASSERT_EQ(summary(snapshot), (Names{"a.yaml", "b.yaml", "c.yaml"}));
  EXPECT_FALSE(snapshot.files[0]->sound()) << "a newcomer by name pushes out nobody";
  EXPECT_TRUE(snapshot.files[1]->sound());
  EXPECT_TRUE(snapshot.files[2]->sound());
  ASSERT_EQ(snapshot.problems.size(), 1U);
  EXPECT_EQ(snapshot.problems[0].message,
            "3 manifests, the limit is 2: not read, and what they made stays: 1 file (a.yaml)");

  DirectoryReader anew(dir_ / "m", limits);
  const auto first = anew.read({});
  EXPECT_TRUE(first.files[0]->sound()) << "without a memory the order is that of the names";
  EXPECT_FALSE(first.files[2]->sound());
}

TEST_F(SourceReader, ADirectoryWhoseMountIsNotThereYetIsNotReadAlsoAfterARestart) {
  put("a.yaml", manifest("a"));
  const auto memory = dir_ / "state" / "sources" / "m.json";
  EXPECT_TRUE(DirectoryReader(dir_ / "m", {}, memory).read({}).complete);

  fs::rename(dir_ / "m", dir_ / "mounted-later");
  fs::create_directory(dir_ / "m");
  DirectoryReader reader(dir_ / "m", {}, memory);
  const auto snapshot = reader.read({});
  EXPECT_FALSE(snapshot.complete);
  EXPECT_NE(snapshot.error.find("is its file system mounted?"), std::string::npos) << snapshot.error;
  EXPECT_NE(snapshot.error.find("1 manifest (a.yaml)"), std::string::npos) << snapshot.error;
  EXPECT_TRUE(snapshot.files.empty());

  fs::remove(dir_ / "m");
  fs::rename(dir_ / "mounted-later", dir_ / "m");
  EXPECT_TRUE(reader.read({}).complete);
}

TEST_F(SourceReader, AnEmptiedDirectoryIsBelievedWhenAFileInItSaysSo) {
  put("a.yaml", manifest("a"));
  put("b.yaml", manifest("b"));
  EXPECT_TRUE(reader_.read({}).complete);
  fs::remove(dir_ / "m" / "a.yaml");
  fs::remove(dir_ / "m" / "b.yaml");
  EXPECT_FALSE(reader_.read({}).complete);
  EXPECT_FALSE(reader_.read({.changed = {}, .open = {}, .settled = true}).complete);
  put(std::string(kConfirmationName), "");
  EXPECT_TRUE(reader_.read({}).complete);
}

TEST_F(SourceReader, AMemoryThatCannotBeWrittenIsReportedAndHindersNothing) {
  put("a.yaml", manifest("a"));
  std::ofstream(dir_ / "file") << "in the way";
  const auto snapshot = DirectoryReader(dir_ / "m", {}, dir_ / "file" / "m.json").read({});
  EXPECT_TRUE(snapshot.complete);
  EXPECT_EQ(snapshot.problems.size(), 1U);
}

TEST_F(SourceReader, AMemoryThatIsNoneIsAsGoodAsNone) {
  put("a.yaml", manifest("a"));
  for (const char* text :
       {"", "[]", "{}", R"({"device":"x","inode":1,"manifests":[]})", R"({"device":1,"inode":-1})"}) {
    std::ofstream(dir_ / "m.json") << text;
    EXPECT_FALSE(read_directory_memory(dir_ / "m.json")) << text;
    EXPECT_TRUE(DirectoryReader(dir_ / "m", {}, dir_ / "m.json").read({}).complete) << text;
    EXPECT_TRUE(read_directory_memory(dir_ / "m.json")) << "written anew";
  }
}

TEST_F(SourceReader, ParsesAgainOnlyWhatChanged) {
  put("a.yaml", manifest("a"));
  const auto first = reader_.read({}).files.at(0);
  EXPECT_EQ(reader_.read({}).files.at(0), first);
  EXPECT_EQ(reader_.read({.changed = {"a.yaml"}, .open = {}, .settled = false}).files.at(0), first) << "same content";
  put("a.yaml", manifest("c"));  // same size
  EXPECT_NE(reader_.read({}).files.at(0), first);
}

}  // namespace
}  // namespace berth::agent
