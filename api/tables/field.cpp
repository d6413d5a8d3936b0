// api/tables/field.cpp - reading raw objects forgivingly, for rows.
#include "api/tables/field.hpp"

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
  std::string out;
  if (size_at(object, {"matchLabels"}) > 0) out = labels_text(field(object, {"matchLabels"}));
  for (const auto& entry : array_at(object, {"matchExpressions"})) {
    if (!entry.is_object()) continue;
    const auto& expression = entry.get_object();
    const auto key = text_at(expression, {"key"});
    const auto op = text_at(expression, {"operator"});
    std::string values;
    for (const auto& value : array_at(expression, {"values"})) append_term(values, plain_text(value));
    if (op == "Exists") append_term(out, key);
    if (op == "DoesNotExist") append_term(out, fmt::format("!{}", key));
    if (op == "In") append_term(out, fmt::format("{} in ({})", key, values));
    if (op == "NotIn") append_term(out, fmt::format("{} notin ({})", key, values));
  }
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
  std::string out;
  for (const auto& mode : modes) {
    const auto text = plain_text(mode);
    if (text == "ReadWriteOnce") append_term(out, "RWO");
    if (text == "ReadOnlyMany") append_term(out, "ROX");
    if (text == "ReadWriteMany") append_term(out, "RWX");
    if (text == "ReadWriteOncePod") append_term(out, "RWOP");
  }
  return out;
}

}  // namespace berth::api
