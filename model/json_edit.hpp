// model/json_edit.hpp - the few edits that defaulting and conversion make to JSON; values of a wrong type are left
// alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/json.hpp"

namespace berth::model {

/// A member's name.
inline std::string_view key_of(const json::key_value_pair& entry) { return {entry.key().data(), entry.key().size()}; }

/// The object at `name`, or null.
inline json::object* object_at(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

inline const json::object* object_at(const json::object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

/// The object at `name`, made when it is absent; null when something else is there.
inline json::object* object_or_new(json::object& parent, std::string_view name) {
  auto& value = parent[name];
  if (value.is_null()) value.emplace_object();
  return value.if_object();
}

/// The object at `name`, made when it is absent or something else is there.
inline json::object& object_in(json::object& parent, std::string_view name) {
  auto& value = parent[name];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

/// Sets `name` unless it has a value.
inline void set_default(json::object& parent, std::string_view name, json::value value) {
  auto& field = parent[name];
  if (field.is_null()) field = std::move(value);
}

/// As set_default; "" is Go's "not set".
inline void set_default_text(json::object& parent, std::string_view name, std::string_view text) {
  auto& field = parent[name];
  const auto* found = field.if_string();
  if (field.is_null() || (found != nullptr && found->empty())) field = text;
}

/// As set_default; 0 is Go's "not set".
inline void set_default_number(json::object& parent, std::string_view name, std::int64_t number) {
  auto& field = parent[name];
  const bool zero = (field.is_int64() && field.get_int64() == 0) || (field.is_uint64() && field.get_uint64() == 0) ||
                    (field.is_double() && field.get_double() == 0);
  if (field.is_null() || zero) field = number;
}

/// Calls `visit(json::object&)`, const as `parent` is, for the objects in the list at `name`.
template <typename Object, typename Visit>
void each_object(Object& parent, std::string_view name, Visit visit) {
  auto* value = parent.if_contains(name);
  auto* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr) return;
  for (auto& item : *list) {
    if (auto* object = item.if_object()) visit(*object);
  }
}

inline std::string_view text_at(const json::object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : view(*text);
}

inline void erase(json::object& parent, std::string_view name) {
  if (const auto at = parent.find(name); at != parent.end()) parent.stable_erase(at);
}

}  // namespace berth::model
