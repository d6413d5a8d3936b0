// tests/runtime/app_armor_test.cpp - which profile a container runs under, and that none weaker than asked for is
// taken.
#include "runtime/app_armor.hpp"

#include <gtest/gtest.h>

namespace berth::runtime {
namespace {

constexpr auto kNone = "";
constexpr auto kOthers = "man_db (enforce)\nmine (complain)\n/usr/sbin/mine-too (enforce)\n";
constexpr auto kCri = "man_db (enforce)\ncri-containerd.apparmor.d (enforce)\n";
constexpr auto kDocker = "docker-default (enforce)\n";
constexpr auto kComplains = "docker-default (complain)\n";

std::string profile(const char* type, const char* name, const char* loaded, bool privileged = false) {
  std::optional<model::AppArmorProfile> asked;
  if (type != nullptr) asked = model::AppArmorProfile{type, name};
  const auto found =
      app_armor_profile(asked, privileged, loaded == nullptr ? LoadedProfiles() : LoadedProfiles(loaded));
  if (found) return *found;
  EXPECT_EQ(found.error().code(), ErrorCode::InvalidArgument);
  return found.error().message();
}

TEST(AppArmor, WithoutAWishItIsWhatIsThere) {
  EXPECT_EQ(profile(nullptr, "", nullptr), "");
  EXPECT_EQ(profile(nullptr, "", kOthers), "");
  EXPECT_EQ(profile(nullptr, "", kCri), "cri-containerd.apparmor.d");
  EXPECT_EQ(profile(nullptr, "", kDocker), "docker-default");
  EXPECT_EQ(profile(nullptr, "", kComplains), "") << "it would confine nothing";
  EXPECT_EQ(profile(nullptr, "", kCri, /*privileged=*/true), "");
}

TEST(AppArmor, UnconfinedIsWithoutAProfileEverywhere) {
  for (const auto* loaded : {kNone, kOthers, kCri, static_cast<const char*>(nullptr)}) {
    EXPECT_EQ(profile("Unconfined", "", loaded), "");
  }
}

/// It ran unconfined, with a warning at its creation only.
TEST(AppArmor, WhatIsAskedForIsKeptOrRefused) {
  EXPECT_EQ(profile("RuntimeDefault", "", kCri), "cri-containerd.apparmor.d");
  EXPECT_EQ(profile("RuntimeDefault", "", kCri, /*privileged=*/true), "");
  EXPECT_EQ(profile("Localhost", "mine", kOthers), "mine");
  EXPECT_EQ(profile("Localhost", "/usr/sbin/mine-too", kOthers), "/usr/sbin/mine-too");
  EXPECT_EQ(profile("Localhost", "mine", kOthers, /*privileged=*/true), "mine");
  for (const auto* type : {"RuntimeDefault", "Localhost"}) {
    EXPECT_EQ(profile(type, "mine", nullptr), "cannot enforce AppArmor: AppArmor is not enabled on the host");
  }
  EXPECT_EQ(profile("Localhost", "min", kOthers), "cannot enforce AppArmor: profile \"min\" is not loaded");
  EXPECT_EQ(profile("RuntimeDefault", "", kOthers).find("cannot enforce AppArmor: neither profile"), 0U);
}

}  // namespace
}  // namespace berth::runtime
