// cli/cluster/cluster_report.cpp - see cluster_report.hpp.
#include "cli/cluster/cluster_report.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/ages.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {
namespace {

constexpr std::int64_t kQuota = 2'147'483'648;  ///< As etcd_text() has it.
constexpr std::int64_t kMebibyte = 1'048'576;
constexpr std::int64_t kFarBehind = 1'000;  ///< Revisions.
constexpr std::chrono::hours kSoon{30 * 24};

const MemberState* state_of(const ClusterFacts& facts, const Member& member) {
  const auto found = std::find_if(facts.states.begin(), facts.states.end(),
                                  [&](const MemberState& each) { return each.id == member.id; });
  return found == facts.states.end() ? nullptr : &*found;
}

std::int64_t newest(const ClusterFacts& facts) {
  std::int64_t revision = 0;
  for (const auto& each : facts.states) revision = std::max(revision, each.revision);
  return revision;
}

std::string member_name(const Member& member) { return member.name.empty() ? member.peer_url : member.name; }

std::string members_text(const ClusterFacts& facts) {
  std::string text = "ETCD MEMBER\tIS\tSIZE\tBEHIND\tADDRESS\n";
  for (const auto& each : facts.members) {
    const auto* state = state_of(facts, each);
    std::string is = "does not answer";
    if (state != nullptr) is = each.learner ? "learner" : state->leader == each.id ? "leader" : "follower";
    text +=
        fmt::format("{}\t{}\t{}\t{}\t{}\n", member_name(each), is,
                    state == nullptr ? "-" : fmt::format("{} of {} MiB", state->size / kMebibyte, kQuota / kMebibyte),
                    state == nullptr ? "-" : fmt::format("{}", newest(facts) - state->revision), each.client_url);
  }
  return align_tabs(text, 0, 3);
}

std::string hosts_text(const ClusterFacts& facts, WallTime now) {
  std::string text = "HOST\tIS\tFOR\tVERSION\tADDRESS\n";
  for (const auto& each : facts.hosts) {
    text += fmt::format("{}{}\t{}\t{}\t{}\t{}\n", each.name, each.name == facts.node ? " (this)" : "",
                        each.heard ? "heard" : "silent", age_text(each.since, now), each.version, each.address);
  }
  return align_tabs(text, 0, 3);
}

/// A row for each set, a column for each host: the ordinals there, those that are not ready in brackets.
std::string picture(const ClusterFacts& facts) {
  std::map<std::string, std::map<std::string, std::string>> cells;
  bool homeless = false;
  for (const auto& pod : facts.pods) {
    auto& cell = cells[pod.set][pod.node];
    cell += fmt::format(fmt::runtime(pod.ready ? "{}{}" : "{}({})"), cell.empty() ? "" : " ", pod.ordinal);
    homeless = homeless || pod.node.empty();
  }
  std::string text = "STATEFULSET";
  for (const auto& host : facts.hosts) text += "\t" + host.name;
  text += homeless ? "\tNOWHERE\n" : "\n";
  for (auto& [set, by_node] : cells) {
    text += set;
    for (const auto& host : facts.hosts) text += "\t" + (by_node[host.name].empty() ? "-" : by_node[host.name]);
    text += homeless ? "\t" + by_node[""] + "\n" : "\n";
  }
  return align_tabs(text, 0, 3);
}

void add_member_faults(const ClusterFacts& facts, std::vector<std::string>& out) {
  std::size_t voters = 0;
  std::vector<std::string> silent;
  for (const auto& each : facts.members) {
    const auto* state = state_of(facts, each);
    if (!each.learner) ++voters;
    if (state == nullptr && !each.learner) silent.push_back(member_name(each));
    if (each.learner) {
      out.push_back(
          fmt::format("{} is no full member of the etcd yet: run `berth cluster join` there again, or, if it will "
                      "not come, `etcdctl member remove {}`",
                      member_name(each), each.hex_id()));
    }
    if (state == nullptr) continue;
    for (const auto& error : state->errors) {
      if (error.find("no leader") != std::string::npos) continue;  // Said below, with what it means.
      const bool full = error.find("NOSPACE") != std::string::npos;
      out.push_back(fmt::format("the etcd member {} says \"{}\"{}", member_name(each), error,
                                full ? ": nothing can be written, pods run on; `etcdctl defrag` on each member, then "
                                       "`etcdctl alarm disarm`"
                                     : ""));
    }
    if (const auto behind = newest(facts) - state->revision; behind > kFarBehind) {
      out.push_back(
          fmt::format("the etcd member {} is {} revisions behind: its disk or its network is slow; pods run on",
                      member_name(each), behind));
    }
  }
  if (voters == 0) return;
  const auto needed = voters / 2 + 1;
  const auto answer = voters - silent.size();
  const auto names = fmt::format("{}", fmt::join(silent, ", "));
  if (answer < needed) {
    out.push_back(fmt::format(
        "the etcd has no quorum: {} of {} members answer, {} are needed; {} not. Pods, names and reads go on "
        "everywhere, "
        "nothing is written, no pod is moved. Start berth-etcd on those hosts, or mend the network to them, from which "
        "it "
        "may be this host that is cut off; if their disks are lost: `berth cluster restore`",
        answer, voters, needed, names));
  } else if (!silent.empty()) {
    const auto spare = answer - needed;
    out.push_back(fmt::format(
        "of the etcd {} does not answer: nothing changes for pods, {}. Start berth-etcd there; a host that is lost is "
        "replaced by a new one of the same nodeName: `berth cluster join`",
        names, spare == 0 ? "but no other member may go" : fmt::format("and {} more may go", spare)));
  }
  if (voters == 2) {
    out.emplace_back(
        "the etcd has two members: when either goes nothing is written any more (pods run on). Let a third host join");
  }
}

}  // namespace

std::string cluster_text(const ClusterFacts& facts, WallTime now) {
  std::string text;
  text += facts.members.empty() ? "ETCD MEMBERS: not known: " + facts.members_unknown + "\n" : members_text(facts);
  text += "\n";
  text += facts.hosts.empty() ? "HOSTS: not known: " + facts.agent_unknown + "\n" : hosts_text(facts, now);
  if (!facts.pods.empty()) text += "\n" + picture(facts);
  std::string files = "\n";
  for (const auto& each : facts.certificates) {
    files += fmt::format("{} ends in {}\n", each.name,
                         human_duration(std::chrono::duration_cast<std::chrono::seconds>(each.ends - now)));
  }
  return text + files;
}

std::vector<std::string> cluster_faults(const ClusterFacts& facts, WallTime now) {
  std::vector<std::string> out;
  if (facts.members.empty()) {
    out.push_back(
        fmt::format("no member of the etcd tells who its members are ({}): nothing can be written, pods run on",
                    facts.members_unknown));
  }
  add_member_faults(facts, out);
  if (!facts.agent_unknown.empty()) {
    out.push_back(fmt::format("this host's agent does not answer: its pods run on, and nobody looks after them ({})",
                              facts.agent_unknown));
  }
  for (const auto& host : facts.hosts) {
    for (const auto& each : host.says) out.push_back(fmt::format("{}: {}", host.name, each));
    if (host.heard) continue;
    out.push_back(
        fmt::format("nothing is heard of host {} for {}: its pods count as not ready; those of Deployments and Jobs "
                    "are replaced, those "
                    "of StatefulSets wait for it. If it will not come back: `berth delete node {}`",
                    host.name, age_text(host.since, now), host.name));
  }
  std::set<std::string> known(facts.endpoints.begin(), facts.endpoints.end());
  const auto all = client_endpoints(facts.members, "");
  const auto missing = std::count_if(all.begin(), all.end(), [&](const auto& each) { return !known.contains(each); });
  if (missing != 0) {
    out.push_back(
        fmt::format("this host's agent knows {} of {} members of the etcd, and is without when those are away: run "
                    "`berth cluster join` "
                    "here",
                    static_cast<std::ptrdiff_t>(all.size()) - missing, all.size()));
  }
  for (const auto& each : facts.certificates) {
    if (each.ends - now > kSoon) continue;
    out.push_back(fmt::format("{} ends at {}, and then this host is shut out: run `berth cluster join` here", each.name,
                              format_rfc3339(each.ends)));
  }
  return out;
}

}  // namespace berth::cli
