// api/encoding/json_text.hpp - JSON values as text, appended to a buffer: the hot path of lists and watches. Pure.
#pragma once

#include <string>

#include "base/json.hpp"

namespace berth::api {

/// Appends `value` as json::serialize() would write it (RFC 8259, no blanks), without a text in between: about twice as
/// fast for whole objects.
void append_json(std::string& out, const json::value& value);
void append_json(std::string& out, const json::object& object);

}  // namespace berth::api
