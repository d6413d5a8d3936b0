// api/tables/table.hpp - objects as rows of text: what `kubectl get` prints. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/meta.hpp"

namespace berth::api {

struct Column {
  std::string_view name;             ///< "Ready"; kubectl shows it in capitals
  int priority = 0;                  ///< 1: only with -o wide
  std::string_view type = "string";  ///< or "integer"
};

/// The columns of a kind, in Kubernetes' order.
const std::vector<Column>& table_columns(model::Kind kind);

/// One cell per column. Fields that are missing or of another type give empty or "<none>" cells, never an error.
json::array table_cells(const model::Object& object, WallTime now);

/// metav1.TableColumnDefinition of each column.
json::array column_definitions(model::Kind kind);

/// How much of the object goes with its row: the query parameter includeObject.
enum class RowObject { None, Metadata, Object };

/// Appends one metav1.TableRow as text; a whole object carries `api_version` when that is not empty.
void append_table_row(std::string& out, const model::Object& object, RowObject include, WallTime now,
                      std::string_view api_version = {});

}  // namespace berth::api
