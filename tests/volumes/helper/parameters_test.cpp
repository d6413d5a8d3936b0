// tests/volumes/helper/parameters_test.cpp - what is wrong with a StorageClass's parameters, in words.
#include "volumes/helper/parameters.hpp"

#include <gtest/gtest.h>

#include "volumes/helper/sizes.hpp"

namespace berth::volumes::helper {
namespace {

/// The message for these parameters of a class that knows directory, fsType, wipe and force.
std::string complaint(const model::StringMap& parameters) {
  ParameterReader reader(parameters);
  (void)reader.path("directory");
  (void)reader.fs_type();
  (void)reader.one_of("wipe", {"none", "signatures", "zero"});
  (void)reader.flag("force");
  const auto taken = reader.take(0);
  if (taken) return "";
  EXPECT_EQ(taken.error().code(), ErrorCode::InvalidArgument);
  return taken.error().message();
}

TEST(Parameters, UnknownOnesAreNamedWithTheNearestAndAll) {
  EXPECT_EQ(complaint({{"fstype", "xfs"}}),
            "parameters.fstype: no such parameter; did you mean fsType? there are: directory, fsType, wipe, force");
  EXPECT_EQ(complaint({{"colour", "red"}}),
            "parameters.colour: no such parameter; there are: directory, fsType, wipe, force");
}

TEST(Parameters, ValuesThatCannotBeSayWhatCan) {
  EXPECT_EQ(complaint({{"fsType", "ntfs"}}), "parameters.fsType: \"ntfs\": must be ext4 or xfs");
  EXPECT_EQ(complaint({{"wipe", "maybe"}}), "parameters.wipe: \"maybe\": must be none, signatures or zero");
  EXPECT_EQ(complaint({{"force", "yes"}}), "parameters.force: \"yes\": must be \"true\" or \"false\"");
  for (const auto* path : {"", "images", "/a/../b", "/a//b", "/a/"}) {
    EXPECT_EQ(complaint({{"directory", path}}), "parameters.directory: \"" + std::string(path) +
                                                    "\": must be an absolute path without \"..\" and needless slashes");
  }
}

TEST(Parameters, GoodOnesAreTakenAndAbsentOnesHaveTheirDefault) {
  EXPECT_EQ(complaint({}), "");
  const model::StringMap parameters = {{"directory", "/srv/images"}, {"match", " a, b ,,c"}};
  ParameterReader reader(parameters);
  EXPECT_EQ(reader.path("directory"), "/srv/images");
  EXPECT_EQ(reader.fs_type(), "ext4");
  EXPECT_FALSE(reader.flag("force"));
  EXPECT_EQ(reader.list("match"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(reader.take(1).ok());
}

TEST(Parameters, RequiredOnesMayNotBeEmpty) {
  const model::StringMap parameters = {{"server", ""}};
  ParameterReader reader(parameters);
  (void)reader.required("server");
  EXPECT_EQ(reader.take(1).error().message(), "parameters.server: must be given");
}

TEST(Sizes, AreShownAsKubernetesWritesThem) {
  constexpr std::int64_t kGi = 1024LL * 1024 * 1024;
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1023), "1023");
  EXPECT_EQ(format_bytes(1024), "1Ki");
  EXPECT_EQ(format_bytes(kGi), "1Gi");
  EXPECT_EQ(format_bytes(kGi + kGi / 2), "1.5Gi");
  EXPECT_EQ(format_bytes(kGi - 1), "1023.9Mi");
  EXPECT_EQ(format_bytes(INT64_MAX), "7.9Ei");
}

TEST(Sizes, AreRoundedUpAndNeverOverflow) {
  EXPECT_EQ(round_up(0, 4096), 0);
  EXPECT_EQ(round_up(1, 4096), 4096);
  EXPECT_EQ(round_up(4096, 4096), 4096);
  EXPECT_EQ(round_up(INT64_MAX, 4096), INT64_MAX / 4096 * 4096);
}

}  // namespace
}  // namespace berth::volumes::helper
