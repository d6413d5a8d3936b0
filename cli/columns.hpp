// cli/columns.hpp - `-o custom-columns=NAME:.metadata.name,...` and the order of `--sort-by`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/json_path.hpp"

namespace berth::cli {

/// The columns a user asked for.
class CustomColumns {
 public:
  /// "NAME:.metadata.name,NODE:.spec.nodeName". InvalidArgument as kubectl words it.
  static Result<CustomColumns> parse(std::string_view spec);

  /// A line with tabs, for align_tabs().
  std::string header() const;
  std::string row(const json::value& object) const;

 private:
  std::vector<std::string> titles_;
  std::vector<JsonPath> paths_;
};

/// How --sort-by orders two values: what is missing first, numbers and quantities by size, the rest as text.
bool sorts_before(const json::value* a, const json::value* b);

}  // namespace berth::cli
