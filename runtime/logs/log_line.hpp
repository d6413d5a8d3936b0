// runtime/logs/log_line.hpp - bytes to lines, and lines to the CRI log format and back. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/log_reader.hpp"

namespace berth::runtime {

/// A longer line is stored in pieces of this size, all but the last marked partial: CRI's own limit.
constexpr std::size_t kMaxLine = std::size_t{16} * 1024;

/// Ends what a killed writer, a full disk or a power cut left of a line in a file. What was not stored whole is stored
/// again as long as its FIFO lives, so readers pass over the torn piece. CAN (cancel) is what RFC 20 has for this.
constexpr std::string_view kTornMark = "\x18<torn>";

/// A piece of output inside somebody's buffer.
struct LinePiece {
  std::string_view text;  ///< Without the newline.
  bool partial = false;   ///< The line goes on.
  std::size_t end = 0;    ///< Of the bytes that were split, those up to its end, newline included.
};

/// The complete lines at the head of `bytes`, and how many bytes they take. What is left is a line that is not
/// finished yet, always shorter than kMaxLine; with `ended` (no more will come) it is a piece without a newline.
struct SplitLines {
  std::vector<LinePiece> lines;
  std::size_t consumed = 0;
};
SplitLines split_lines(std::string_view bytes, bool ended);

/// What records of one time and stream begin with, in the kubelet's CRI logging format:
/// "2026-11-21T09:25:13.123456789Z stdout ".
std::string cri_head(WallTime time, bool is_stderr);

/// "2026-11-21T09:25:13.123456789Z stdout F text\n"
void append_cri_line(std::string& out, std::string_view head, const LinePiece& piece);

/// Reads one such line (without newline); nullopt when it is none, or torn.
std::optional<LogLine> parse_cri_line(std::string_view line);

}  // namespace berth::runtime
