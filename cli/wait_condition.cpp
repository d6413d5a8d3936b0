// cli/wait_condition.cpp - what `berth wait --for=...` waits for.
#include "cli/wait_condition.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/server.hpp"

namespace berth::cli {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

Result<WaitCondition> WaitCondition::parse(std::string_view text) {
  WaitCondition out;
  const auto word = lower(text);
  if (word == "delete" || word == "create") {
    out.type_ = word == "delete" ? Type::Delete : Type::Create;
    return out;
  }
  if (word.starts_with("condition=")) {
    out.type_ = Type::Condition;
    text.remove_prefix(10);
    const auto equals = text.find('=');
    out.name_ = lower(text.substr(0, equals));
    out.value_ = equals == std::string_view::npos ? "true" : lower(text.substr(equals + 1));
    return out;
  }
  if (word.starts_with("jsonpath=")) {
    out.type_ = Type::Path;
    text.remove_prefix(9);
    // The value stands after the closing brace, for "==" belongs to filters.
    const auto brace = text.rfind('}');
    const auto equals = text.find('=', brace == std::string_view::npos ? 0 : brace);
    out.any_value_ = equals == std::string_view::npos;
    if (!out.any_value_) {
      out.value_ = text.substr(equals + 1);
      if (out.value_.empty())
        return Error(ErrorCode::InvalidArgument, "jsonpath wait has to have a value after equal sign");
    }
    if (out.value_.size() > 1 && out.value_.front() == out.value_.back() &&
        (out.value_[0] == '"' || out.value_[0] == '\'')) {
      out.value_ = out.value_.substr(1, out.value_.size() - 2);
    }
    auto path = JsonPath::parse_relaxed(text.substr(0, equals));
    if (!path) return path.error();
    out.path_ = *std::move(path);
    return out;
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("unrecognized condition: \"{}\"", text));
}

bool WaitCondition::is_met(const json::value& object) const {
  switch (type_) {
    case Type::Delete: return false;
    case Type::Create: return true;
    case Type::Condition: {
      const auto* conditions = find(object, {"status", "conditions"});
      if (conditions == nullptr || !conditions->is_array()) return false;
      return std::any_of(conditions->get_array().begin(), conditions->get_array().end(), [&](const json::value& one) {
        const auto generation = number_at(object, {"metadata", "generation"}, 0);
        return lower(find_string(one, {"type"})) == name_ && lower(find_string(one, {"status"})) == value_ &&
               number_at(one, {"observedGeneration"}, generation) >= generation;
      });
    }
    case Type::Path: {
      const auto found = path_->find(object);
      if (found.empty()) return false;
      if (any_value_) return true;
      return std::all_of(found.begin(), found.end(),
                         [&](const json::value* one) { return plain_text(*one) == value_; });
    }
  }
  return false;
}

}  // namespace berth::cli
