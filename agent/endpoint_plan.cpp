// agent/endpoint_plan.cpp - see endpoint_plan.hpp.
#include "agent/endpoint_plan.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "agent/revision.hpp"

namespace berth::agent {
namespace {

constexpr const char* kSliceService = "kubernetes.io/service-name";
constexpr const char* kSliceManager = "endpointslice.kubernetes.io/managed-by";
constexpr const char* kSliceManagerName = "endpointslice-controller.k8s.io";
constexpr const char* kManager = "endpoints.kubernetes.io/managed-by";
constexpr const char* kManagerName = "endpoint-controller";
constexpr const char* kHeadless = "service.kubernetes.io/headless";
constexpr std::size_t kMaxEndpoints = 1000;  ///< Kubernetes' own limit of one object.
constexpr std::size_t kMaxNameBase = 57;     ///< A slice's name is that, a dash and five letters.

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

bool flag(const json::value& from, std::initializer_list<std::string_view> path, bool fallback) {
  const auto* value = find(from, path);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

/// Calls `visit` for the elements of the list at `name`.
template <typename Visit>
void each(const json::value& from, std::string_view name, Visit visit) {
  const auto* list = find(from, {name});
  if (list == nullptr || !list->is_array()) return;
  for (const auto& element : list->get_array()) visit(element);
}

void add_port(ManualEndpoints& to, const json::value& port) {
  const auto* number = find(port, {"port"});
  if (number == nullptr || !number->is_int64() || number->get_int64() <= 0 || number->get_int64() > 65535) return;
  to.ports.push_back(
      {.name = std::string(find_string(port, {"name"})), .port = static_cast<std::uint16_t>(number->get_int64())});
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

bool is_derived(const model::Object& endpoints) {
  const auto slice = endpoints.kind == model::Kind::EndpointSlice;
  const auto found = endpoints.meta.labels.find(slice ? kSliceManager : kManager);
  return found != endpoints.meta.labels.end() && found->second == (slice ? kSliceManagerName : kManagerName);
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

std::optional<ManualEndpoints> manual_endpoints(const model::Object& object) {
  if (is_derived(object)) return std::nullopt;
  ManualEndpoints made;
  const json::value raw(object.raw);
  if (object.kind == model::Kind::Endpoints) {
    made.service = object.meta.name;
    each(raw, "subsets", [&](const json::value& subset) {
      for (const auto* list : {"addresses", "notReadyAddresses"}) {
        each(subset, list, [&](const json::value& address) {
          if (made.addresses.size() >= kMaxEndpoints) return;
          made.addresses.push_back({.ip = std::string(find_string(address, {"ip"})),
                                    .hostname = std::string(find_string(address, {"hostname"})),
                                    .ready = std::string_view(list) == "addresses"});
        });
      }
      each(subset, "ports", [&](const json::value& port) { add_port(made, port); });
    });
    return made;
  }
  const auto service = object.meta.labels.find(kSliceService);
  if (service == object.meta.labels.end()) return std::nullopt;
  made.service = service->second;
  each(raw, "endpoints", [&](const json::value& endpoint) {
    each(endpoint, "addresses", [&](const json::value& address) {
      if (!address.is_string() || made.addresses.size() >= kMaxEndpoints) return;
      made.addresses.push_back({.ip = std::string(view(address.get_string())),
                                .hostname = std::string(find_string(endpoint, {"hostname"})),
                                .ready = flag(endpoint, {"conditions", "ready"}, true)});
    });
  });
  each(raw, "ports", [&](const json::value& port) { add_port(made, port); });
  return made;
}

}  // namespace berth::agent
