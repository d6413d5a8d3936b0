// agent/node/pod_subnet.cpp - see pod_subnet.hpp.
#include "agent/node/pod_subnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "model/service_addresses.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using Block = model::ServiceRange;  // An IPv4 block, whatever is in it.

constexpr std::string_view kNamespace = "kube-system";
constexpr std::string_view kPrefix = "pod-network-";
constexpr unsigned kBlockPrefix = 24;  // As kube-controller-manager's --node-cidr-mask-size.
constexpr int kTries = 100;            // As many hosts may begin at the same moment.

/// A host that begins has its block before its Node, and a Node that somebody deleted is written anew.
constexpr std::chrono::minutes kBegins{10};

struct Held {
  std::string node;
  std::optional<WallTime> since;
  store::Revision revision = 0;
};

/// "10.98.3.0/24" to "pod-network-10.98.3.0-24".
std::string subnet_lease_name(std::string_view block) {
  std::string name(kPrefix);
  name += block;
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

model::ObjectKey lease_key(std::string_view block) {
  return {Kind::Lease, std::string(kNamespace), subnet_lease_name(block)};
}

/// By block ("10.98.3.0/24").
std::map<std::string, Held> held_blocks(const store::Store& store) {
  std::map<std::string, Held> all;
  store.visit(Kind::Lease, kNamespace, [&](const model::ObjectPtr& lease) {
    if (!lease->meta.name.starts_with(kPrefix)) return;
    auto block = lease->meta.name.substr(kPrefix.size());
    const auto dash = block.rfind('-');
    if (dash == std::string::npos) return;
    block[dash] = '/';
    auto& held = all[block];
    held.revision = lease->meta.resource_version;
    const auto* spec = lease->raw.if_contains("spec");
    if (spec == nullptr) return;
    held.node = find_string(*spec, {"holderIdentity"});
    if (const auto since = parse_rfc3339(find_string(*spec, {"acquireTime"}))) held.since = *since;
  });
  return all;
}

model::Object lease_of(std::string_view block, const std::string& node, WallTime now) {
  const auto key = lease_key(block);
  return *model::make_object({{"apiVersion", "coordination.k8s.io/v1"},
                              {"kind", "Lease"},
                              {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
                              {"spec", {{"holderIdentity", node}, {"acquireTime", format_rfc3339_micro(now)}}}});
}

/// Is it, or a part of it, another host's?
std::optional<std::string> taken_by(const std::map<std::string, Held>& held, const Block& block,
                                    const std::string& node) {
  for (const auto& [text, holder] : held) {
    if (holder.node != node && block.overlaps(text)) return holder.node;
  }
  return std::nullopt;
}

class Taker {
 public:
  Taker(store::Store& store, const SubnetRequest& request, WallTime now)
      : store_(store), request_(request), now_(now) {}

  Result<std::string> take() {
    for (int attempt = 0; attempt < kTries; ++attempt) {
      auto taken = request_.pod_cidr.empty() ? take_any() : take_this();
      if (taken || !was_raced(taken.error())) return taken;
    }
    return Error(ErrorCode::Aborted, "other hosts take pod networks again and again");
  }

 private:
  static bool was_raced(const Error& error) {
    return error.code() == ErrorCode::AlreadyExists || error.code() == ErrorCode::Aborted;
  }

  Result<std::string> take_this() {
    const auto block = Block::parse(request_.pod_cidr);
    if (!block) return block.error();
    const auto held = held_blocks(store_);
    if (const auto other = taken_by(held, *block, request_.node)) {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("pods of node {} are in {}: choose another network.podCIDR, or leave it out and give "
                               "network.clusterCIDR",
                               *other, request_.pod_cidr));
    }
    if (const auto ours = held.find(block->text()); ours != held.end()) return ours->first;
    return create(block->text());
  }

  Result<std::string> take_any() {
    const auto cluster = Block::parse(request_.cluster_cidr);
    if (!cluster) return cluster.error();
    const auto held = held_blocks(store_);
    for (const auto& [text, holder] : held) {
      if (holder.node == request_.node && cluster->overlaps(text)) return text;
    }
    const auto blocks = std::uint64_t{1} << (kBlockPrefix - std::min(cluster->prefix, kBlockPrefix));
    for (std::uint64_t i = 0; i < blocks; ++i) {
      const Block block{cluster->base + static_cast<std::uint32_t>(i << (32 - kBlockPrefix)), kBlockPrefix};
      if (!taken_by(held, block, {})) return create(block.text());
    }
    for (const auto& [text, holder] : held) {
      if (!cluster->overlaps(text) || store_.get({Kind::Node, "", holder.node})) continue;
      if (holder.since && now_ - *holder.since < kBegins) continue;
      auto updated = store::update_and_wait(store_, lease_of(text, request_.node, now_), holder.revision);
      if (!updated) return updated.error().context("take over the pod network " + text);
      return text;
    }
    return Error(ErrorCode::ResourceExhausted,
                 fmt::format("no pod network is left: all {} blocks of network.clusterCIDR {} have hosts; delete the "
                             "Node of a host that is no more",
                             blocks, request_.cluster_cidr));
  }

  Result<std::string> create(std::string block) {
    auto created = store::create_and_wait(store_, lease_of(block, request_.node, now_));
    if (!created) return created.error().context("take the pod network " + block);
    return block;
  }

  store::Store& store_;
  const SubnetRequest& request_;
  const WallTime now_;
};

}  // namespace

Result<std::string> take_pod_subnet(store::Store& store, const SubnetRequest& request, WallTime now) {
  return Taker(store, request, now).take();
}

}  // namespace berth::agent
