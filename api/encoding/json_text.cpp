// api/encoding/json_text.cpp - JSON values as text, appended to a buffer.
#include "api/encoding/json_text.hpp"

#include <array>
#include <charconv>

namespace berth::api {

namespace {

/// Zero: goes as it is. Otherwise what follows the backslash; 'u' for \u00XX.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = 'u';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}();

void append_text(std::string& out, const char* data, std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = 0; at < size; ++at) {
    const auto byte = static_cast<unsigned char>(data[at]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    out.append(data + from, at - from);
    from = at + 1;
    out += '\\';
    out += escape;
    if (escape != 'u') continue;
    out += "00";
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  out.append(data + from, size - from);
  out += '"';
}

template <typename Number>
void append_number(std::string& out, Number number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace

void append_json(std::string& out, const json::object& object) {
  char separator = '{';
  for (const auto& entry : object) {
    out += separator;
    separator = ',';
    append_text(out, entry.key().data(), entry.key().size());
    out += ':';
    append_json(out, entry.value());
  }
  if (object.empty()) out += '{';
  out += '}';
}

// Depth is bounded: parse_json() refuses more than 64 levels.
void append_json(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: out += "null"; return;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; return;
    case json::kind::int64: return append_number(out, value.get_int64());
    case json::kind::uint64: return append_number(out, value.get_uint64());
    case json::kind::double_: out += json::serialize(value); return;  // rare, and its shortest form is an art
    case json::kind::string: return append_text(out, value.get_string().data(), value.get_string().size());
    case json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& element : value.get_array()) {
        if (!first) out += ',';
        first = false;
        append_json(out, element);
      }
      out += ']';
      return;
    }
    case json::kind::object: return append_json(out, value.get_object());
  }
}

}  // namespace berth::api
