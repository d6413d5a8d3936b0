// agent/node/host_troubles.cpp - see host_troubles.hpp.
#include "agent/node/host_troubles.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace berth::agent {
namespace {

std::string named(const PeerSight& peer) { return fmt::format("{} ({})", peer.node, peer.gateway); }

void add_store(const TroubleFacts& facts, std::vector<NodeTrouble>& out) {
  std::vector<std::string> all;
  for (const auto& problem : facts.store) {
    if (problem.kind.empty()) all.push_back(problem.reason);
  }
  if (!all.empty()) {
    out.push_back({"EtcdProblem", kStoreSays, fmt::format("{}; pods run on", fmt::join(all, "; "))});
  } else if (!facts.idle_member.empty()) {
    out.push_back({"EtcdProblem", "MemberDown",
                   fmt::format("nothing listens on {}, where this host's member of the etcd should: pods and writes go "
                               "on while most members do; start berth-etcd here",
                               facts.idle_member)});
  }
}

void add_network(const TroubleFacts& facts, std::vector<NodeTrouble>& out) {
  std::vector<std::string> silent;
  for (const auto& peer : facts.peers) {
    if (peer.silent.value()) silent.push_back(named(peer));
  }
  if (silent.empty()) return;
  out.push_back({kNetworkUnavailable, "NoPacketsBetweenHosts",
                 fmt::format("no packet comes back from the pods' network of {}: pods here do not reach pods there, "
                             "nor services that lead to them; does a firewall drop ICMP, or what network.mode needs "
                             "between the hosts, or is the mode another one there?",
                             fmt::join(silent, ", "))});
}

void add_clocks(const TroubleFacts& facts, std::vector<NodeTrouble>& out) {
  std::vector<std::string> apart;
  for (const auto& peer : facts.peers) {
    if (peer.clock == PeerClock::Alike) continue;
    apart.push_back(fmt::format("{} {}", peer.clock == PeerClock::Ahead ? "behind" : "ahead of", peer.node));
  }
  if (apart.empty()) return;
  out.push_back({"ClockSkew", "ClocksApart",
                 fmt::format("the clock of this host is seconds {}: pods run on, and nobody's session depends on it; "
                             "certificates, CronJobs and what compares times go wrong: run a time service on all hosts",
                             fmt::join(apart, ", "))});
}

std::string sentence(const CertificateTrouble& of) {
  const auto file = of.file.native();
  if (of.ends.empty()) return fmt::format("the certificate in {} cannot be read: {}", file, of.not_renewed);
  if (!of.not_renewed.empty()) {
    return fmt::format("the certificate in {} ends at {} and could not be renewed: {}", file, of.ends, of.not_renewed);
  }
  if (of.is_authority) return fmt::format("the CA in {} ends at {}, and what it signed with it", file, of.ends);
  return fmt::format(
      "the certificate in {} ends at {}, and berth has not the key of its CA: put a new one in its place", file,
      of.ends);
}

void add_certificates(const TroubleFacts& facts, std::vector<NodeTrouble>& out) {
  if (facts.certificates.empty()) return;
  std::vector<std::string> all;
  bool is_failure = false;
  for (const auto& each : facts.certificates) {
    all.push_back(sentence(each));
    is_failure = is_failure || !each.not_renewed.empty();
  }
  out.push_back({"CertificateProblem", is_failure ? "CertificateNotRenewed" : "CertificateEnds",
                 fmt::format("{}; pods run on, but without it this host is cut off from the etcd and from other hosts",
                             fmt::join(all, "; "))});
}

}  // namespace

PeerClock judge_clock(PeerClock before, std::optional<std::chrono::milliseconds> ahead) {
  if (!ahead) return before;
  const auto limit = before == PeerClock::Alike ? kClocksApart : kClocksApart / 2;
  if (std::chrono::abs(*ahead) <= limit) return PeerClock::Alike;
  return ahead->count() > 0 ? PeerClock::Ahead : PeerClock::Behind;
}

std::vector<NodeTrouble> host_troubles(const TroubleFacts& facts) {
  std::vector<NodeTrouble> out;
  add_store(facts, out);
  add_network(facts, out);
  add_clocks(facts, out);
  if (!facts.dns.empty()) {
    out.push_back({"NamesProblem", "DnsNotAnswering",
                   fmt::format("this host's DNS server does not answer ({}): its pods find no names; does a firewall "
                               "drop port 53 here?",
                               facts.dns)});
  }
  if (facts.is_fence_off) {
    out.push_back({"FenceProblem", "FenceNotRunning",
                   "berth-fence does not answer: pods that ask for fencing do not start here, and those that run here "
                   "do not fail over; systemctl start berth-fence"});
  }
  add_certificates(facts, out);
  return out;
}

std::vector<std::string> peers_to_ask(const std::set<std::string>& live, const std::string& own, std::size_t most) {
  std::vector<std::string> out;
  auto next = live.upper_bound(own);
  for (std::size_t seen = 0; seen < live.size() && out.size() < most; ++seen, ++next) {
    if (next == live.end()) next = live.begin();
    if (*next != own) out.push_back(*next);
  }
  return out;
}

}  // namespace berth::agent
