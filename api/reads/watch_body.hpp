// api/reads/watch_body.hpp - changes as a stream of JSON lines.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "api/reads/list_body.hpp"
#include "api/request/api_context.hpp"

namespace berth::api {

struct WatchRequest {
  model::Kind kind = model::Kind::Pod;
  std::string ns;
  std::string name;  ///< Only the object of that name; empty: all.
  Selection selection;
  std::optional<store::Revision> from;  ///< Unset: from the newest state on.
  bool initial = true;                  ///< Without `from`: begin with an ADDED for everything there is.
  bool bookmarks = false;
  bool mark_initial_end = false;       ///< With `bookmarks`: one that says that everything there was has been sent.
  std::chrono::seconds timeout{1800};  ///< The stream ends then; clients watch again.
  Presentation presentation;
};

/// ADDED, MODIFIED, DELETED as Kubernetes words them: an object that leaves the selection is DELETED, one that enters
/// is ADDED. BOOKMARKs, if asked for, each minute and before the end. `from` older than the store's history, or a
/// reader who falls behind by WatchHub::kMaxChanges: one ERROR event with 410. API thread only.
std::unique_ptr<BodySource> make_watch_body(ApiContext& context, WatchRequest request);

}  // namespace berth::api
