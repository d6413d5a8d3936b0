// agent/node/host_troubles.hpp - what is wrong with a host among others, a sentence each: what it is, and what it means
// for pods. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/node/node_object.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Another host that is there, as it was asked through the pods' network.
struct PeerSight {
  std::string node{};
  std::string gateway{};                                   ///< Of its pods, which answers.
  int missed = 0;                                          ///< Questions without an answer since the last one.
  std::optional<std::chrono::milliseconds> clock_ahead{};  ///< Of ours; none: not known.
};

struct TroubleFacts {
  std::vector<store::StoreProblem> store{};  ///< Those about one object are nobody's trouble here.
  std::string own_member{};  ///< Where this host's member of the etcd listens; empty: it has none, or it answers.
  std::string member_error{};
  std::vector<PeerSight> peers{};
  std::string dns{};          ///< Why our DNS server does not answer; empty: it does.
  bool fence_is_off = false;  ///< It is wanted, and does not answer.
};

/// The reason of what the store says by itself, too.
inline constexpr const char* kStoreSays = "EtcdComplains";
/// One question gets lost, and so does what is asked of a host that just begins.
inline constexpr int kMissedMost = 2;
/// Certificates, and times that are compared, bear that much.
inline constexpr std::chrono::seconds kClocksApart{2};

/// In a fixed order, one for each type. Empty: all is well.
std::vector<NodeTrouble> host_troubles(const TroubleFacts& facts);

/// Which of the other hosts that are there `own` asks: the next `most` by name, around the end. So each is asked by as
/// many, however many there are.
std::vector<std::string> peers_to_ask(const std::vector<std::string>& live, const std::string& own, std::size_t most);

}  // namespace berth::agent
