// cli/json_path.hpp - kubectl's JSONPath templates: `{range .items[*]}{.metadata.name}{"\n"}{end}`. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

/// A parsed template: text, `{.a.b}`, `['a','b']`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `..name`, `[?(@.a=="b")]`,
/// `{range}...{end}`, `{"text\n"}`, `\.` inside names. What is missing in an object prints nothing.
class JsonPath {
 public:
  /// InvalidArgument: what is wrong with the template.
  static Result<JsonPath> parse(std::string_view text);
  /// One expression, the braces and the first dot optional: `metadata.name`, `.metadata.name`, `{.metadata.name}`.
  static Result<JsonPath> parse_relaxed(std::string_view text);

  /// The text that the template makes of `root`.
  std::string print(const json::value& root) const;
  /// The values that the first expression finds; they live in `root`.
  std::vector<const json::value*> find(const json::value& root) const;

  struct Part;
  JsonPath(JsonPath&&) noexcept;
  JsonPath& operator=(JsonPath&&) noexcept;
  ~JsonPath();

 private:
  JsonPath();
  std::vector<Part> parts_;
};

/// As kubectl prints a value: strings as they are, the rest as JSON.
std::string plain_text(const json::value& value);

}  // namespace berth::cli
