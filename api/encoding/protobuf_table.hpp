// api/encoding/protobuf_table.hpp - see protobuf_table.cpp.
#pragma once

#include <string_view>

namespace berth::api {

extern const std::string_view kProtobufTable;

}  // namespace berth::api
