// tests/base/etcd_member_file_test.cpp - what is remembered of an etcd is of that one, or of none.
#include "base/etcd_member_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(EtcdMemberFile, IsOfTheEndpointsThatItWasLearnedBy) {
  const TempDir dir;
  const auto file = dir.path() / "below" / "members.json";
  const std::vector<std::string> configured = {"http://a:1", "http://b:1"};
  EXPECT_THAT(read_etcd_members(file, configured), IsEmpty());
  ASSERT_TRUE(write_etcd_members(file, configured, {"http://c:1"}));
  EXPECT_THAT(read_etcd_members(file, configured), ElementsAre("http://c:1"));
  EXPECT_THAT(read_etcd_members(file, {"http://other:1"}), IsEmpty()) << "that may be another etcd";
  for (const auto* damaged : {"", "{", "[]", R"({"configured":["http://a:1","http://b:1"]})",
                              R"({"configured":["http://a:1","http://b:1"],"members":[7,{}]})"}) {
    ASSERT_TRUE(write_file(file, damaged));
    EXPECT_THAT(read_etcd_members(file, configured), IsEmpty()) << damaged;
  }
}

}  // namespace
}  // namespace berth
