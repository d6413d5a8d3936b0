// model/node_facts.hpp - what a Node says of its host, read from its JSON. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"

namespace berth::model {

/// The first of status.addresses that has that type ("InternalIP"); empty: there is none.
std::string node_address(const json::object& node, std::string_view type);

/// Is nothing heard of the node: is its condition Ready Unknown?
bool is_unheard_of(const json::object& node);

}  // namespace berth::model
