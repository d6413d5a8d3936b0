// model/field_set.cpp - see field_set.hpp.
#include "model/field_set.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::model {
namespace {

using Path = std::vector<std::string>;

/// The order inside "k:{...}" is part of its spelling: keys sorted.
Result<std::string> canonical(std::string_view element) {
  if (element.starts_with("f:")) return std::string(element);
  const auto wrong = [&] {
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is no path element of fieldsV1", element));
  };
  if (element.size() < 2 || element[1] != ':') return wrong();
  auto value = parse_json(element.substr(2));
  if (!value) return wrong();
  switch (element[0]) {
    case 'k': {
      if (!value->is_object()) return wrong();
      std::map<std::string, json::value> sorted;
      for (const auto& entry : value->get_object()) sorted.emplace(entry.key(), entry.value());
      json::object keys;
      for (auto& [key, found] : sorted) keys[key] = std::move(found);
      return "k:" + json::serialize(keys);
    }
    case 'v': return "v:" + json::serialize(*value);
    case 'i': return value->is_int64() ? "i:" + json::serialize(*value) : Result<std::string>(wrong());
    default: return wrong();
  }
}

void each_below(const FieldSet& set, Path& path, const std::function<void(const Path&)>& visit) {
  if (set.member) visit(path);
  for (const auto& [element, child] : set.below) {
    path.push_back(element);
    each_below(child, path, visit);
    path.pop_back();
  }
}

std::string element_text(std::string_view element) {
  const auto rest = element.substr(std::min<std::size_t>(2, element.size()));
  if (element.starts_with("f:")) return fmt::format(".{}", rest);
  if (element.starts_with("v:")) return fmt::format("[={}]", rest);
  if (element.starts_with("i:")) return fmt::format("[{}]", rest);
  std::string text;
  if (const auto keys = parse_json(rest); keys && keys->is_object()) {
    for (const auto& entry : keys->get_object()) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", std::string_view(entry.key()),
                          json::serialize(entry.value()));
    }
  }
  return fmt::format("[{}]", text);
}

}  // namespace

bool FieldSet::empty() const {
  return !member && std::all_of(below.begin(), below.end(), [](const auto& child) { return child.second.empty(); });
}

bool FieldSet::has(const Path& path) const {
  const auto* at = this;
  for (const auto& element : path) {
    const auto found = at->below.find(element);
    if (found == at->below.end()) return false;
    at = &found->second;
  }
  return at->member;
}

void FieldSet::insert(const Path& path) {
  auto* at = this;
  for (const auto& element : path) at = &at->below[element];
  at->member = true;
}

void FieldSet::each(const std::function<void(const Path&)>& visit) const {
  Path path;
  each_below(*this, path, visit);
}

FieldSet united(FieldSet a, const FieldSet& b) {
  a.member = a.member || b.member;
  for (const auto& [element, child] : b.below) {
    auto& ours = a.below[element];
    ours = united(std::move(ours), child);
  }
  return a;
}

FieldSet without(FieldSet a, const FieldSet& b) {
  a.member = a.member && !b.member;
  for (const auto& [element, child] : b.below) {
    const auto found = a.below.find(element);
    if (found == a.below.end()) continue;
    found->second = without(std::move(found->second), child);
    if (found->second.empty()) a.below.erase(found);
  }
  return a;
}

FieldSet common(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && b.member;
  for (const auto& [element, child] : a.below) {
    const auto found = b.below.find(element);
    if (found == b.below.end()) continue;
    auto both = common(child, found->second);
    if (!both.empty()) out.below.emplace(element, std::move(both));
  }
  return out;
}

Result<FieldSet> decode_field_set(const json::value& fields_v1) {
  const auto* object = fields_v1.if_object();
  if (object == nullptr) return Error(ErrorCode::InvalidArgument, "fieldsV1: must be an object");
  FieldSet set;
  for (const auto& entry : *object) {
    const std::string_view key = entry.key();
    if (key == ".") {
      set.member = true;
      continue;
    }
    auto element = canonical(key);
    if (!element) return element.error();
    auto child = decode_field_set(entry.value());
    if (!child) return child.error();
    if (child->below.empty()) child->member = true;  // {} is short for {".": {}}
    set.below[*std::move(element)] = *std::move(child);
  }
  return set;
}

json::object encode_field_set(const FieldSet& set) {
  json::object out;
  for (const auto& [element, child] : set.below) {
    if (child.empty()) continue;
    auto encoded = encode_field_set(child);
    if (child.member && !encoded.empty()) {
      json::object with_dot{{".", json::object()}};
      for (auto& entry : encoded) with_dot.emplace(entry.key(), std::move(entry.value()));
      encoded = std::move(with_dot);
    }
    out[element] = std::move(encoded);
  }
  return out;
}

std::string path_text(const Path& path) {
  std::string text;
  for (const auto& element : path) text += element_text(element);
  return text;
}

}  // namespace berth::model
