// agent/objects/manual_endpoints.cpp - see manual_endpoints.hpp.
#include "agent/objects/manual_endpoints.hpp"

#include <limits>
#include <string_view>

namespace berth::agent {
namespace {

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

bool is_derived(const model::Object& endpoints) {
  const auto slice = endpoints.kind == model::Kind::EndpointSlice;
  const auto found = endpoints.meta.labels.find(slice ? kSliceManager : kManager);
  return found != endpoints.meta.labels.end() && found->second == (slice ? kSliceManagerName : kManagerName);
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
