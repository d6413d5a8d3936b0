// base/json.hpp - Boost.JSON under a short name, and the few ways we read it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

namespace json = boost::json;

/// Parses one document. InvalidArgument with the byte offset when it is not JSON; nesting deeper
/// than 64 is refused. Bytes that are no UTF-8 become U+FFFD, as with Go's encoding/json.
Result<json::value> parse_json(std::string_view text);

/// The value at a path of object keys ({"metadata","name"}); null when any step is missing.
const json::value* find(const json::value& from, std::initializer_list<std::string_view> path);
/// Of a value that goes: an object, which would be copied into one, too.
const json::value* find(json::value&& from, std::initializer_list<std::string_view> path) = delete;

/// The string at that path, else `fallback`.
std::string_view find_string(const json::value& from, std::initializer_list<std::string_view> path,
                             std::string_view fallback = {});

/// As std::string_view.
inline std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace berth
