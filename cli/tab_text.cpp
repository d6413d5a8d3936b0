// cli/tab_text.cpp - text with tabs as aligned columns.
#include "cli/tab_text.hpp"

#include <algorithm>
#include <vector>

namespace berth::cli {

namespace {

using Line = std::vector<std::string_view>;

/// As text/tabwriter's format(): a block is a run of lines that have a cell in this column; its width is found, then
/// the columns to its right are laid out within the block.
class Layout {
 public:
  Layout(std::vector<Line> lines, std::size_t minimum, std::size_t padding)
      : lines_(std::move(lines)), minimum_(minimum), padding_(padding) {}

  std::string run() {
    format(0, lines_.size());
    return std::move(out_);
  }

 private:
  void format(std::size_t first, std::size_t last) {
    const auto column = widths_.size();
    for (auto at = first; at < last; ++at) {
      if (column + 1 >= lines_[at].size()) continue;
      write(first, at);
      first = at;
      auto width = minimum_;
      for (; at < last && column + 1 < lines_[at].size(); ++at) {
        width = std::max(width, width_of(lines_[at][column]) + padding_);
      }
      widths_.push_back(width);
      format(first, at);
      widths_.pop_back();
      first = at;
      --at;
    }
    write(first, last);
  }

  void write(std::size_t first, std::size_t last) {
    for (auto at = first; at < last; ++at) {
      const auto& line = lines_[at];
      for (std::size_t i = 0; i < line.size(); ++i) {
        out_ += line[i];
        if (i < widths_.size() && i + 1 < line.size()) out_.append(widths_[i] - width_of(line[i]), ' ');
      }
      if (at + 1 < lines_.size()) out_ += '\n';
    }
  }

  std::vector<Line> lines_;
  std::size_t minimum_;
  std::size_t padding_;
  std::vector<std::size_t> widths_;
  std::string out_;
};

}  // namespace

std::string align_tabs(std::string_view text, std::size_t minimum, std::size_t padding) {
  std::vector<Line> lines;
  while (true) {
    const auto end = std::min(text.find('\n'), text.size());
    auto rest = text.substr(0, end);
    Line line;
    for (auto tab = rest.find('\t'); tab != std::string_view::npos; tab = rest.find('\t')) {
      line.push_back(rest.substr(0, tab));
      rest.remove_prefix(tab + 1);
    }
    line.push_back(rest);
    lines.push_back(std::move(line));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  return Layout(std::move(lines), minimum, padding).run();
}

std::string one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string out(text);
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace berth::cli
