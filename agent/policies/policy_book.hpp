// agent/policies/policy_book.hpp - from policies, namespaces and pods to who may talk to whom. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/objects/object_index.hpp"
#include "model/network_policy.hpp"
#include "network/pod_policies.hpp"

namespace berth::agent {

/// A pod that has an address of its own and has not ended: no other is a peer, or selected.
struct PolicyPod {
  struct Port {
    std::string name;
    std::string protocol;  ///< "TCP", "UDP", "SCTP"
    std::uint16_t number = 0;
    bool operator==(const Port&) const = default;
  };
  std::string uid;
  std::string ns;
  model::StringMap labels;
  std::string address;        ///< IPv4.
  std::vector<Port> ports{};  ///< Those with a name.
  bool here = true;           ///< It runs on this host: its policies are ours to enforce.
  bool operator==(const PolicyPod&) const = default;
};

/// Keeps what follows from what it was told: a change costs what it concerns, not the product of all policies and all
/// pods. Peers with the same selectors share one set, whatever policy names them. Default deny, additive: as Kubernetes
/// has it.
class PolicyBook {
 public:
  void set_policy(std::shared_ptr<const model::NetworkPolicy> policy);
  void drop_policy(const Name& name);
  /// Labels of a namespace. One that was never told has its own name as label, and nothing else.
  void set_namespace(const std::string& name, const model::StringMap& labels);
  void drop_namespace(const std::string& name) { set_namespace(name, {}); }
  void set_pod(const PolicyPod& pod);
  void drop_pod(const std::string& uid);

  bool has_policies() const { return !policies_.empty(); }
  bool has_policy(const Name& name) const { return policies_.contains(name); }
  std::vector<Name> policy_names() const;
  std::vector<std::string> pod_uids() const;
  /// Null when it is not known.
  const PolicyPod* pod(const std::string& uid) const;
  /// The uid of the pod that has that address; empty: none.
  std::string holder_of(const std::string& address) const;
  bool selects(const std::string& uid) const;

  /// For the kernel: what pods here are closed, and what lets packets through. What did not change since the last call
  /// is the same object.
  const network::PodPolicies& policies();

 private:
  /// Pods that a peer, or a policy, means: `ns`, or those namespaces.
  struct Selector {
    std::string ns;
    std::optional<model::LabelSelector> namespaces;
    model::LabelSelector pods;
  };
  /// Who is in a set, and as what.
  struct Group {
    Selector selector;
    bool of_ports = false;  ///< Elements are ports of that name; else addresses.
    std::string protocol;
    std::string port_name;
    int users = 0;                        ///< Chains that name it.
    std::map<std::string, int> elements;  ///< How many pods give it.
    bool changed = true;
  };
  struct Policy {
    std::shared_ptr<const model::NetworkPolicy> object;
    std::string ingress;  ///< The name of its chain; empty: it does not close that direction.
    std::string egress;
    std::vector<std::string> groups;  ///< Each once for each time that it is named.
  };
  struct Pod {
    PolicyPod facts;
    network::PolicedPod policed;
  };
  using PodKey = std::pair<std::string, std::string>;  ///< Namespace and uid.

  model::StringMap labels_of(const std::string& ns) const;
  bool is_meant(const Selector& selector, const PolicyPod& pod) const;
  static std::vector<std::string> elements_of(const Group& group, const PolicyPod& pod);
  void count(Group& group, const PolicyPod& pod, int by) const;
  void count_everywhere(const PolicyPod& pod, int by);
  std::string use_group(Group group);
  void leave_group(const std::string& name);
  network::PolicyAllowance allowance(const model::NetworkPolicy& policy, const model::PolicyRule& rule, bool ingress,
                                     std::vector<std::string>& groups);
  void forget_policy(Policy& policy);
  void select_again(Pod& pod);
  void select_again(const std::string& ns);

  std::map<Name, Policy> policies_;
  std::map<std::string, model::StringMap> namespaces_;
  std::map<PodKey, Pod> pods_;
  std::map<std::string, std::string> ns_of_;    ///< By uid.
  std::map<std::string, std::string> holders_;  ///< Uid by address.
  std::map<std::string, Group> groups_;         ///< By the name of their set.
  network::PodPolicies out_;
};

}  // namespace berth::agent
