// cli/table_text.cpp - a metav1.Table as aligned text.
#include "cli/table_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/tab_text.hpp"

namespace berth::cli {

namespace {

/// Narrower cells are not made, as in kubectl: six with the blanks between columns.
constexpr std::size_t kNarrowest = 3;

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string cell_text(const json::value& cell) {
  auto out = cell.is_string() ? std::string(view(cell.get_string())) : json::serialize(cell);
  // What comes from an image or a message must not drive the terminal.
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

std::string labels_text(const json::value* labels) {
  std::string out;
  if (labels != nullptr && labels->is_object()) {
    std::vector<std::string> terms;
    for (const auto& [key, value] : labels->get_object()) {
      terms.push_back(fmt::format("{}={}", std::string_view(key.data(), key.size()), cell_text(value)));
    }
    std::sort(terms.begin(), terms.end());
    for (const auto& term : terms) out += (out.empty() ? "" : ",") + term;
  }
  return out.empty() ? "<none>" : out;
}

}  // namespace

void TableText::add(const json::value& table, std::string_view event) {
  const auto* definitions = find(table, {"columnDefinitions"});
  if (columns_.empty() && definitions != nullptr && definitions->is_array()) {
    const auto& all = definitions->get_array();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto* priority = find(all[i], {"priority"});
      if (!style_.wide && priority != nullptr && priority->is_int64() && priority->get_int64() > 0) continue;
      columns_.push_back({i, upper(find_string(all[i], {"name"})), find_string(all[i], {"format"}) == "name"});
    }
  }
  const auto* rows = find(table, {"rows"});
  if (rows == nullptr || !rows->is_array()) return;
  for (const auto& row : rows->get_array()) {
    const auto* cells = find(row, {"cells"});
    if (cells == nullptr || !cells->is_array()) continue;
    std::vector<std::string> line;
    if (style_.events) line.emplace_back(event);
    if (style_.namespaces) line.emplace_back(find_string(row, {"object", "metadata", "namespace"}));
    for (const auto& column : columns_) {
      auto text = column.index < cells->get_array().size() ? cell_text(cells->get_array()[column.index]) : "";
      line.push_back(column.is_name ? style_.name_prefix + text : text);
    }
    for (const auto& label : style_.label_columns) {
      const auto* value = find(row, {"object", "metadata", "labels", label});
      line.push_back(value == nullptr ? "" : cell_text(*value));
    }
    if (style_.labels) line.push_back(labels_text(find(row, {"object", "metadata", "labels"})));
    rows_.push_back(std::move(line));
  }
}

std::string TableText::take() {
  std::vector<std::vector<std::string>> lines;
  if (!header_done_ && style_.headers && !rows_.empty()) {
    std::vector<std::string> header;
    if (style_.events) header.emplace_back("EVENT");
    if (style_.namespaces) header.emplace_back("NAMESPACE");
    for (const auto& column : columns_) header.push_back(column.title);
    for (const auto& label : style_.label_columns) header.push_back(upper(label.substr(label.rfind('/') + 1)));
    if (style_.labels) header.emplace_back("LABELS");
    lines.push_back(std::move(header));
    header_done_ = true;
  }
  for (auto& row : rows_) lines.push_back(std::move(row));
  rows_.clear();
  for (const auto& line : lines) {
    widths_.resize(std::max(widths_.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths_[i] = std::max({widths_[i], width_of(line[i]), kNarrowest});
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out.append(widths_[i] - width_of(line[i]) + 3, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace berth::cli
