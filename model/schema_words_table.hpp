// model/schema_words_table.hpp - see schema_words.cpp.
#pragma once

#include <string_view>

namespace berth::model {

extern const std::string_view kSchemaWords;

}  // namespace berth::model
