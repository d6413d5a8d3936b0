// agent/node/peer_keeper.cpp - see peer_keeper.hpp.
#include "agent/node/peer_keeper.hpp"

#include <utility>

#include "base/log.hpp"
#include "model/json_edit.hpp"
#include "model/node_facts.hpp"

namespace berth::agent {

using model::Kind;

namespace {

std::string key_on(const model::Object& node) {
  const auto found = node.meta.annotations.find(kWireGuardKeyAnnotation);
  return found == node.meta.annotations.end() ? std::string() : found->second;
}

}  // namespace

std::optional<network::Peer> peer_of(const model::Object& node) {
  network::Peer peer{.node = node.meta.name,
                     .address = model::node_address(node.raw, "InternalIP"),
                     .pod_cidr = {},
                     .wireguard_key = key_on(node)};
  if (const auto* spec = node.raw.if_contains("spec")) peer.pod_cidr = find_string(*spec, {"podCIDR"});
  if (peer.address.empty() || peer.pod_cidr.empty()) return std::nullopt;
  return peer;
}

void PeerKeeper::on_node(const store::Change& change) {
  if (change.object->meta.name == context_.node) {
    if (change.type != store::ChangeType::Deleted) say_key(*change.object);
    return;
  }
  const auto before = change.previous ? peer_of(*change.previous) : std::nullopt;
  const auto now = change.type == store::ChangeType::Deleted ? std::nullopt : peer_of(*change.object);
  if (before != now) look_at_all();
}

void PeerKeeper::look_at_all() {
  again_ = true;
  if (!busy_) look();
}

void PeerKeeper::look() {
  again_ = false;
  retry_.reset();
  std::vector<network::Peer> peers;
  context_.store.visit(Kind::Node, {}, [&](const model::ObjectPtr& node) {
    if (node->meta.name == context_.node) return say_key(*node);
    if (auto peer = peer_of(*node)) peers.push_back(*std::move(peer));
  });
  if (applied_ == peers) return;
  busy_ = true;
  context_.lane.run(
      [this, alive = alive_, peers = std::move(peers), &network = context_.network, &loop = context_.loop] {
        auto status = network.set_peers(peers);
        loop.post([this, alive, peers, status = std::move(status)] {
          if (*alive) answered(peers, status);
        });
      });
}

void PeerKeeper::say_key(const model::Object& node) {
  const auto key = context_.network.wireguard_key();
  if (key_on(node) == key) return;
  context_.writer.modify(node.key(), {}, Durability::Durable,
                         [key](json::object& raw) {
                           auto& annotations = model::object_in(model::object_in(raw, "metadata"), "annotations");
                           if (model::text_at(annotations, kWireGuardKeyAnnotation) == key) return false;
                           if (key.empty()) {
                             annotations.erase(kWireGuardKeyAnnotation);
                           } else {
                             annotations[kWireGuardKeyAnnotation] = key;
                           }
                           return true;
                         },
                         {});
}

void PeerKeeper::answered(const std::vector<network::Peer>& told, const Status& status) {
  busy_ = false;
  // A Node that says nonsense stays so until it is changed: asking again helps nobody.
  const auto nonsense = failed_with(status, ErrorCode::InvalidArgument);
  if (status || nonsense) applied_ = told;
  if (status) {
    if (std::exchange(failing_, false)) log(LogLevel::Info, "pods of all other hosts are led to again");
  } else {
    if (nonsense || !failing_) {
      log(LogLevel::Warning, "pods of other hosts are not all led to", {{"error", status.error().message()}});
    }
    failing_ = true;
    if (!nonsense) applied_.reset();  // Some of it may be in force.
    if (!nonsense) retry_ = context_.loop.after(context_.retry, [this] { look_at_all(); });
  }
  if (again_) look();
}

}  // namespace berth::agent
