// tests/cli/flags_test.cpp - how a command line fills flags, and what --help and the manual page say of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/flags.hpp"

namespace berth::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Flags of every type, and what a line made of them.
struct Filled {
  bool watch = true;
  bool force = false;
  std::string output;
  std::string dry_run = "none";
  std::vector<std::string> columns;
  std::vector<std::string> files;
  std::optional<std::int64_t> tail;
  std::optional<milliseconds> timeout;
  std::string ns = "default";
  Result<Arguments> rest = Arguments{};

  explicit Filled(std::vector<std::string> line) {
    Flags own;
    Flags global;
    own.add(watch, "watch", 'w', "");
    own.add(force, "force", 'f', "");
    own.add(output, "output", 'o', "FORMAT", "");
    own.add(dry_run, "dry-run", 0, "WHERE", "").bare = "client";
    own.add(columns, "columns", 'L', "LABEL", "");
    own.add_each(files, "filename", 0, "FILE", "");
    own.add(tail, "tail", 0, "LINES", "");
    own.add(timeout, "timeout", 0, "");
    global.add(ns, "namespace", 'n', "NAME", "");
    rest = parse_line(line, own, global);
  }
  std::string error() const { return rest ? "" : rest.error().message(); }
};

TEST(Flags, StandAnywhereAndEndAtTwoDashes) {
  const Filled filled({"web-0", "-n", "shop", "--tail=-1", "x", "--", "sh", "-c", "[ -f /x ]", "--tail", "3"});
  ASSERT_TRUE(filled.rest) << filled.error();
  EXPECT_THAT(filled.rest->words, ElementsAre("web-0", "x"));
  ASSERT_TRUE(filled.rest->after_dashes);
  EXPECT_THAT(*filled.rest->after_dashes, ElementsAre("sh", "-c", "[ -f /x ]", "--tail", "3"));
  EXPECT_EQ(filled.ns, "shop");
  EXPECT_EQ(filled.tail, -1);
}

TEST(Flags, ADryRunThatIsMistypedIsRefusedAndNotTakenForNone) {
  const auto fill = [](const std::string& word, DryRun& into) {
    Flags own;
    add_dry_run_flag(own, into);
    return parse_line({word}, own, Flags{});
  };
  auto dry_run = DryRun::None;
  ASSERT_TRUE(fill("--dry-run=server", dry_run));
  EXPECT_EQ(dry_run, DryRun::Server);
  ASSERT_TRUE(fill("--dry-run", dry_run));
  EXPECT_EQ(dry_run, DryRun::Client);
  const auto mistyped = fill("--dry-run=sever", dry_run);
  ASSERT_FALSE(mistyped);
  EXPECT_THAT(mistyped.error().message(), HasSubstr(R"(Invalid dry-run value (sever))"));
}

TEST(Flags, LettersCanBeJoinedAndTakeTheRestAsTheirValue) {
  EXPECT_TRUE(Filled({"-fojson"}).force);
  EXPECT_EQ(Filled({"-fojson"}).output, "json");
  EXPECT_EQ(Filled({"-o=json"}).output, "json");
  EXPECT_EQ(Filled({"-nshop"}).ns, "shop");
  EXPECT_THAT(Filled({"-"}).rest->words, ElementsAre("-"));
}

TEST(Flags, SwitchesTakeAValueOnlyAfterAnEqualsSign) {
  const Filled filled({"--watch=false", "--force", "false"});
  EXPECT_FALSE(filled.watch);
  EXPECT_TRUE(filled.force);
  EXPECT_THAT(filled.rest->words, ElementsAre("false"));
  EXPECT_EQ(Filled({"--dry-run", "server"}).dry_run, "client");
  EXPECT_EQ(Filled({"--dry-run=server"}).dry_run, "server");
}

TEST(Flags, ListsAreSplitAtCommasAndFilesAreNot) {
  EXPECT_THAT(Filled({"-L", "a,b", "-Lc"}).columns, ElementsAre("a", "b", "c"));
  EXPECT_THAT(Filled({"--filename", "a,b", "--filename=c"}).files, ElementsAre("a,b", "c"));
}

TEST(Flags, MistakesAreWordedAsKubectlDoes) {
  EXPECT_EQ(Filled({"--nope"}).error(), "unknown flag: --nope");
  EXPECT_EQ(Filled({"-fx"}).error(), "unknown shorthand flag: 'x' in -fx");
  EXPECT_EQ(Filled({"--output"}).error(), "flag needs an argument: --output");
  EXPECT_EQ(Filled({"-o"}).error(), "flag needs an argument: 'o' in -o");
  EXPECT_THAT(Filled({"--tail", "x"}).error(), HasSubstr("invalid argument \"x\" for \"--tail\" flag"));
  EXPECT_THAT(Filled({"--watch=maybe"}).error(), HasSubstr("invalid argument \"maybe\" for \"-w, --watch\" flag"));
}

TEST(Durations, AreGos) {
  EXPECT_EQ(*parse_go_duration("90"), milliseconds(90'000));
  EXPECT_EQ(*parse_go_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(*parse_go_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*parse_go_duration("300ms"), milliseconds(300));
  EXPECT_EQ(*parse_go_duration("-1s"), milliseconds(-1000));
  EXPECT_EQ(*parse_go_duration("0"), milliseconds(0));
  for (const auto* text : {"", "m", "5d", "1h-3m", "99999999999999999999s", "1h30", "nan", "s5"}) {
    EXPECT_FALSE(parse_go_duration(text)) << text;
  }
}

TEST(Commands, ASimilarWordIsOffered) {
  EXPECT_THAT(similar_commands("gte"), testing::Contains("get"));
  EXPECT_THAT(similar_commands("describ"), testing::Contains("describe"));
  EXPECT_THAT(similar_commands("roll"), testing::Contains("rollout"));
  EXPECT_TRUE(similar_commands("xyzzy").empty());
}

TEST(Commands, HaveFlagsThatDoNotClash) {
  Global global;
  const auto globals = global_flags(global);
  for (const auto& entry : all_commands()) {
    const auto command = entry.make();
    EXPECT_TRUE(command.run) << entry.name;
    EXPECT_FALSE(command.usage.empty()) << entry.name;
    std::vector<std::string> names;
    for (const auto* flags : {&command.flags, &globals}) {
      for (const auto& flag : flags->all()) {
        names.push_back("--" + flag.name);
        if (flag.letter != 0) names.push_back(std::string("-") + flag.letter);
        EXPECT_FALSE(flag.help.empty() || flag.help.ends_with('.')) << entry.name << " --" << flag.name;
      }
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << entry.name;
  }
}

TEST(ManualPage, SaysWhatHelpSays) {
  const auto kept = read_file(BERTH_SOURCE_DIR "/docs/man/berth.1");
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(*kept, man_page()) << "run: berth __man > docs/man/berth.1";
  for (const auto& entry : all_commands()) {
    const auto help = help_text(entry);
    const auto command = entry.make();
    for (const auto& flag : command.flags.all()) EXPECT_THAT(help, HasSubstr("--" + flag.name)) << entry.name;
  }
}

}  // namespace
}  // namespace berth::cli
