// cli/get_output.hpp - what -o says: objects as YAML, JSON, names, a template's text or columns. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/columns.hpp"

namespace berth::cli {

class Output {
 public:
  /// "", "wide", "yaml", "json", "name", "jsonpath=...", "jsonpath-file=...", "custom-columns=...". InvalidArgument as
  /// kubectl words it.
  static Result<Output> parse(const std::string& format, bool no_headers, bool keep_managed_fields);

  bool is_table() const { return type_ == Type::Table || type_ == Type::Wide; }
  bool is_wide() const { return type_ == Type::Wide; }
  /// Nothing to print deserves a word on stderr.
  bool is_lines() const { return type_ == Type::Columns; }

  /// `single`: the one object that was named; else a List of all.
  std::string print(json::array items, bool single) const;
  /// One event of a watch.
  std::string print_one(const json::value& object, std::string_view event);

 private:
  enum class Type { Table, Wide, Yaml, Json, Name, Path, Columns };
  json::value without_managed_fields(json::value object) const;

  Type type_ = Type::Table;
  bool headers_ = true;
  bool keep_managed_ = false;
  bool header_done_ = false;
  std::optional<JsonPath> path_;
  std::optional<CustomColumns> columns_;
};

/// The items in the order of a field. InvalidArgument: the path is none.
Result<std::vector<const json::value*>> sorted_items(const json::array& items, std::string_view path);

}  // namespace berth::cli
