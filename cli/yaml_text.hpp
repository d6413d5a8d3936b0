// cli/yaml_text.hpp - JSON as YAML, as `kubectl -o yaml` writes it. Pure.
#pragma once

#include <string>

#include "base/json.hpp"

namespace berth::cli {

/// Keys sorted, two blanks per level, list items at their key's column, block scalars for text of several lines.
/// Strings that YAML would read as something else are quoted.
std::string to_yaml(const json::value& value);

/// Indented JSON, four blanks per level, keys sorted, as `kubectl -o json`.
std::string to_pretty_json(const json::value& value);

}  // namespace berth::cli
