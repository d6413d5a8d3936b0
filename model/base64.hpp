// model/base64.hpp - RFC 4648 base64, as Secrets and binaryData carry bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::model {

/// The bytes; line breaks are skipped, padding is required. InvalidArgument for anything else.
Result<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace berth::model
