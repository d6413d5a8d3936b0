// api/encoding/field.cpp - reading raw objects forgivingly, for rows.
#include "api/encoding/field.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

namespace berth::api {

const json::value* field(const json::object& from, std::initializer_list<std::string_view> path) {
  const json::object* at = &from;
  const json::value* value = nullptr;
  for (const auto key : path) {
    if (at == nullptr) return nullptr;
    value = at->if_contains(json::string_view(key.data(), key.size()));
    if (value == nullptr) return nullptr;
    at = value->if_object();
  }
  return value;
}

std::string_view text_at(const json::object& from, std::initializer_list<std::string_view> path) {
  const auto* value = field(from, path);
  return value != nullptr && value->is_string() ? view(value->get_string()) : std::string_view{};
}

std::int64_t number_at(const json::object& from, std::initializer_list<std::string_view> path) {
  const auto* value = field(from, path);
  if (value == nullptr) return 0;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  return 0;
}

bool flag_at(const json::object& from, std::initializer_list<std::string_view> path) {
  const auto* value = field(from, path);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::array& array_at(const json::object& from, std::initializer_list<std::string_view> path) {
  static const json::array kEmpty;
  const auto* value = field(from, path);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

std::size_t size_at(const json::object& from, std::initializer_list<std::string_view> path) {
  const auto* value = field(from, path);
  if (value == nullptr) return 0;
  if (value->is_object()) return value->get_object().size();
  return value->is_array() ? value->get_array().size() : 0;
}

std::string or_none(std::string_view text) { return text.empty() ? "<none>" : std::string(text); }

namespace {

/// As fmt.Sprint would: strings bare, the rest as JSON.
std::string plain_text(const json::value& value) {
  return value.is_string() ? std::string(view(value.get_string())) : json::serialize(value);
}

void append_term(std::string& out, std::string_view term) {
  if (!out.empty()) out += ',';
  out += term;
}

}  // namespace

std::string labels_text(const json::value* labels) {
  std::string out;
  if (labels != nullptr && labels->is_object()) {
    std::map<std::string, std::string> sorted;
    for (const auto& [key, value] : labels->get_object()) sorted.emplace(key, plain_text(value));
    for (const auto& [key, value] : sorted) append_term(out, fmt::format("{}={}", key, value));
  }
  return or_none(out);
}

std::string selector_text(const json::value* selector) {
  if (selector == nullptr || !selector->is_object()) return "<none>";
  const auto& object = selector->get_object();
  // A ReplicationController's is a plain map; so is a Service's.
  if (!object.empty() && object.begin()->value().is_string()) return labels_text(selector);
  // By key, whatever the order and the form they were written in.
  std::multimap<std::string, std::string> terms;
  if (const auto* labels = field(object, {"matchLabels"}); labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->get_object()) {
      terms.emplace(key, fmt::format("{}={}", std::string_view(key), plain_text(value)));
    }
  }
  for (const auto& entry : array_at(object, {"matchExpressions"})) {
    if (!entry.is_object()) continue;
    const auto& expression = entry.get_object();
    const std::string key(text_at(expression, {"key"}));
    const auto op = text_at(expression, {"operator"});
    std::set<std::string> sorted;
    for (const auto& value : array_at(expression, {"values"})) sorted.insert(plain_text(value));
    std::string values;
    for (const auto& value : sorted) append_term(values, value);
    if (op == "Exists") terms.emplace(key, key);
    if (op == "DoesNotExist") terms.emplace(key, fmt::format("!{}", key));
    if (op == "In") terms.emplace(key, fmt::format("{} in ({})", key, values));
    if (op == "NotIn") terms.emplace(key, fmt::format("{} notin ({})", key, values));
  }
  std::string out;
  for (const auto& [key, term] : terms) append_term(out, term);
  return or_none(out);
}

std::string joined(const json::array& elements, std::string_view member) {
  std::string out;
  for (const auto& element : elements) {
    if (element.is_object()) append_term(out, text_at(element.get_object(), {member}));
  }
  return out;
}

std::string access_modes_text(const json::array& modes) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kShort{
      {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}}};
  std::string out;
  for (const auto& [mode, text] : kShort) {  // always in this order, each once
    if (std::find(modes.begin(), modes.end(), json::value(mode)) != modes.end()) append_term(out, text);
  }
  return out;
}

}  // namespace berth::api
