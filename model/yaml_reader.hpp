// model/yaml_reader.hpp - YAML text to JSON values, with the line of every field.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace berth::model {

/// Where a value and everything below it was written. Lines are 1-based, 0 when not known.
struct LineNode {
  int line = 0;
  std::vector<std::string> names;  ///< Of a mapping: the keys of `children`; empty for a list.
  std::vector<LineNode> children;  ///< Values or items, in the order in which they were written.

  /// The line of a field path ("spec.containers[0].image"), or of the closest field around it that was written.
  int line_of(std::string_view field_path) const;
};

struct YamlDocument {
  json::value value;
  LineNode lines;
};

/// Documents up to the first error; empty documents are left out.
struct YamlStream {
  struct Failure {
    int line = 0;
    std::string message;
  };
  struct Note {
    int line = 0;
    std::string message;
  };
  std::vector<YamlDocument> documents;
  std::vector<Note> warnings;  ///< What was read otherwise than it may have been meant: keys that are set twice.
  std::optional<Failure> failure;
};

struct YamlLimits {
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t depth = 64;
  std::size_t nodes = 200'000;  ///< After alias expansion; copied bytes are limited to twice `bytes`.
};

/// Reads YAML 1.1 as Kubernetes does (sigs.k8s.io/yaml): yes/no/on/off are booleans, 0644 is octal, quoted scalars
/// are strings, of keys that are set twice the last counts, with a warning, `<<` merges. JSON is read too. Never
/// throws; pure.
YamlStream read_yaml(std::string_view text, const YamlLimits& limits);

/// What a plain scalar stands for: a string, an integer, a double, a boolean or null.
json::value resolve_plain_scalar(std::string_view text);

}  // namespace berth::model
