// cli/describe_text.hpp - one object as readable text, in kubectl's layout. Pure.
#pragma once

#include <string>

#include "base/json.hpp"
#include "model/meta.hpp"

namespace berth::cli {

/// Pods, sets, services, claims and nodes in detail; other kinds with name, labels and their remaining fields as YAML.
std::string describe_object(const model::KindInfo& kind, const json::value& object);

/// The section "Events:" from a Table of events.
std::string describe_events(const json::value& table);

}  // namespace berth::cli
