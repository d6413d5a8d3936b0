// tests/base/accounts_test.cpp - passwd(5) and group(5), also as somebody's hand left them.
#include "base/accounts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "# a comment\n"
    "\n"
    "broken:x:many:7::/:\n"
    "short:x:8\n"
    "+nis::::::\n"
    "redis:x:999:1000:,,,:/var/lib/redis:/usr/sbin/nologin\n"
    "redis:x:5:5::/:\n"
    "last:x:42:43::/:/bin/sh";

constexpr std::string_view kGroup =
    "root:x:0:\n"
    "berthing:x:1:\n"
    "berth:!:998:ops,jane\n"
    "none:x:4294967295:ops\n"
    "adm:x:4:ops\n"
    "odd:x:12a:ops\n"
    "short:x:77";

TEST(Accounts, AUserByNameOrByNumberAndTheFirstCounts) {
  EXPECT_EQ(find_account(kPasswd, "redis"), (Account{"redis", 999, 1000}));
  EXPECT_EQ(find_account(kPasswd, 5U), (Account{"redis", 5, 5}));
  EXPECT_EQ(find_account(kPasswd, "last"), (Account{"last", 42, 43})) << "without an end of line";
  EXPECT_EQ(find_account(kPasswd, 0U), (Account{"root", 0, 0}));
}

TEST(Accounts, WhatIsNoAccountIsNobody) {
  for (const auto* name : {"", "broken", "short", "+nis", "# a comment", "nobody", "red"}) {
    EXPECT_FALSE(find_account(kPasswd, name)) << name;
  }
  EXPECT_FALSE(find_account(kPasswd, 7U));
  EXPECT_FALSE(find_account("", 0U));
}

TEST(Accounts, AGroupByItsWholeName) {
  EXPECT_EQ(find_group(kGroup, "berth"), 998U);
  EXPECT_EQ(find_group(kGroup, "short"), 77U);
  for (const auto* name : {"", "ber", "none", "odd", "wheel"}) EXPECT_FALSE(find_group(kGroup, name)) << name;
  EXPECT_FALSE(find_group("", "berth"));
  EXPECT_FALSE(find_group("berth", "berth"));
  EXPECT_FALSE(find_group("berth:x", "berth"));
}

TEST(Accounts, TheGroupsOfAMember) {
  EXPECT_THAT(groups_of(kGroup, "ops"), ElementsAre(998, 4));
  EXPECT_THAT(groups_of(kGroup, "jane"), ElementsAre(998));
  EXPECT_THAT(groups_of(kGroup, "jan"), IsEmpty());
}

TEST(Accounts, AnIdIsDigitsAndNotTheOneThatMeansNone) {
  EXPECT_EQ(account_id("4294967294"), 4294967294U);
  for (const auto* text : {"", " 1", "1 ", "-1", "0x1", "4294967295", "99999999999"}) {
    EXPECT_FALSE(account_id(text)) << text;
  }
}

}  // namespace
}  // namespace berth
