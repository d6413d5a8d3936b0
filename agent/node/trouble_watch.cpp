// agent/node/trouble_watch.cpp - see trouble_watch.hpp.
#include "agent/node/trouble_watch.hpp"

#include <algorithm>
#include <utility>

#include "agent/node/peer_keeper.hpp"
#include "base/dial.hpp"
#include "base/log.hpp"
#include "network/dns_check.hpp"

namespace berth::agent {
namespace {

constexpr std::chrono::seconds kPatience{1};

/// The first address of the block, as every host gives it to itself.
std::optional<network::IpAddress> gateway_of(const std::string& pod_cidr) {
  const auto block = network::Cidr::parse(pod_cidr);
  if (!block || block->base.family() != network::Family::V4) return std::nullopt;
  return network::IpAddress::v4(block->base.to_v4() + 1);
}

}  // namespace

TroubleProbes trouble_probes(TcpAddress dns, std::string domain) {
  return {.peers = [](const auto& peers) { return network::probe_peers(peers, kPatience); },
          .member = [](const TcpAddress& member) -> Status {
            auto connection = dial_tcp(member, kPatience);
            return connection ? Status(Ok{}) : Status(connection.error());
          },
          .dns = [dns = std::move(dns),
                  domain = std::move(domain)] { return network::check_dns_server(dns, domain, kPatience); }};
}

std::optional<TcpAddress> own_member(const std::vector<std::string>& endpoints, const std::string& own_address) {
  for (const auto& each : endpoints) {
    const auto scheme = each.find("://");
    const auto address = parse_tcp_address(scheme == std::string::npos ? each : each.substr(scheme + 3));
    if (address && address->host == own_address) return *address;
  }
  return std::nullopt;
}

void TroubleWatch::look() {
  if (std::exchange(looking_, true)) return;
  auto seen = std::make_shared<Seen>();
  seen->asked = peers_now();
  std::vector<network::IpAddress> addresses;
  for (const auto& each : seen->asked) addresses.push_back(*network::IpAddress::parse(each.gateway));
  context_.lane.run([this, alive = alive_, &loop = context_.loop, probes = context_.probes,
                     member = context_.own_member, seen, addresses = std::move(addresses)] {
    seen->answers = probes.peers(addresses);
    if (member) seen->member = probes.member(*member);
    seen->dns = probes.dns();
    loop.post([this, alive, seen] {
      if (*alive) judge(*seen);
    });
  });
}

/// Whom to ask, with what is known of them. None while it is not known who is there.
std::vector<PeerSight> TroubleWatch::peers_now() {
  std::vector<PeerSight> out;
  if (!context_.nodes.known()) return out;
  std::vector<std::string> live;
  const auto all = context_.store.list(model::Kind::Node).objects;
  for (const auto& node : all) {
    if (context_.nodes.contains(node->meta.name)) live.push_back(node->meta.name);
  }
  for (const auto& name : peers_to_ask(live, context_.nodes.own(), kPeersMost)) {
    const auto node = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each->meta.name == name; });
    const auto peer = peer_of(**node);
    const auto gateway = peer ? gateway_of(peer->pod_cidr) : std::nullopt;
    if (!gateway) continue;
    const auto text = gateway->text();
    const auto known = std::find_if(peers_.begin(), peers_.end(),
                                    [&](const auto& each) { return each.node == name && each.gateway == text; });
    out.push_back(known == peers_.end() ? PeerSight{.node = name, .gateway = text} : *known);
  }
  return out;
}

void TroubleWatch::judge(const Seen& seen) {
  looking_ = false;
  timer_ = context_.loop.after(kLookEvery, [this] { look(); });
  peers_ = seen.asked;
  // Where we may not ask we know nothing, and say nothing.
  for (std::size_t i = 0; seen.answers && i < seen.answers->size(); ++i) {
    const auto& answer = (*seen.answers)[i];
    peers_[i].missed = answer.answers ? 0 : peers_[i].missed + 1;
    peers_[i].clock_ahead = answer.clock_ahead;
  }
  TroubleFacts facts{.store = context_.store.problems(), .peers = peers_, .fence_is_off = context_.fence_is_off()};
  if (!seen.member) {
    facts.own_member = context_.own_member->text();
    facts.member_error = seen.member.error().message();
  }
  if (!seen.dns) facts.dns = seen.dns.error().message();
  say(host_troubles(facts));
}

void TroubleWatch::say(std::vector<NodeTrouble> now) {
  if (now == troubles_) return;
  const auto has = [](const std::vector<NodeTrouble>& all, const std::string& type) {
    return std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.type == type; });
  };
  for (const auto& each : now) {
    if (std::find(troubles_.begin(), troubles_.end(), each) != troubles_.end()) continue;
    log(LogLevel::Warning, "this host is not well", {{"what", each.reason}, {"why", each.message}});
  }
  for (const auto& each : troubles_) {
    if (!has(now, each.type)) log(LogLevel::Info, "this host is well again", {{"what", each.reason}});
  }
  troubles_ = std::move(now);
  context_.on_change(troubles_);
}

}  // namespace berth::agent
