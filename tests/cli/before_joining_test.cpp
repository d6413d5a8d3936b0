// tests/cli/before_joining_test.cpp - a join that would end half-way does not begin, and a sentence says why.
#include "cli/cluster/before_joining.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

using std::chrono::minutes;
using testing::HasSubstr;

constexpr std::uint64_t kMebibyte = 1024ULL * 1024;

TEST(BeforeJoining, APortAtWhichSomebodyListensIsTakenAndFreeWhenHeEnds) {
  UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(other.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const TcpAddress place{"127.0.0.1", ntohs(address.sin_port)};
  const auto taken = is_free(place, "the agent");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::FailedPrecondition);
  EXPECT_THAT(taken.error().message(), HasSubstr("listens on " + place.text() + ", where the agent would"));
  other.reset();
  EXPECT_TRUE(is_free(place, "the agent"));
}

TEST(BeforeJoining, AMemberNeedsRoom) {
  EXPECT_TRUE(has_room("/var/lib/berth/etcd", kRoomOfMember));
  const auto small = has_room("/var/lib/berth/etcd", 40 * kMebibyte);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().message(),
            "40 MiB are free where /var/lib/berth/etcd would be, and a member of the etcd needs 256: make room, or "
            "join with --member no");
}

TEST(BeforeJoining, TheDiskIsThatOfTheNearestDirectoryThatIsThere) {
  const TempDir dir;
  const auto here = free_bytes(dir.path());
  const auto below = free_bytes(dir.path() / "not" / "yet");
  ASSERT_TRUE(here && below);
  EXPECT_GT(*here, 0U);
  EXPECT_GT(*below, 0U);
}

TEST(BeforeJoining, NobodyJoinsAnEtcdThatIsFull) {
  const MemberState well{.endpoint = "a", .errors = {}};
  const MemberState full{.endpoint = "b", .errors = {"memberID:7 alarm:NOSPACE "}};
  EXPECT_TRUE(takes_writes({}));
  EXPECT_TRUE(takes_writes({well, MemberState{.endpoint = "c", .errors = {"etcdserver: no leader"}}}));
  const auto refused = takes_writes({well, full});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("the etcd is full (NOSPACE)"));
}

TEST(BeforeJoining, ClocksThatAreApartAreSaidByHowMuchAndWhoIsAhead) {
  const auto now = std::chrono::system_clock::now();
  EXPECT_TRUE(is_of_our_time("10.0.0.1:6550", std::nullopt, now)) << "who does not say it is believed";
  EXPECT_TRUE(is_of_our_time("10.0.0.1:6550", now + minutes(5), now));
  EXPECT_TRUE(is_of_our_time("10.0.0.1:6550", now - minutes(5), now));
  const auto behind = is_of_our_time("10.0.0.1:6550", now + minutes(60), now);
  ASSERT_FALSE(behind);
  EXPECT_THAT(behind.error().message(), HasSubstr("clock is 60m behind that of 10.0.0.1:6550"));
  const auto ahead = is_of_our_time("10.0.0.1:6550", now - minutes(60), now);
  ASSERT_FALSE(ahead);
  EXPECT_THAT(ahead.error().message(), HasSubstr("clock is 60m ahead of that of 10.0.0.1:6550"));
}

}  // namespace
}  // namespace berth::cli
