// api/writes/json_patch.cpp - merge patch and JSON patch.
#include "api/writes/json_patch.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr std::size_t kMaxOperations = 10'000;
/// "copy" can double a document at each step: the whole may not grow past this.
constexpr std::size_t kMaxCopiedBytes = 3 * 1024 * 1024;

/// As deep as a document may nest, see parse_json(): what a patch builds must be readable again.
constexpr std::size_t kMaxDepth = 64;

using Pointer = std::vector<std::string>;

bool deeper_than(const json::value& value, std::size_t levels) {
  if (levels == 0) return value.is_structured();
  if (value.is_object()) {
    const auto& object = value.get_object();
    return std::any_of(object.begin(), object.end(),
                       [&](const auto& pair) { return deeper_than(pair.value(), levels - 1); });
  }
  if (value.is_array()) {
    const auto& array = value.get_array();
    return std::any_of(array.begin(), array.end(),
                       [&](const auto& element) { return deeper_than(element, levels - 1); });
  }
  return false;
}

Result<Pointer> parse_pointer(std::string_view text) {
  Pointer out;
  if (text.empty()) return out;
  if (text.front() != '/') {
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is not a JSON pointer: it must start with '/'", text));
  }
  text.remove_prefix(1);
  std::string token;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      out.push_back(std::move(token));
      token.clear();
    } else if (text[i] == '~') {
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (next != '0' && next != '1') {
        return Error(ErrorCode::InvalidArgument, "a '~' in a JSON pointer must be written ~0, a '/' ~1");
      }
      token += next == '0' ? '~' : '/';
      ++i;
    } else {
      token += text[i];
    }
  }
  out.push_back(std::move(token));
  if (out.size() > kMaxDepth) {
    return Error(ErrorCode::InvalidArgument, fmt::format("a JSON pointer may have at most {} steps", kMaxDepth));
  }
  return out;
}

/// An array index as RFC 6901 has it: no sign, no leading zero.
std::optional<std::size_t> parse_index(std::string_view token) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
  return index;
}

Error missing(std::string_view what) {
  return {ErrorCode::FailedPrecondition, fmt::format("{}: the path does not exist", what)};
}

json::value* walk(json::value& from, const Pointer& pointer, std::size_t steps) {
  auto* at = &from;
  for (std::size_t i = 0; i < steps; ++i) {
    if (at->is_object()) {
      at = at->get_object().if_contains(pointer[i]);
    } else if (at->is_array()) {
      const auto index = parse_index(pointer[i]);
      at = index && *index < at->get_array().size() ? &at->get_array()[*index] : nullptr;
    } else {
      at = nullptr;
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

Status add(json::value& target, const Pointer& path, json::value value, std::string_view what) {
  if (path.empty()) {
    target = std::move(value);
    return Ok{};
  }
  auto* parent = walk(target, path, path.size() - 1);
  if (parent == nullptr) return missing(what);
  if (parent->is_object()) {
    parent->get_object().insert_or_assign(path.back(), std::move(value));
    return Ok{};
  }
  if (parent->is_array()) {
    auto& array = parent->get_array();
    const auto index = path.back() == "-" ? std::optional(array.size()) : parse_index(path.back());
    if (!index || *index > array.size()) return missing(what);
    array.insert(array.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
    return Ok{};
  }
  return missing(what);
}

Status remove(json::value& target, const Pointer& path, std::string_view what) {
  if (path.empty())
    return Error(ErrorCode::InvalidArgument, fmt::format("{}: the whole document cannot be removed", what));
  auto* parent = walk(target, path, path.size() - 1);
  if (parent == nullptr || walk(*parent, {path.back()}, 1) == nullptr) return missing(what);
  if (parent->is_object()) {
    parent->get_object().erase(path.back());
  } else {
    auto& array = parent->get_array();
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(*parse_index(path.back())));
  }
  return Ok{};
}

struct Operation {
  std::string op;
  Pointer path;
  Pointer from;
  const json::value* value = nullptr;
  std::string what;  ///< `operation 3 (replace /spec/replicas)`
};

Result<Operation> read_operation(const json::value& entry, std::size_t number) {
  const auto wrong = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("operation {}: {}", number, why));
  };
  if (!entry.is_object()) return wrong("must be an object");
  Operation out;
  out.op = find_string(entry, {"op"});
  const auto* path = find(entry, {"path"});
  if (path == nullptr || !path->is_string()) return wrong("\"path\" is required");
  out.what = fmt::format("operation {} ({} {})", number, out.op, view(path->get_string()));
  auto pointer = parse_pointer(view(path->get_string()));
  if (!pointer) return pointer.error().context(out.what);
  out.path = *std::move(pointer);
  out.value = find(entry, {"value"});
  const bool needs_from = out.op == "move" || out.op == "copy";
  const bool needs_value = out.op == "add" || out.op == "replace" || out.op == "test";
  if (!needs_from && !needs_value && out.op != "remove") {
    return wrong("\"op\" must be add, remove, replace, move, copy or test");
  }
  if (needs_value && out.value == nullptr) return wrong("\"value\" is required");
  if (needs_from) {
    const auto* from = find(entry, {"from"});
    if (from == nullptr || !from->is_string()) return wrong("\"from\" is required");
    auto source = parse_pointer(view(from->get_string()));
    if (!source) return source.error().context(out.what);
    out.from = *std::move(source);
  }
  return out;
}

Status apply_one(json::value& target, const Operation& operation, std::size_t& copied) {
  const auto& what = operation.what;
  if (operation.op == "add") return add(target, operation.path, *operation.value, what);
  if (operation.op == "remove") return remove(target, operation.path, what);
  if (operation.op == "replace") {
    auto* at = walk(target, operation.path, operation.path.size());
    if (at == nullptr) return missing(what);
    *at = *operation.value;
    return Ok{};
  }
  if (operation.op == "test") {
    const auto* at = walk(target, operation.path, operation.path.size());
    if (at == nullptr) return missing(what);
    if (*at != *operation.value) {
      return Error(ErrorCode::FailedPrecondition, fmt::format("{}: the value is another", what));
    }
    return Ok{};
  }
  const auto* source = walk(target, operation.from, operation.from.size());
  if (source == nullptr) return missing(what);
  auto value = *source;
  if (operation.op == "copy") {
    copied += json::serialize(value).size();
    if (copied > kMaxCopiedBytes) {
      return Error(ErrorCode::InvalidArgument, fmt::format("{}: copies more than {} bytes", what, kMaxCopiedBytes));
    }
  } else {
    const bool into_itself = operation.path.size() > operation.from.size() &&
                             std::equal(operation.from.begin(), operation.from.end(), operation.path.begin());
    if (into_itself) return Error(ErrorCode::InvalidArgument, fmt::format("{}: cannot move into itself", what));
    if (operation.path == operation.from) return Ok{};
    if (auto removed = remove(target, operation.from, what); !removed) return removed;
  }
  return add(target, operation.path, std::move(value), what);
}

}  // namespace

void apply_merge_patch(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target.emplace_object();
  auto& object = target.get_object();
  for (const auto& [key, value] : patch.get_object()) {
    if (value.is_null()) {
      object.erase(key);
    } else {
      apply_merge_patch(object[key], value);
    }
  }
}

Status apply_json_patch(json::value& target, const json::value& patch) {
  if (!patch.is_array()) return Error(ErrorCode::InvalidArgument, "a JSON patch must be an array of operations");
  const auto& entries = patch.get_array();
  if (entries.size() > kMaxOperations) {
    return Error(ErrorCode::InvalidArgument, fmt::format("the allowed maximum operations in a JSON patch is {}, got {}",
                                                         kMaxOperations, entries.size()));
  }
  auto copy = target;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto operation = read_operation(entries[i], i);
    if (!operation) return operation.error();
    if (auto done = apply_one(copy, *operation, copied); !done) return done;
  }
  if (deeper_than(copy, kMaxDepth)) {
    return Error(ErrorCode::InvalidArgument, fmt::format("the patched object nests deeper than {}", kMaxDepth));
  }
  target = std::move(copy);
  return Ok{};
}

}  // namespace berth::api
