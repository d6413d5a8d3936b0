// base/utf8.hpp - is this text UTF-8, and what to do with what is not. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace berth {

/// The offset of the first byte that is not part of well-formed UTF-8 (RFC 3629), or of a NUL; none when all is well.
std::optional<std::size_t> first_bad_utf8(std::string_view text);

inline bool is_utf8(std::string_view text) { return !first_bad_utf8(text); }

/// `text` with U+FFFD for each byte that is not UTF-8; a NUL stays. What a container or a server says is bytes.
std::string to_utf8(std::string_view text);

/// Does so with every text in `value`, keys included; true when there was something to do.
bool make_utf8(json::value& value);
bool make_utf8(json::object& object);

}  // namespace berth
