// cli/table_text.hpp - a metav1.Table as aligned text. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace berth::cli {

struct TableStyle {
  bool wide = false;
  bool headers = true;
  bool namespaces = false;                 ///< First a NAMESPACE column, from rows[].object.
  bool events = false;                     ///< Before all an EVENT column, from add()'s `event`.
  bool labels = false;                     ///< Last a LABELS column.
  std::vector<std::string> label_columns;  ///< Before it one column for each of these labels.
  std::string name_prefix;                 ///< "pod/" when several kinds are shown.
};

/// Columns and rows as text; kept apart from printing so that a watch can go on with the same widths.
class TableText {
 public:
  explicit TableText(TableStyle style) : style_(std::move(style)) {}

  /// Takes columnDefinitions where there are any, and all rows.
  void add(const json::value& table, std::string_view event = {});
  bool empty() const { return rows_.empty(); }

  /// What was added since the last call, each column padded to the widest cell so far plus three blanks.
  std::string take();

 private:
  struct ColumnInfo {
    std::size_t index;
    std::string title;
    bool is_name;
  };
  TableStyle style_;
  std::vector<ColumnInfo> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool header_done_ = false;
};

}  // namespace berth::cli
