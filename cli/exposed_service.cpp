// cli/exposed_service.cpp - see exposed_service.hpp.
#include "cli/exposed_service.hpp"

#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "cli/server.hpp"
#include "model/json_edit.hpp"

namespace berth::cli {

namespace {

struct Port {
  std::int64_t number = 0;
  std::string protocol;
};

Error invalid(std::string text) { return {ErrorCode::InvalidArgument, std::move(text)}; }

/// "a=b,c=d"
Result<json::object> pairs(std::string_view text, std::string_view flag) {
  json::object out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto pair = text.substr(0, comma);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return invalid(fmt::format("--{}: \"{}\" is not of the form KEY=VALUE", flag, pair));
    }
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

Result<json::object> selector_of(const model::KindInfo& kind, const json::value& object) {
  const json::value* labels = nullptr;
  if (kind.kind == model::Kind::Pod) {
    labels = find(object, {"metadata", "labels"});
  } else if (kind.kind == model::Kind::Service || kind.kind == model::Kind::ReplicationController) {
    labels = find(object, {"spec", "selector"});
  } else {
    const auto* more = find(object, {"spec", "selector", "matchExpressions"});
    if (more != nullptr && more->is_array() && !more->get_array().empty()) {
      return invalid("couldn't convert expressions - \"matchExpressions\" to map-based selector format");
    }
    labels = find(object, {"spec", "selector", "matchLabels"});
  }
  if (labels == nullptr || !labels->is_object() || labels->get_object().empty()) {
    return invalid(fmt::format("cannot expose a {}: it selects no pods by labels", kind.name));
  }
  return labels->get_object();
}

/// What the containers say that they have, or the ports of a Service.
std::vector<Port> ports_of(const json::value& object) {
  std::vector<Port> out;
  const auto add = [&](const json::value* list, std::string_view member) {
    if (list == nullptr || !list->is_array()) return;
    for (const auto& port : list->get_array()) {
      out.push_back({number_at(port, {member}, 0), std::string(find_string(port, {"protocol"}))});
    }
  };
  add(find(object, {"spec", "ports"}), "port");
  for (const auto* containers :
       {find(object, {"spec", "containers"}), find(object, {"spec", "template", "spec", "containers"})}) {
    if (containers == nullptr || !containers->is_array()) continue;
    for (const auto& container : containers->get_array()) add(find(container, {"ports"}), "containerPort");
  }
  return out;
}

Result<std::vector<Port>> written_ports(std::string_view text) {
  std::vector<Port> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    Port port;
    const auto* end = text.data() + comma;
    const auto [stop, error] = std::from_chars(text.data(), end, port.number);
    if (error != std::errc() || stop != end || port.number < 1 || port.number > 65535) {
      return invalid(fmt::format("--port: \"{}\" is no port", text.substr(0, comma)));
    }
    out.push_back(port);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

json::value number_or_name(const std::string& text) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() ? json::value(number) : json::value(text);
}

}  // namespace

Result<json::value> ExposedService::to_json(const model::KindInfo& kind, const json::value& object) const {
  auto chosen = selector.empty() ? selector_of(kind, object) : pairs(selector, "selector");
  if (!chosen) return chosen.error();
  auto ports = port.empty() ? Result<std::vector<Port>>(ports_of(object)) : written_ports(port);
  if (!ports) return ports.error();
  if (ports->empty()) return invalid("couldn't find port via --port flag or introspection");
  json::array entries;
  for (const auto& each : *ports) {
    auto spoken = protocol.empty() ? each.protocol : protocol;
    json::object entry{{"port", each.number}, {"protocol", spoken.empty() ? "TCP" : spoken}};
    entry["targetPort"] = target_port.empty() ? json::value(each.number) : number_or_name(target_port);
    if (ports->size() > 1) entry["name"] = fmt::format("port-{}", entries.size() + 1);
    entries.emplace_back(std::move(entry));
  }
  json::object metadata{{"name", name.empty() ? std::string(name_of(object)) : name}};
  if (!labels.empty()) {
    auto given = pairs(labels, "labels");
    if (!given) return given.error();
    metadata["labels"] = std::move(*given);
  } else if (const auto* own = find(object, {"metadata", "labels"})) {
    metadata["labels"] = *own;
  }
  json::object spec{{"selector", std::move(*chosen)}, {"ports", std::move(entries)}};
  for (const auto& [field, value] : {std::pair("type", &type), std::pair("clusterIP", &cluster_ip),
                                     std::pair("sessionAffinity", &session_affinity)}) {
    if (!value->empty()) spec[field] = *value;
  }
  if (!external_ip.empty()) spec["externalIPs"] = json::array{external_ip};
  return json::value(json::object{
      {"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}});
}

}  // namespace berth::cli
