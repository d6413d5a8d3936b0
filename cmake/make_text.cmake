# cmake/make_text.cmake - writes the C++ source of berth_text(): SOURCE's bytes as CONSTANT in NAMESPACE, to MADE.
file(READ ${SOURCE} text)
file(WRITE ${MADE} "// Made by cmake/make_text.cmake: change the text, not this.
#include <string_view>

// [implimits] promises 65,536 characters; clang warns of more, and both of our compilers take any number.
#pragma GCC diagnostic ignored \"-Woverlength-strings\"

namespace ${NAMESPACE} {

extern const std::string_view ${CONSTANT};
const std::string_view ${CONSTANT} = R\"berth_text(${text})berth_text\";

}  // namespace ${NAMESPACE}
")
