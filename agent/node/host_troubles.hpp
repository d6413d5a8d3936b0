// agent/node/host_troubles.hpp - what is wrong with a host among others, a sentence each: what it is, and what it means
// for pods. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/node/certificate_plan.hpp"
#include "agent/node/node_object.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Is something so? Two looks in a row say so, or it stays as it was: one packet gets lost, one second is a busy one.
class TwiceSeen {
 public:
  void take(bool now) {
    const bool doubted = std::exchange(doubted_, false);
    if (now == value_) return;
    doubted ? value_ = now : doubted_ = true;
  }
  bool value() const { return value_; }
  /// The last look said otherwise.
  bool doubted() const { return doubted_; }

 private:
  bool value_ = false;
  bool doubted_ = false;
};

/// Another host's clock, by ours.
enum class PeerClock { Alike, Ahead, Behind };

/// Another host that is there, as it was asked through the pods' network.
struct PeerSight {
  std::string node{};
  std::string gateway{};  ///< Of its pods, which answers.
  TwiceSeen silent{};
  PeerClock clock = PeerClock::Alike;
};

struct TroubleFacts {
  std::vector<store::StoreProblem> store{};  ///< Those about one object are nobody's trouble here.
  std::string idle_member{};  ///< Where this host's member of the etcd should listen and does not; empty: all is well.
  std::vector<PeerSight> peers{};
  std::string dns{};          ///< Why our DNS server does not answer; empty: it does.
  bool is_fence_off = false;  ///< It is wanted, and does not answer.
  std::vector<CertificateTrouble> certificates{};
};

/// The reason of what the store says by itself, too.
inline constexpr const char* kStoreSays = "EtcdComplains";
/// Certificates, and times that are compared, bear that much.
inline constexpr std::chrono::seconds kClocksApart{2};

/// `ahead`: theirs of ours, none: not known, it stays `before`. What is apart is so until it is well within the limit:
/// a clock at the limit is no news each time.
PeerClock judge_clock(PeerClock before, std::optional<std::chrono::milliseconds> ahead);

/// In a fixed order, one for each type; the same words while the same is wrong. Empty: all is well.
std::vector<NodeTrouble> host_troubles(const TroubleFacts& facts);

/// Which of the other hosts that are there `own` asks: the next `most` by name, around the end. So each is asked by as
/// many, however many there are.
std::vector<std::string> peers_to_ask(const std::set<std::string>& live, const std::string& own, std::size_t most);

}  // namespace berth::agent
