// base/json.cpp - see json.hpp.
#include "base/json.hpp"

#include <fmt/format.h>

#include <boost/json/parser.hpp>
#include <exception>

#include "base/utf8.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxDepth = 64;

Result<json::value> parse_utf8(std::string_view text) {
  try {
    json::parse_options options;
    options.max_depth = kMaxDepth;
    json::parser parser({}, options);
    boost::system::error_code ec;
    const std::size_t used = parser.write_some(text.data(), text.size(), ec);
    if (ec) return Error(ErrorCode::InvalidArgument, fmt::format("json: byte {}: {}", used, ec.message()));
    const auto extra = text.find_first_not_of(" \t\r\n", used);
    if (extra != std::string_view::npos) {
      return Error(ErrorCode::InvalidArgument, fmt::format("json: byte {}: text after the end of the document", extra));
    }
    return parser.release();
  } catch (const std::exception& error) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("json: {}", error.what()));
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  auto parsed = parse_utf8(text);
  return parsed || is_utf8(text) ? std::move(parsed) : parse_utf8(to_utf8(text));
}

const json::value* find(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* at = &from;
  for (const auto key : path) {
    const auto* object = at->if_object();
    if (object == nullptr) return nullptr;
    at = object->if_contains(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view find_string(const json::value& from, std::initializer_list<std::string_view> path,
                             std::string_view fallback) {
  const json::value* value = find(from, path);
  if (value == nullptr || !value->is_string()) return fallback;
  return view(value->get_string());
}

}  // namespace berth
