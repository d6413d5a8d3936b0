// cli/wait_condition.hpp - what `berth wait --for=...` waits for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/json_path.hpp"

namespace berth::cli {

class WaitCondition {
 public:
  enum class Type { Delete, Create, Condition, Path };

  /// "delete", "create", "condition=Ready", "condition=Ready=False", "jsonpath={.status.phase}=Running",
  /// "jsonpath={.x}". InvalidArgument as kubectl words it.
  static Result<WaitCondition> parse(std::string_view text);

  Type type() const { return type_; }
  /// Does the object meet it? Delete: never; create: always.
  bool is_met(const json::value& object) const;

 private:
  Type type_ = Type::Delete;
  std::string name_;
  std::string value_;  ///< The condition's status, or what the path has to give.
  bool any_value_ = false;
  std::optional<JsonPath> path_;
};

}  // namespace berth::cli
