// model/schema_table.hpp - see schema_table.cpp.
#pragma once

#include <string_view>

namespace berth::model {

extern const std::string_view kSchemaTable;

}  // namespace berth::model
