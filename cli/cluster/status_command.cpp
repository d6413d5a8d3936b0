// cli/cluster/status_command.cpp - berth cluster status: who is there, how the etcd is, what is wrong.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/cluster/cluster_report.hpp"
#include "cli/cluster/commands.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_certificate.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

json::array conditions_of(const json::value& object) {
  const auto* conditions = find(object, {"status", "conditions"});
  return conditions != nullptr && conditions->is_array() ? conditions->get_array() : json::array();
}

bool is_ready(const json::value& pod) {
  for (const auto& each : conditions_of(pod)) {
    if (find_string(each, {"type"}) == "Ready") return find_string(each, {"status"}) == "True";
  }
  return false;
}

/// Every condition but Ready says when it is true what is wrong. The etcd we ask ourselves.
void take_conditions(const json::value& node, ClusterHost& host) {
  for (const auto& each : conditions_of(node)) {
    const auto type = find_string(each, {"type"});
    const auto status = find_string(each, {"status"});
    const bool of_ready = type == "Ready";
    if (of_ready) {
      host.heard = status != "Unknown";
      host.since = find_string(each, {"lastTransitionTime"});
    }
    if (type != "EtcdProblem" && status == (of_ready ? "False" : "True")) {
      host.says.emplace_back(find_string(each, {"message"}));
    }
  }
}

ClusterHost host_of(const json::value& node) {
  ClusterHost host{.name = std::string(name_of(node)),
                   .version = std::string(find_string(node, {"status", "nodeInfo", "kubeletVersion"}))};
  take_conditions(node, host);
  const auto* addresses = find(node, {"status", "addresses"});
  if (addresses == nullptr || !addresses->is_array()) return host;
  for (const auto& each : addresses->get_array()) {
    if (find_string(each, {"type"}) == "InternalIP") host.address = find_string(each, {"address"});
  }
  return host;
}

/// Nothing: it is of no StatefulSet.
std::optional<ClusterPod> pod_of(const json::value& pod) {
  const auto* owners = find(pod, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array() || owners->get_array().empty() ||
      find_string(owners->get_array().front(), {"kind"}) != "StatefulSet") {
    return std::nullopt;
  }
  const auto set = find_string(owners->get_array().front(), {"name"});
  const auto name = name_of(pod);
  ClusterPod out{.set = fmt::format("{}/{}", namespace_of(pod), set),
                 .ordinal = std::string(name.substr(std::min(name.size(), name.rfind('-') + 1))),
                 .node = std::string(find_string(pod, {"spec", "nodeName"}))};
  out.ready = is_ready(pod);
  return out;
}

void ask_agent(const Server& agent, ClusterFacts& facts) {
  const auto nodes = agent.list(model::info(model::Kind::Node), "", {});
  if (!nodes) {
    facts.agent_unknown = nodes.error().message();
    return;
  }
  for (const auto& each : items_of(*nodes)) facts.hosts.push_back(host_of(each));
  const auto pods = agent.list(model::info(model::Kind::Pod), "", {});
  if (!pods) return;
  for (const auto& each : items_of(*pods)) {
    if (auto pod = pod_of(each)) facts.pods.push_back(*std::move(pod));
  }
}

/// Each member that is known, by its own word: also without a quorum.
void ask_members(const HostPlaces& places, ClusterFacts& facts) {
  const auto members = Etcdctl(places, facts.endpoints).members();
  if (members) facts.members = *members;
  if (!members) facts.members_unknown = members.error().message();
  std::vector<std::string> endpoints;
  for (const auto& each : facts.members) {
    if (!each.client_url.empty()) endpoints.push_back(each.client_url);
  }
  facts.states = Etcdctl(places, endpoints.empty() ? facts.endpoints : endpoints).states();
}

int status(const Global& global, const std::filesystem::path& config) {
  const auto host = read_host_config(config);
  if (!host) return fail(host.error());
  if (!host->in_cluster()) {
    return fail({ErrorCode::FailedPrecondition,
                 "this host is in no cluster of `berth cluster init`: berth get nodes shows who shares its objects"});
  }
  ClusterFacts facts;
  facts.node = host->node_name;
  facts.endpoints = host->endpoints;
  ask_members(host->places, facts);
  auto patient = global;
  if (!patient.request_timeout) patient.request_timeout = std::chrono::seconds(5);
  ask_agent(Server(patient), facts);
  for (const auto& [name, file] : {std::pair("this host's certificate", host->places.certificate()),
                                   std::pair("the CA of the hosts", host->places.ca())}) {
    if (const auto found = certificate_facts(file)) facts.certificates.push_back({name, found->ends});
  }
  const auto now = std::chrono::system_clock::now();
  std::cout << cluster_text(facts, now);
  const auto faults = cluster_faults(facts, now);
  std::cout << (faults.empty() ? "\nAll is well.\n" : "\n");
  for (const auto& each : faults) std::cout << "! " << each << ".\n";
  return faults.empty() ? 0 : 1;
}

}  // namespace

Command cluster_status_command() {
  auto config = std::make_shared<std::filesystem::path>("/etc/berth/berthd.yaml");
  Command command;
  command.usage = "[flags]";
  command.details =
      "Members of the etcd, hosts, which ordinals are where (those that are not ready in brackets), certificates; then "
      "a "
      "sentence for each thing that is wrong. Exit code 1: something is. As root.";
  command.flags.add_path(*config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [config](const Global& global, const Arguments& arguments) {
    if (!arguments.words.empty()) return usage_error("cluster status", {ErrorCode::InvalidArgument, "takes no words"});
    return status(global, *config);
  };
  return command;
}

}  // namespace berth::cli
