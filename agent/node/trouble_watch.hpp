// agent/node/trouble_watch.hpp - looks each half minute for what is wrong with this host among others, and says it
// once.
#pragma once

#include <chrono>
#include <functional>
#include <map>
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

/// What is asked of the system; each blocks for a second at most.
struct TroubleProbes {
  std::function<Result<std::vector<network::PeerAnswer>>(const std::vector<network::IpAddress>&)> peers;
  std::function<Status(const TcpAddress&)> member;  ///< Of the etcd.
  std::function<Status()> dns;
};

/// Those of a host: `dns` is where its DNS server listens, `domain` what it answers for.
TroubleProbes trouble_probes(TcpAddress dns, std::string domain);

/// Where this host's own member of the etcd listens, as far as the endpoints say. Pure.
std::optional<TcpAddress> own_member(const std::vector<std::string>& endpoints, const std::string& own_address);

/// Loop thread; the probes run on the lane, which nobody else should wait for. Only where many hosts share a store.
class TroubleWatch {
 public:
  static constexpr std::chrono::seconds kLookEvery{30};
  static constexpr std::size_t kPeersMost = 3;

  struct Context {
    Loop& loop;
    Lane& lane;
    const store::Store& store;
    const LiveNodes& nodes;
    std::optional<TcpAddress> own_member;
    std::function<bool()> fence_is_off;
    TroubleProbes probes;
    std::function<void(const std::vector<NodeTrouble>&)> on_change;
  };

  explicit TroubleWatch(Context context) : context_(std::move(context)) {}
  ~TroubleWatch() { *alive_ = false; }
  TroubleWatch(const TroubleWatch&) = delete;
  TroubleWatch& operator=(const TroubleWatch&) = delete;

  /// Looks now, and by its own timer from then on.
  void look();

 private:
  struct Seen {
    std::vector<PeerSight> asked;
    Result<std::vector<network::PeerAnswer>> answers{std::vector<network::PeerAnswer>{}};
    Status member = Ok{};
    Status dns = Ok{};
  };
  std::vector<PeerSight> peers_now();
  void judge(const Seen& seen);
  void say(std::vector<NodeTrouble> now);

  const Context context_;
  std::vector<PeerSight> peers_;
  std::vector<NodeTrouble> troubles_;
  bool looking_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
