// api/watch_body.hpp - changes as a stream of JSON lines.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "api/api_context.hpp"
#include "api/list_body.hpp"

namespace berth::api {

struct WatchRequest {
  model::Kind kind = model::Kind::Pod;
  std::string ns;
  Selection selection;
  std::optional<store::Revision> from;  ///< Unset: begin with an ADDED for everything there is.
  bool bookmarks = false;
  std::chrono::seconds timeout{1800};  ///< The stream ends then; clients watch again.
  Presentation presentation;
};

/// Changes that wait for a reader who is too slow; with more the watch ends with 410 and the client lists again.
inline constexpr std::size_t kMaxWaitingChanges = 1000;

/// ADDED, MODIFIED, DELETED as Kubernetes words them: an object that leaves the selection is DELETED, one that enters
/// is ADDED. `from` older than the store's history: one ERROR event with 410. API thread only.
std::unique_ptr<BodySource> make_watch_body(ApiContext& context, WatchRequest request);

}  // namespace berth::api
