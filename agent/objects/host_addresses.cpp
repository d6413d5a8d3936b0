// agent/objects/host_addresses.cpp - see host_addresses.hpp.
#include "agent/objects/host_addresses.hpp"

#include "agent/objects/change_facts.hpp"
#include "model/node_facts.hpp"

namespace berth::agent {
namespace {

std::string address_of(const model::Object& node) { return model::node_address(node.raw, "InternalIP"); }

}  // namespace

std::optional<std::set<std::string>> addresses_of_others(const LiveNodes& nodes, const ObjectCache& cache,
                                                         const store::Store& store) {
  if (!nodes.known()) return std::nullopt;
  std::set<std::string> out;
  for (const auto* node : nodes.in(cache)) {
    if (node->meta.name == nodes.own()) continue;
    const auto stored = store.get({model::Kind::Node, "", node->meta.name});
    if (auto address = stored ? address_of(*stored) : std::string(); !address.empty()) out.insert(std::move(address));
  }
  return out;
}

bool moves_host(const store::Change& change) {
  return change.object->kind == model::Kind::Node &&
         (is_other_object(change) || address_of(*change.object) != address_of(*change.previous));
}

}  // namespace berth::agent
