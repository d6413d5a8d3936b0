// agent/node/trouble_watch.cpp - see trouble_watch.hpp.
#include "agent/node/trouble_watch.hpp"

#include <algorithm>
#include <utility>

#include "agent/node/peer_keeper.hpp"
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

TroubleProbes trouble_probes(TcpAddress dns, std::string domain, std::function<bool(std::uint16_t)> listens) {
  return {.peers = [](const auto& peers) { return network::probe_peers(peers, kPatience); },
          .listens = std::move(listens),
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
  timer_.reset();
  auto seen = std::make_shared<Seen>();
  seen->asks_peers = context_.nodes.known();
  if (seen->asks_peers) seen->asked = peers_now();
  std::vector<network::IpAddress> addresses;
  for (const auto& each : seen->asked) addresses.push_back(*network::IpAddress::parse(each.gateway));
  context_.lane.run([this, alive = alive_, &loop = context_.loop, probes = context_.probes,
                     member = context_.own_member, seen, addresses = std::move(addresses)] {
    seen->answers = probes.peers(addresses);
    if (member) seen->member_listens = probes.listens(member->port);
    seen->dns = probes.dns();
    loop.post([this, alive, seen] {
      if (*alive) judge(*seen);
    });
  });
}

/// Whom to ask, with what is known of them. An agent that does not say how its network is is older: its firewall drops
/// our questions.
std::vector<PeerSight> TroubleWatch::peers_now() const {
  std::vector<PeerSight> out;
  for (const auto& name : peers_to_ask(context_.nodes.names(), context_.nodes.own(), kPeersMost)) {
    const auto node = context_.store.get({model::Kind::Node, "", name});
    const auto peer = node && tells_of_network(node->raw) ? peer_of(*node) : std::nullopt;
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
  if (seen.asks_peers) judge_peers(seen);
  member_idle_.take(!seen.member_listens);
  if (!seen.dns && !dns_silent_.value()) why_dns_ = seen.dns.error().message();
  dns_silent_.take(!seen.dns);
  fence_off_.take(context_.is_fence_off());
  say(host_troubles({.store = context_.store.problems(),
                     .idle_member = member_idle_.value() ? context_.own_member->text() : std::string(),
                     .peers = peers_,
                     .dns = dns_silent_.value() ? why_dns_ : std::string(),
                     .is_fence_off = fence_off_.value(),
                     .certificates = context_.certificates()}));
  timer_ = context_.loop.after(doubts() ? kLookAgain : kLookEvery, [this] { look(); });
}

void TroubleWatch::judge_peers(const Seen& seen) {
  if (!seen.answers) {  // Who may not ask knows nothing, and says nothing.
    peers_.clear();
    if (!std::exchange(told_mute_, true)) {
      log(LogLevel::Warning, "whether other hosts are in reach of pods is not looked at",
          {{"why", seen.answers.error().message()}});
    }
    return;
  }
  peers_ = seen.asked;
  for (std::size_t i = 0; i < seen.answers->size(); ++i) {
    const auto& answer = (*seen.answers)[i];
    peers_[i].silent.take(!answer.answers);
    peers_[i].clock = judge_clock(peers_[i].clock, answer.clock_ahead);
  }
}

bool TroubleWatch::doubts() const {
  return member_idle_.doubted() || dns_silent_.doubted() || fence_off_.doubted() ||
         std::any_of(peers_.begin(), peers_.end(), [](const auto& each) { return each.silent.doubted(); });
}

/// Logs what is new. What the store says changes its words, and the store logs it.
void TroubleWatch::say(std::vector<NodeTrouble> now) {
  const auto is_in = [](const std::vector<NodeTrouble>& all, const NodeTrouble& one) {
    return std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.reason == one.reason; });
  };
  for (const auto& each : now) {
    const bool known = each.reason == kStoreSays
                           ? is_in(troubles_, each)
                           : std::find(troubles_.begin(), troubles_.end(), each) != troubles_.end();
    if (!known) log(LogLevel::Warning, "this host is not well", {{"what", each.reason}, {"why", each.message}});
  }
  for (const auto& each : troubles_) {
    if (!is_in(now, each)) log(LogLevel::Info, "this host is well again", {{"what", each.reason}});
  }
  troubles_ = std::move(now);
  context_.on_troubles(troubles_);
}

}  // namespace berth::agent
