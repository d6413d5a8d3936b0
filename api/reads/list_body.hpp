// api/reads/list_body.hpp - a list of objects as text, made while it is sent.
#pragma once

#include <memory>

#include "api/reads/list_pages.hpp"
#include "api/reads/selection.hpp"
#include "api/request/http_message.hpp"
#include "api/tables/table.hpp"
#include "store/store.hpp"

namespace berth::api {

/// How objects are shown: whole, or as rows.
struct Presentation {
  bool table = false;
  RowObject include = RowObject::Metadata;
  std::string api_version{};  ///< "apps/v1beta1" when the client asked by an old version; empty: as stored.
};

/// `PodList`, or a `Table`, of those objects of `page` that `selection` takes. Objects are written straight from the
/// store's memory, none is copied.
std::unique_ptr<BodySource> make_list_body(const model::KindInfo& kind, ListPage page, Selection selection,
                                           const Presentation& presentation, WallTime now);

/// One object, or a one-row `Table`.
std::string object_text(const model::Object& object, const Presentation& presentation, WallTime now);

/// metav1.ListMeta.
struct ListMeta {
  store::Revision revision = 0;
  std::string next = {};                           ///< continue
  std::optional<std::size_t> left = std::nullopt;  ///< remainingItemCount
};

/// A `Table` around rows that are text already; columns are left out (null) when `columns` is false.
std::string table_head(model::Kind kind, const ListMeta& meta, bool columns);

}  // namespace berth::api
