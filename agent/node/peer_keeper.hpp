// agent/node/peer_keeper.hpp - tells the network where the other hosts' pods are, as their Nodes say.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/store_writer.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "network/pod_network.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// On the Node of a host whose mode is WireGuard: its public key.
inline constexpr const char* kWireGuardKeyAnnotation = "berth.io/wireguard-public-key";

/// What a Node says of its host's pods: its first InternalIP, spec.podCIDR, and its key. None: it lacks one of the
/// first two. Pure.
std::optional<network::Peer> peer_of(const model::Object& node);

/// Loop thread; the network is called on the lane. A silent host's pods may run on and are led to as before; a host is
/// let go with its Node. Our own Node is made to say our key.
class PeerKeeper {
 public:
  struct Context {
    Loop& loop;
    Lane& lane;
    network::PodNetwork& network;
    const store::Store& store;
    StoreWriter& writer;
    std::string node;                        ///< Ours.
    std::chrono::milliseconds retry{2'000};  ///< After a failure.
  };

  explicit PeerKeeper(Context context) : context_(std::move(context)) {}
  ~PeerKeeper() { *alive_ = false; }
  PeerKeeper(const PeerKeeper&) = delete;
  PeerKeeper& operator=(const PeerKeeper&) = delete;

  /// Tell it every change of a Node.
  void on_node(const store::Change& change);
  /// For the start, and when the store was seen anew.
  void look_at_all();

 private:
  void look();
  void say_key(const model::Object& node);
  void answered(const std::vector<network::Peer>& told, const Status& status);

  const Context context_;
  std::optional<std::vector<network::Peer>> applied_;
  bool busy_ = false;
  bool again_ = false;
  bool failing_ = false;
  std::unique_ptr<LoopHandle> retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
