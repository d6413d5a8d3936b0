// api/request/request_path.cpp - what a request's target names.
#include "api/request/request_path.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/request/group_versions.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxParameters = 256;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

const model::KindInfo* kind_at(const GroupVersion& where, std::string_view plural) {
  for (const auto kind : kinds_in(where)) {
    if (model::info(kind).plural == plural) return &model::info(kind);
  }
  return nullptr;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Error(ErrorCode::InvalidArgument, fmt::format("invalid URL escape \"{}\"", text.substr(i, 3)));
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (query.values_.size() == kMaxParameters) {
      return Error(ErrorCode::InvalidArgument, fmt::format("more than {} query parameters", kMaxParameters));
    }
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), /*plus_is_blank=*/true);
    if (!name) return name.error();
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), /*plus_is_blank=*/true);
    if (!value) return value.error();
    query.values_.emplace_back(*std::move(name), *std::move(value));
  }
  return query;
}

std::string_view Query::get(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

bool Query::has(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(), [&](const auto& pair) { return pair.first == name; });
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : values_) {
    if (key == name) out.push_back(value);
  }
  return out;
}

bool Query::flag(std::string_view name) const {
  const auto value = get(name);
  return value == "true" || value == "True" || value == "TRUE" || value == "1" || value == "t" || value == "T";
}

Result<std::optional<std::int64_t>> Query::number(std::string_view name) const {
  if (!has(name)) return std::optional<std::int64_t>{};
  const auto text = get(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{}: must be a whole number >= 0, not \"{}\"", name, text));
  }
  return std::optional<std::int64_t>{value};
}

Result<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return Error(ErrorCode::InvalidArgument, "the request target must be a path");
  }
  Target out;
  const auto question = std::min(target.find('?'), target.size());
  auto path = target.substr(0, question);
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    const auto raw = path.substr(0, end);
    path.remove_prefix(end);
    if (raw.empty()) continue;  // doubled or trailing slash
    auto segment = percent_decode(raw, /*plus_is_blank=*/false);
    if (!segment) return segment.error();
    if (segment->find('/') != std::string::npos || segment->find('\0') != std::string::npos || *segment == "." ||
        *segment == "..") {
      return Error(ErrorCode::InvalidArgument, fmt::format("invalid path segment \"{}\"", raw));
    }
    out.segments.push_back(*std::move(segment));
  }
  auto query = Query::parse(target.substr(std::min(question + 1, target.size())));
  if (!query) return query.error();
  out.query = *std::move(query);
  return out;
}

std::optional<ResourcePath> parse_resource_path(const std::vector<std::string>& segments) {
  std::size_t at = 0;
  std::string_view group;
  std::string_view version;
  if (segments.size() >= 3 && segments[0] == "api") {
    version = segments[1];
    at = 2;
  } else if (segments.size() >= 4 && segments[0] == "apis") {
    group = segments[1];
    version = segments[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  ResourcePath path;
  if (segments[at] == "watch" && segments.size() > at + 1) {
    path.watch = true;
    ++at;
  }
  // "/namespaces/NS/pods" is inside a namespace; "/namespaces/NS" and "/namespaces/NS/status" are the Namespace itself.
  const bool scoped = segments[at] == "namespaces" && segments.size() > at + 2 &&
                      !(group.empty() && (segments[at + 2] == "status" || segments[at + 2] == "finalize"));
  if (scoped) {
    path.ns = segments[at + 1];
    at += 2;
  }
  const GroupVersion where{group, version};
  const auto* kind = kind_at(where, segments[at]);
  if (kind == nullptr || (scoped && !kind->namespaced) || segments.size() > at + 3) return std::nullopt;
  path.kind = kind->kind;
  if (is_old_version(kind->kind, where)) path.old_version = where.text();
  if (segments.size() > at + 1) path.name = segments[at + 1];
  if (segments.size() > at + 2) path.subresource = segments[at + 2];
  // A named object of a namespaced kind lives in a namespace.
  if (kind->namespaced && !scoped && !path.name.empty()) return std::nullopt;
  return path;
}

}  // namespace berth::api
