// cli/cluster/etcd_members.hpp - who is a member of the etcd, and what makes this host one. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::cli {

/// As `etcdctl member list` says it.
struct Member {
  std::uint64_t id = 0;
  std::string name{};  ///< Empty: it was added and has never been there.
  std::string peer_url{};
  std::string client_url{};  ///< Empty as above.
  bool learner = false;      ///< Has no vote yet.

  std::string hex_id() const;
};

/// Of etcdctl's --write-out=json. InvalidArgument: it is not that.
Result<std::vector<Member>> parse_members(std::string_view text);

/// What `etcdctl endpoint status` says of one member.
struct MemberState {
  std::string endpoint{};
  std::uint64_t id = 0;
  std::uint64_t leader = 0;  ///< 0: it knows none.
  std::int64_t revision = 0;
  std::int64_t size = 0;              ///< Bytes.
  std::vector<std::string> errors{};  ///< In etcd's words: alarms, "etcdserver: no leader".
};

/// Of those that answered; the text may have lines about the others before it. Empty: none did.
std::vector<MemberState> parse_member_states(std::string_view text);

enum class Membership { Auto, Yes, No };  ///< Auto: while there are fewer than three.

struct MemberWish {
  std::string name{};
  std::string peer_url{};
  Membership membership = Membership::Auto;
  bool has_data = false;  ///< Of an earlier life as a member.
};

enum class MemberStep {
  Client,   ///< It is none and shall be none.
  Replace,  ///< Remove `target`, which was this host's and is lost; then look again.
  Move,     ///< `target` is this host's, at an address of before: tell the others the new one.
  Add,      ///< As a learner, which counts for no quorum.
  Start,    ///< It was added: begin.
  Promote,  ///< It has begun: give it a vote once it has caught up.
  Member    ///< It is one.
};

struct MemberPlan {
  MemberStep step = MemberStep::Client;
  Member target{};  ///< Of all but Client and Add.
};

/// The next step; after it look again. Whatever broke off half-way is gone on with.
MemberPlan plan_member(const std::vector<Member>& members, const MemberWish& wish);

/// For etcd's --initial-cluster: all members, and this one.
std::string initial_cluster(const std::vector<Member>& members, std::string_view name, std::string_view peer_url);

/// Where clients reach those that have a vote, `first` before all others when it is one.
std::vector<std::string> client_endpoints(const std::vector<Member>& members, std::string_view first);

}  // namespace berth::cli
