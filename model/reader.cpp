// model/reader.cpp - see reader.hpp.
#include "model/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace berth::model {

std::string_view describe(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "a list";
    case json::kind::object: return "a mapping";
  }
  return "something else";
}

std::optional<std::int64_t> as_integer(const json::value& value) {
  if (const auto* number = value.if_int64()) return *number;
  if (const auto* number = value.if_uint64()) {
    if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(*number);
  }
  if (const auto* number = value.if_double()) {
    constexpr double kExact = 9007199254740992.0;  // 2^53: above it a double no longer names one integer
    if (std::abs(*number) <= kExact && std::trunc(*number) == *number) return static_cast<std::int64_t>(*number);
  }
  return std::nullopt;
}

std::optional<std::string> quantity_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(view(*text));
  const auto* number = value.if_double();
  if (number == nullptr) return value.is_number() ? std::optional(json::serialize(value)) : std::nullopt;
  // The shortest digits that mean this number, without an exponent where Go writes none: it would choose the format.
  std::array<char, 64> buffer{};
  const auto size = std::abs(*number);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *number,
                                          plain ? std::chars_format::fixed : std::chars_format::scientific);
  return error == std::errc() ? std::string(buffer.data(), end) : json::serialize(value);
}

std::string join_path(std::string_view path, std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), plain)) return fmt::format("{}[\"{}\"]", path, name);
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

Reader::Reader(const json::value* value, std::string path, Issues& issues)
    : object_(value != nullptr ? value->if_object() : nullptr), path_(std::move(path)), issues_(&issues) {}

const json::value* Reader::get(std::string_view name) const {
  if (object_ == nullptr) return nullptr;
  const auto* value = object_->if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Reader::text(std::string_view name, std::string_view fallback) const {
  const auto* value = get(name);
  if (value == nullptr) return std::string(fallback);
  if (const auto* found = value->if_string()) return std::string(view(*found));
  wrong_type(name, "a string", *value);
  return std::string(fallback);
}

std::optional<bool> Reader::maybe_flag(std::string_view name) const {
  const auto* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* found = value->if_bool()) return *found;
  wrong_type(name, "true or false", *value);
  return std::nullopt;
}

bool Reader::flag(std::string_view name, bool fallback) const { return maybe_flag(name).value_or(fallback); }

std::optional<std::int64_t> Reader::maybe_integer(std::string_view name) const {
  const auto* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (const auto found = as_integer(*value)) return found;
  wrong_type(name, "an integer", *value);
  return std::nullopt;
}

std::int64_t Reader::integer(std::string_view name, std::int64_t fallback) const {
  return maybe_integer(name).value_or(fallback);
}

std::optional<std::int32_t> Reader::maybe_int32(std::string_view name) const {
  const auto wide = maybe_integer(name);
  if (!wide) return std::nullopt;
  if (*wide < std::numeric_limits<std::int32_t>::min() || *wide > std::numeric_limits<std::int32_t>::max()) {
    fail(name, fmt::format("{} does not fit in 32 bits", *wide));
    return std::nullopt;
  }
  return static_cast<std::int32_t>(*wide);
}

std::int32_t Reader::int32(std::string_view name, std::int32_t fallback) const {
  return maybe_int32(name).value_or(fallback);
}

std::string Reader::int_or_text(std::string_view name) const {
  const auto* value = get(name);
  if (value == nullptr) return {};
  if (const auto* found = value->if_string()) return std::string(view(*found));
  if (const auto number = as_integer(*value)) return std::to_string(*number);
  wrong_type(name, "an integer or a string", *value);
  return {};
}

namespace {

Result<Quantity> quantity_of(const json::value& value) {
  if (const auto text = quantity_text(value)) return Quantity::parse(*text);
  return Error(ErrorCode::InvalidArgument, fmt::format("expected a quantity, found {}", describe(value)));
}

/// Calls `visit(element, index)` for the list at `name`; absent is an empty one.
template <typename Visit>
void each_element(const Reader& from, std::string_view name, Visit visit) {
  const auto* value = from.get(name);
  if (value == nullptr) return;
  const auto* list = value->if_array();
  if (list == nullptr) return from.fail(name, fmt::format("expected a list, found {}", describe(*value)));
  for (std::size_t i = 0; i < list->size(); ++i) visit((*list)[i], i);
}

/// Calls `visit(key, member)` for the mapping at `name`; absent is an empty one.
template <typename Visit>
void each_member(const Reader& from, std::string_view name, Visit visit) {
  const auto* value = from.get(name);
  if (value == nullptr) return;
  const auto* map = value->if_object();
  if (map == nullptr) return from.fail(name, fmt::format("expected a mapping, found {}", describe(*value)));
  for (const auto& entry : *map) visit(std::string(entry.key().data(), entry.key().size()), entry.value());
}

}  // namespace

Quantity Reader::quantity(std::string_view name) const {
  const auto* value = get(name);
  if (value == nullptr) return {};
  auto parsed = quantity_of(*value);
  if (parsed) return *parsed;
  fail(name, parsed.error().message());
  return {};
}

std::vector<std::string> Reader::texts(std::string_view name) const {
  std::vector<std::string> result;
  each_element(*this, name, [&](const json::value& element, std::size_t i) {
    if (const auto* text = element.if_string()) {
      result.emplace_back(view(*text));
    } else {
      issues_->push_back({path_of(name, i), fmt::format("expected a string, found {}", describe(element))});
    }
  });
  return result;
}

std::vector<std::int64_t> Reader::integers(std::string_view name) const {
  std::vector<std::int64_t> result;
  each_element(*this, name, [&](const json::value& element, std::size_t i) {
    if (const auto number = as_integer(element)) {
      result.push_back(*number);
    } else {
      issues_->push_back({path_of(name, i), fmt::format("expected an integer, found {}", describe(element))});
    }
  });
  return result;
}

StringMap Reader::text_map(std::string_view name) const {
  StringMap result;
  each_member(*this, name, [&](const std::string& key, const json::value& member) {
    if (const auto* text = member.if_string()) {
      result.emplace(key, view(*text));
    } else if (member.is_null()) {
      result.emplace(key, "");
    } else {
      issues_->push_back(
          {join_path(path_of(name), key), fmt::format("expected a string, found {} (quote it)", describe(member))});
    }
  });
  return result;
}

std::map<std::string, Quantity> Reader::quantity_map(std::string_view name) const {
  std::map<std::string, Quantity> result;
  each_member(*this, name, [&](const std::string& key, const json::value& member) {
    if (member.is_null()) return;
    if (auto parsed = quantity_of(member)) {
      result.emplace(key, *std::move(parsed));
    } else {
      issues_->push_back({join_path(path_of(name), key), parsed.error().message()});
    }
  });
  return result;
}

Reader Reader::child(std::string_view name) const {
  const auto* value = get(name);
  if (value != nullptr && !value->is_object()) wrong_type(name, "a mapping", *value);
  return {value, path_of(name), *issues_};
}

std::vector<Reader> Reader::children(std::string_view name) const {
  std::vector<Reader> result;
  each_element(*this, name, [&](const json::value& element, std::size_t i) {
    if (!element.is_object()) {
      issues_->push_back({path_of(name, i), fmt::format("expected a mapping, found {}", describe(element))});
    }
    result.emplace_back(&element, path_of(name, i), *issues_);
  });
  return result;
}

std::string Reader::path_of(std::string_view name) const { return join_path(path_, name); }

std::string Reader::path_of(std::string_view name, std::size_t index) const {
  return fmt::format("{}[{}]", join_path(path_, name), index);
}

void Reader::fail(std::string_view name, std::string message) const {
  issues_->push_back({name.empty() ? path_ : path_of(name), std::move(message)});
}

void Reader::wrong_type(std::string_view name, std::string_view wanted, const json::value& found) const {
  fail(name, fmt::format("expected {}, found {}", wanted, describe(found)));
}

}  // namespace berth::model
