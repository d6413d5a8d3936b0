// api/tables/workload_rows.cpp - sets, their revisions, services and slices as rows.
#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

namespace {

const json::array& template_containers(const model::Object& set) {
  return array_at(set.raw, {"spec", "template", "spec", "containers"});
}

/// "statefulset.apps"
std::string qualified(const model::KindInfo& kind) {
  return kind.group.empty() ? std::string(kind.singular) : fmt::format("{}.{}", kind.singular, kind.group);
}

std::string service_ports(const json::object& service) {
  std::string out;
  for (const auto& entry : array_at(service, {"spec", "ports"})) {
    if (!entry.is_object()) continue;
    const auto& port = entry.get_object();
    if (!out.empty()) out += ',';
    out += fmt::format("{}", number_at(port, {"port"}));
    if (const auto node_port = number_at(port, {"nodePort"}); node_port > 0) out += fmt::format(":{}", node_port);
    const auto protocol = text_at(port, {"protocol"});
    out += fmt::format("/{}", protocol.empty() ? "TCP" : protocol);
  }
  return or_none(out);
}

std::string strings(const json::array& values) {
  std::string out;
  for (const auto& value : values) {
    if (!value.is_string()) continue;
    if (!out.empty()) out += ',';
    out += view(value.get_string());
  }
  return out;
}

std::string external_ip(const json::object& service) {
  const auto type = text_at(service, {"spec", "type"});
  if (type == "ExternalName") return or_none(text_at(service, {"spec", "externalName"}));
  const auto external = strings(array_at(service, {"spec", "externalIPs"}));
  if (type == "LoadBalancer") {
    std::set<std::string_view> points;
    for (const auto& point : array_at(service, {"status", "loadBalancer", "ingress"})) {
      if (!point.is_object()) continue;
      const auto ip = text_at(point.get_object(), {"ip"});
      const auto name = ip.empty() ? text_at(point.get_object(), {"hostname"}) : ip;
      if (!name.empty()) points.insert(name);
    }
    auto ingress = fmt::format("{}", fmt::join(points, ","));
    if (!external.empty()) ingress += (ingress.empty() ? "" : ",") + external;
    return ingress.empty() ? "<pending>" : ingress;
  }
  return or_none(external);
}

/// The first three, and how many more there are.
std::string some_of(const std::vector<std::string>& words) {
  constexpr std::size_t kShown = 3;
  if (words.empty()) return "<unset>";
  const auto shown = std::min(kShown, words.size());
  auto out = fmt::format("{}", fmt::join(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(shown), ","));
  if (words.size() > shown) out += fmt::format(" + {} more...", words.size() - shown);
  return out;
}

}  // namespace

json::array stateful_set_cells(const model::Object& set, WallTime now) {
  return {
      set.meta.name,
      fmt::format("{}/{}", number_at(set.raw, {"status", "readyReplicas"}), number_at(set.raw, {"spec", "replicas"})),
      age_since(set.meta.creation_timestamp, now), joined(template_containers(set), "name"),
      joined(template_containers(set), "image")};
}

json::array deployment_cells(const model::Object& deployment, WallTime now) {
  return {deployment.meta.name,
          fmt::format("{}/{}", number_at(deployment.raw, {"status", "readyReplicas"}),
                      number_at(deployment.raw, {"spec", "replicas"})),
          number_at(deployment.raw, {"status", "updatedReplicas"}),
          number_at(deployment.raw, {"status", "availableReplicas"}),
          age_since(deployment.meta.creation_timestamp, now),
          joined(template_containers(deployment), "name"),
          joined(template_containers(deployment), "image"),
          selector_text(field(deployment.raw, {"spec", "selector"}))};
}

json::array replica_set_cells(const model::Object& set, WallTime now) {
  return {set.meta.name,
          number_at(set.raw, {"spec", "replicas"}),
          number_at(set.raw, {"status", "replicas"}),
          number_at(set.raw, {"status", "readyReplicas"}),
          age_since(set.meta.creation_timestamp, now),
          joined(template_containers(set), "name"),
          joined(template_containers(set), "image"),
          selector_text(field(set.raw, {"spec", "selector"}))};
}

json::array daemon_set_cells(const model::Object& set, WallTime now) {
  return {set.meta.name,
          number_at(set.raw, {"status", "desiredNumberScheduled"}),
          number_at(set.raw, {"status", "currentNumberScheduled"}),
          number_at(set.raw, {"status", "numberReady"}),
          number_at(set.raw, {"status", "updatedNumberScheduled"}),
          number_at(set.raw, {"status", "numberAvailable"}),
          labels_text(field(set.raw, {"spec", "template", "spec", "nodeSelector"})),
          age_since(set.meta.creation_timestamp, now),
          joined(template_containers(set), "name"),
          joined(template_containers(set), "image"),
          selector_text(field(set.raw, {"spec", "selector"}))};
}

json::array controller_revision_cells(const model::Object& revision, WallTime now) {
  std::string owner = "<none>";
  if (const auto* controller = revision.meta.controller(); controller != nullptr) {
    const auto* kind = model::find_kind(controller->kind);
    owner = fmt::format("{}/{}", kind != nullptr ? qualified(*kind) : controller->kind, controller->name);
  }
  return {revision.meta.name, owner, number_at(revision.raw, {"revision"}),
          age_since(revision.meta.creation_timestamp, now)};
}

json::array service_cells(const model::Object& service, WallTime now) {
  return {service.meta.name,
          or_none(text_at(service.raw, {"spec", "type"})),
          or_none(text_at(service.raw, {"spec", "clusterIP"})),
          external_ip(service.raw),
          service_ports(service.raw),
          age_since(service.meta.creation_timestamp, now),
          labels_text(field(service.raw, {"spec", "selector"}))};
}

json::array endpoints_cells(const model::Object& endpoints, WallTime now) {
  constexpr std::size_t kShown = 3;  // as kubectl: more are counted
  std::string text;
  std::size_t count = 0;
  for (const auto& subset : array_at(endpoints.raw, {"subsets"})) {
    if (!subset.is_object()) continue;
    static const json::array portless{json::object{}};
    const auto& ports = array_at(subset.get_object(), {"ports"});
    for (const auto& port : ports.empty() ? portless : ports) {
      for (const auto& address : array_at(subset.get_object(), {"addresses"})) {
        if (!address.is_object() || !port.is_object() || ++count > kShown) continue;
        const auto number = number_at(port.get_object(), {"port"});
        if (!text.empty()) text += ',';
        text += text_at(address.get_object(), {"ip"});
        if (number != 0) text += fmt::format(":{}", number);
      }
    }
  }
  if (count > kShown) text += fmt::format(" + {} more...", count - kShown);
  return {endpoints.meta.name, or_none(text), age_since(endpoints.meta.creation_timestamp, now)};
}

json::array endpoint_slice_cells(const model::Object& slice, WallTime now) {
  std::vector<std::string> ports;
  for (const auto& entry : array_at(slice.raw, {"ports"})) {
    if (!entry.is_object()) continue;
    const auto port = number_at(entry.get_object(), {"port"});
    ports.push_back(port == 0 ? "*" : fmt::format("{}", port));
  }
  std::vector<std::string> addresses;
  for (const auto& entry : array_at(slice.raw, {"endpoints"})) {
    if (!entry.is_object()) continue;
    for (const auto& address : array_at(entry.get_object(), {"addresses"})) {
      if (address.is_string()) addresses.emplace_back(view(address.get_string()));
    }
  }
  return {slice.meta.name, text_at(slice.raw, {"addressType"}), some_of(ports), some_of(addresses),
          age_since(slice.meta.creation_timestamp, now)};
}

}  // namespace berth::api
