// model/node_facts.cpp - see node_facts.hpp.
#include "model/node_facts.hpp"

namespace berth::model {
namespace {

/// The entry of the list status.<list> whose type that is; null: there is none.
const json::value* entry_of_type(const json::object& node, std::string_view list, std::string_view type) {
  const auto* status = node.if_contains("status");
  const auto* all = status == nullptr ? nullptr : find(*status, {list});
  if (all == nullptr || !all->is_array()) return nullptr;
  for (const auto& each : all->get_array()) {
    if (find_string(each, {"type"}) == type) return &each;
  }
  return nullptr;
}

}  // namespace

std::string node_address(const json::object& node, std::string_view type) {
  const auto* entry = entry_of_type(node, "addresses", type);
  return std::string(entry == nullptr ? std::string_view() : find_string(*entry, {"address"}));
}

bool is_unheard_of(const json::object& node) {
  const auto* ready = entry_of_type(node, "conditions", "Ready");
  return ready != nullptr && find_string(*ready, {"status"}) == "Unknown";
}

}  // namespace berth::model
