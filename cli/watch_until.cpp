// cli/watch_until.cpp - waiting for objects by list and watch.
#include "cli/watch_until.hpp"

#include <thread>

namespace berth::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kAwayAtMost{10};
constexpr std::chrono::milliseconds kPause{200};

bool is_past(const Deadline& deadline) { return deadline && Clock::now() >= *deadline; }

}  // namespace

Status watch_until(const Server& server, const model::KindInfo& kind, std::string_view ns, const Selection& selection,
                   const Deadline& deadline, const Waiter& waiter) {
  const Error late(ErrorCode::DeadlineExceeded, "timed out waiting for the condition");
  std::optional<Clock::time_point> away_since;
  while (true) {
    const auto list = server.list(kind, ns, selection);
    if (failed_with(list, ErrorCode::Unavailable) && away_since && Clock::now() - *away_since < kAwayAtMost) {
      if (is_past(deadline)) return late;
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (!list) return list.error();
    const auto done = waiter.on_list(items_of(*list));
    if (!done) return done.error();
    if (*done) return Ok{};
    if (is_past(deadline)) return late;
    Result<bool> seen = false;
    auto watched = server.watch(kind, ns, selection, find_string(*list, {"metadata", "resourceVersion"}, "0"), deadline,
                                [&](std::string_view type, const json::value& object) {
                                  seen = waiter.on_event(type, object);
                                  return seen && !*seen;
                                });
    if (!seen) return seen.error();
    if (*seen) return Ok{};
    if (failed_with(watched, ErrorCode::DeadlineExceeded) || is_past(deadline)) return late;
    if (!watched && watched.error().code() != ErrorCode::OutOfRange &&
        watched.error().code() != ErrorCode::Unavailable) {
      return watched.error();
    }
    away_since = Clock::now();
    std::this_thread::sleep_for(kPause);  // a server that ends every watch at once is not asked in a tight loop
  }
}

Deadline deadline_after(const std::optional<std::chrono::milliseconds>& timeout) {
  if (!timeout || timeout->count() == 0) return std::nullopt;
  constexpr std::chrono::hours kWeek{7 * 24};
  return Clock::now() + (timeout->count() < 0 ? std::chrono::milliseconds(kWeek) : *timeout);
}

}  // namespace berth::cli
