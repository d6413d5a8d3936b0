// base/utf8.cpp - see utf8.hpp.
#include "base/utf8.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace berth {

std::optional<std::size_t> first_bad_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = byte(at);
    std::size_t length = 0;
    std::uint32_t point = 0;
    if (lead != 0 && lead < 0x80) {
      ++at;
      continue;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
      length = 2;
      point = lead & 0x1f;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      length = 3;
      point = lead & 0x0f;
    } else if (lead >= 0xf0 && lead < 0xf5) {
      length = 4;
      point = lead & 0x07;
    } else {
      return at;
    }
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return at;
      point = (point << 6) | (byte(at + i) & 0x3f);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return at;
    at += length;
  }
  return std::nullopt;
}

std::string to_utf8(std::string_view text) {
  std::string out;
  while (const auto bad = first_bad_utf8(text)) {
    out.append(text.substr(0, *bad));
    out += text[*bad] == '\0' ? std::string(1, '\0') : "\xef\xbf\xbd";
    text.remove_prefix(*bad + 1);
  }
  return out.append(text);
}

bool make_utf8(json::object& object) {
  bool any = false;
  std::vector<std::string> bad_keys;
  for (auto& field : object) {
    any |= make_utf8(field.value());
    if (!is_utf8(field.key()) && to_utf8(field.key()) != field.key()) bad_keys.emplace_back(field.key());
  }
  for (const auto& key : bad_keys) {
    auto value = std::move(object.at(key));
    object.erase(key);
    object[to_utf8(key)] = std::move(value);
  }
  return any || !bad_keys.empty();
}

bool make_utf8(json::value& value) {
  if (auto* object = value.if_object()) return make_utf8(*object);
  bool any = false;
  if (auto* list = value.if_array()) {
    for (auto& each : *list) any |= make_utf8(each);
  } else if (auto* text = value.if_string(); text != nullptr && !is_utf8(view(*text))) {
    const auto mended = to_utf8(view(*text));
    any = mended != view(*text);  // A NUL has an escape in JSON.
    *text = mended;
  }
  return any;
}

}  // namespace berth
