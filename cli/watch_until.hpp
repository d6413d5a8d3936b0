// cli/watch_until.hpp - waiting for objects by list and watch: the one place that does it.
#pragma once

#include <functional>

#include "cli/server.hpp"

namespace berth::cli {

/// What a waiter looks at. Both return true when the wait is over; their errors end it too.
struct Waiter {
  /// All selected objects, at the start and whenever the watch had to begin anew.
  std::function<Result<bool>(const json::array& items)> on_list;
  /// One change: "ADDED", "MODIFIED", "DELETED".
  std::function<Result<bool>(std::string_view type, const json::value& object)> on_event;
};

/// Lists, then watches from there, until the waiter is content. A watch that ends, or whose version is too old, begins
/// anew; an agent that is away (an upgrade) is given ten seconds to come back. DeadlineExceeded: not in time.
Status watch_until(const Server& server, const model::KindInfo& kind, std::string_view ns, const Selection& selection,
                   const Deadline& deadline, const Waiter& waiter);

/// `--timeout`: none or 0 is for ever.
Deadline deadline_after(const std::optional<std::chrono::milliseconds>& timeout);

}  // namespace berth::cli
