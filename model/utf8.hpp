// model/utf8.hpp - is this text UTF-8?
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace berth::model {

/// The offset of the first byte that is not part of well-formed UTF-8 (RFC 3629), or of a NUL; none when all is well.
std::optional<std::size_t> first_bad_utf8(std::string_view text);

inline bool is_utf8(std::string_view text) { return !first_bad_utf8(text); }

}  // namespace berth::model
