// cli/cluster/cluster_report.hpp - how a cluster is, as text; and what is wrong with it, a sentence each. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/cluster/etcd_members.hpp"

namespace berth::cli {

struct ClusterHost {
  std::string name{};
  std::string address{};
  bool heard = false;
  std::string since{};              ///< RFC 3339: of `heard`, either way.
  std::string version{};            ///< Of its agent.
  std::vector<std::string> says{};  ///< What its agent says of it that is not well.
};

/// A pod of a set with ordinals.
struct ClusterPod {
  std::string set{};  ///< "default/web"
  std::string ordinal{};
  std::string node{};  ///< Empty: nowhere yet.
  bool ready = false;
};

struct ClusterFile {
  std::string name{};
  WallTime ends{};
};

/// What was found out; what could not be is empty.
struct ClusterFacts {
  std::string node{};                    ///< This host.
  std::vector<std::string> endpoints{};  ///< That its agent has.
  std::vector<Member> members{};
  std::vector<MemberState> states{};  ///< Of those that answered.
  std::string members_unknown{};      ///< Why they are.
  std::string agent_unknown{};        ///< Why hosts and pods are.
  std::vector<ClusterHost> hosts{};
  std::vector<ClusterPod> pods{};
  std::vector<ClusterFile> certificates{};
};

/// Sections: members of the etcd, hosts, sets by host, certificates.
std::string cluster_text(const ClusterFacts& facts, WallTime now);

/// Each says what is wrong, what it means for pods, and what to do. Empty: all is well.
std::vector<std::string> cluster_faults(const ClusterFacts& facts, WallTime now);

}  // namespace berth::cli
