// agent/node/trouble_watch.hpp - looks each half minute for what is wrong with this host among others, and says it
// once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/node/host_troubles.hpp"
#include "agent/objects/live_nodes.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "base/tcp_address.hpp"
#include "network/peer_probe.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// What is asked of the system; each blocks for a second at most. None disturbs whom it asks.
struct TroubleProbes {
  std::function<Result<std::vector<network::PeerAnswer>>(const std::vector<network::IpAddress>&)> peers;
  std::function<bool(std::uint16_t)> listens;  ///< Does a process, on that port of TCP?
  std::function<Status()> dns;
};

/// Those of a host: `dns` is where its DNS server listens, `domain` what it answers for.
TroubleProbes trouble_probes(TcpAddress dns, std::string domain, std::function<bool(std::uint16_t)> listens);

/// Where this host's own member of the etcd listens, as far as the endpoints say. Pure.
std::optional<TcpAddress> own_member(const std::vector<std::string>& endpoints, const std::string& own_address);

/// Loop thread; the probes run on the lane, which nobody else should wait for. Only where many hosts share a store.
class TroubleWatch {
 public:
  static constexpr std::chrono::seconds kLookEvery{30};
  static constexpr std::chrono::seconds kLookAgain{10};  ///< When something is not as it was.
  static constexpr std::size_t kPeersMost = 3;

  struct Context {
    Loop& loop;
    Lane& lane;
    const store::Store& store;
    const LiveNodes& nodes;
    std::optional<TcpAddress> own_member;
    std::function<bool()> is_fence_off;
    std::function<std::vector<CertificateTrouble>()> certificates;
    TroubleProbes probes;
    std::function<void(const std::vector<NodeTrouble>&)> on_troubles;  ///< After each look: all there are.
  };

  explicit TroubleWatch(Context context) : context_(std::move(context)) {}
  ~TroubleWatch() { *alive_ = false; }
  TroubleWatch(const TroubleWatch&) = delete;
  TroubleWatch& operator=(const TroubleWatch&) = delete;

  /// Looks now, and by its own timer from then on.
  void look();

 private:
  struct Seen {
    bool asks_peers = false;  ///< It is known who is there.
    std::vector<PeerSight> asked;
    Result<std::vector<network::PeerAnswer>> answers{std::vector<network::PeerAnswer>{}};
    bool member_listens = true;
    Status dns = Ok{};
  };
  std::vector<PeerSight> peers_now() const;
  void judge(const Seen& seen);
  void judge_peers(const Seen& seen);
  bool doubts() const;
  void say(std::vector<NodeTrouble> now);

  const Context context_;
  std::vector<PeerSight> peers_;
  TwiceSeen member_idle_;
  TwiceSeen dns_silent_;
  std::string why_dns_;  ///< It was found silent.
  TwiceSeen fence_off_;
  bool told_mute_ = false;  ///< That we may not ask other hosts.
  std::vector<NodeTrouble> troubles_;
  bool looking_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
