// agent/services/endpoint_plan.cpp - see endpoint_plan.hpp.
#include "agent/services/endpoint_plan.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "agent/objects/pod_facts.hpp"
#include "agent/objects/revision.hpp"

namespace berth::agent {
namespace {

constexpr const char* kHeadless = "service.kubernetes.io/headless";
constexpr std::size_t kMaxNameBase = 57;  ///< A slice's name is that, a dash and five letters.

json::array ports_of(const model::Service& service, const model::Pod& pod) {
  json::array ports;
  for (const auto& port : service.ports) {
    const auto number = target_port(port, pod);
    if (number == 0) continue;  // The pod has no port of that name.
    json::object entry;
    if (!port.name.empty()) entry["name"] = port.name;
    entry["port"] = number;
    entry["protocol"] = port.protocol;
    ports.push_back(std::move(entry));
  }
  return ports;
}

/// What both kinds say of one pod.
void describe(json::object& entry, const model::Service& service, const model::Pod& pod) {
  if (pod.spec.subdomain == service.meta.name && !pod.spec.hostname.empty()) entry["hostname"] = pod.spec.hostname;
  if (!pod.spec.node_name.empty()) entry["nodeName"] = pod.spec.node_name;
  entry["targetRef"] = {{"kind", "Pod"}, {"name", pod.meta.name}, {"namespace", pod.meta.ns}, {"uid", pod.meta.uid}};
}

json::object slice_entry(const model::Service& service, const model::Pod& pod) {
  const auto serving = pod.status.ready();
  const auto ready = service.publish_not_ready_addresses || (serving && !pod.meta.deleting());
  json::object entry{{"addresses", json::array{json::value(pod.status.pod_ip)}},
                     {"conditions", {{"ready", ready}, {"serving", serving}, {"terminating", pod.meta.deleting()}}}};
  describe(entry, service, pod);
  return entry;
}

/// Pods that share their ports.
struct Group {
  json::array ports;
  json::array ready;
  json::array not_ready;
  json::array slice;
};

json::object metadata(const model::Service& service, const std::string& name) {
  json::object labels;
  for (const auto& [key, value] : service.meta.labels) labels[key] = value;
  if (service.headless()) labels[kHeadless] = "";
  json::object owner = make_owner_reference(service.meta, "Service");
  owner["apiVersion"] = "v1";
  return {{"name", name},
          {"namespace", service.meta.ns},
          {"labels", std::move(labels)},
          {"ownerReferences", json::array{std::move(owner)}}};
}

json::object make_slice(const model::Service& service, std::size_t index, Group group) {
  const auto suffix = template_hash({{"uid", service.meta.uid}, {"index", index}}).substr(0, 5);
  auto meta = metadata(service, fmt::format("{}-{}", service.meta.name.substr(0, kMaxNameBase), suffix));
  auto& labels = meta["labels"].get_object();
  labels[kSliceService] = service.meta.name;
  labels[kSliceManager] = kSliceManagerName;
  for (auto& port : group.ports) {
    auto& entry = port.get_object();
    if (!entry.contains("name")) entry["name"] = "";  // Never absent in a slice.
  }
  return {{"apiVersion", "discovery.k8s.io/v1"}, {"kind", "EndpointSlice"},
          {"metadata", std::move(meta)},         {"addressType", "IPv4"},
          {"endpoints", std::move(group.slice)}, {"ports", std::move(group.ports)}};
}

json::object make_endpoints(const model::Service& service, const std::map<std::string, Group>& groups) {
  json::array subsets;
  for (const auto& [key, group] : groups) {
    if (group.ready.empty() && group.not_ready.empty()) continue;
    if (group.ports.empty() && !service.ports.empty()) continue;  // None of the ports leads anywhere.
    json::object subset;
    if (!group.ready.empty()) subset["addresses"] = group.ready;
    if (!group.not_ready.empty()) subset["notReadyAddresses"] = group.not_ready;
    if (!group.ports.empty()) subset["ports"] = group.ports;
    subsets.push_back(std::move(subset));
  }
  auto meta = metadata(service, service.meta.name);
  meta["labels"].get_object()[kManager] = kManagerName;
  json::object made{{"apiVersion", "v1"}, {"kind", "Endpoints"}, {"metadata", std::move(meta)}};
  if (!subsets.empty()) made["subsets"] = std::move(subsets);
  return made;
}

}  // namespace

bool derives_endpoints(const model::Service& service) {
  return !service.selector.empty() && service.type != "ExternalName" && !service.meta.deleting();
}

EndpointPlan plan_endpoints(const model::Service& service, const std::vector<PodPtr>& pods) {
  std::map<std::string, Group> groups;
  std::size_t count = 0;
  for (const auto& pod : pods) {
    if (pod->status.pod_ip.empty() || is_terminal(*pod) || !model::matches(service.selector, pod->meta.labels))
      continue;
    if (++count > kMaxEndpoints) break;
    auto ports = ports_of(service, *pod);
    auto& group = groups[json::serialize(ports)];
    group.ports = std::move(ports);
    group.slice.push_back(slice_entry(service, *pod));
    if (pod->meta.deleting() && !service.publish_not_ready_addresses) continue;
    json::object address{{"ip", pod->status.pod_ip}};
    describe(address, service, *pod);
    const auto ready = service.publish_not_ready_addresses || pod->status.ready();
    (ready ? group.ready : group.not_ready).push_back(std::move(address));
  }
  EndpointPlan plan;
  plan.endpoints = make_endpoints(service, groups);
  if (groups.empty()) groups[std::string()];  // A service without pods has one empty slice.
  for (auto& [key, group] : groups) plan.slices.push_back(make_slice(service, plan.slices.size(), std::move(group)));
  return plan;
}

std::optional<json::object> merge_endpoints(const json::object& stored, const json::object& planned) {
  auto merged = stored;
  auto& meta = merged["metadata"];
  if (!meta.is_object()) meta.emplace_object();
  for (const auto* field : {"labels", "ownerReferences"}) {
    meta.get_object()[field] = planned.at("metadata").get_object().at(field);
  }
  for (const auto* field : {"subsets", "endpoints", "ports", "addressType"}) {
    if (const auto* value = planned.if_contains(field)) {
      merged[field] = *value;
    } else {
      merged.erase(field);
    }
  }
  if (merged == stored) return std::nullopt;
  return merged;
}

std::uint16_t target_port(const model::ServicePort& port, const model::Pod& pod) {
  std::uint16_t number = 0;
  const auto* end = port.target_port.data() + port.target_port.size();
  const auto [parsed, error] = std::from_chars(port.target_port.data(), end, number);
  if (error == std::errc() && parsed == end && number != 0) return number;
  for (const auto& container : pod.spec.containers) {
    for (const auto& candidate : container.ports) {
      if (candidate.name == port.target_port && candidate.protocol == port.protocol) {
        return static_cast<std::uint16_t>(candidate.container_port);
      }
    }
  }
  return port.target_port.empty() ? static_cast<std::uint16_t>(port.port) : std::uint16_t{0};
}

}  // namespace berth::agent
