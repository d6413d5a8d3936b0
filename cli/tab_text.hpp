// cli/tab_text.hpp - text with tabs as aligned columns, by the rules of Go's text/tabwriter. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth::cli {

/// Every cell ends with a tab; a column is as wide as the widest cell of consecutive lines that have it, plus
/// `padding`, and at least `minimum`. What follows a line's last tab is not a cell. kubectl's describe uses 0 and 2,
/// its tables 6 and 3.
std::string align_tabs(std::string_view text, std::size_t minimum, std::size_t padding);

/// What somebody else wrote, as one line of ours: without blanks at its end and without what could drive a terminal.
std::string one_line(std::string_view text);

/// Columns on a terminal: characters, not bytes.
std::size_t width_of(std::string_view text);

}  // namespace berth::cli
