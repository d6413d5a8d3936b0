// base/keyed_queue.hpp - what needs attention next, once per key.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace berth {

/// Keys with the time each becomes due. A key is in at most once: kicking it again can only bring
/// it forward. While a key is taken (its pass runs) kicks are remembered and make it due when it is
/// put back, so no event is lost and no key runs twice at a time. Loop thread only; pure otherwise.
class KeyedQueue {
 public:
  /// Due at `when`, or earlier if it already was.
  void kick(const std::string& key, SteadyTime when);

  /// Takes the earliest key due at `now` and marks it busy; none when nothing is due.
  std::optional<std::string> take(SteadyTime now);

  /// Ends a pass: no longer busy. Due at `next` (none: not until kicked), or at the time of a kick
  /// that came meanwhile if that is earlier. Nothing happens when the key was erased during its pass.
  void put_back(const std::string& key, std::optional<SteadyTime> next);

  /// Forgets the key, busy or not.
  void erase(const std::string& key);

  /// When the earliest key is due; none when no idle key waits.
  std::optional<SteadyTime> next_due() const;

  bool busy(const std::string& key) const { return busy_.contains(key); }
  /// Was a key that is busy kicked since it was taken?
  bool kicked(const std::string& key) const {
    const auto found = busy_.find(key);
    return found != busy_.end() && found->second.has_value();
  }
  std::size_t size() const { return due_.size() + busy_.size(); }

 private:
  std::map<std::string, SteadyTime> due_;                  ///< Idle keys.
  std::set<std::pair<SteadyTime, std::string>> order_;     ///< The same keys by time.
  std::map<std::string, std::optional<SteadyTime>> busy_;  ///< Taken keys, and the kick that came meanwhile.
};

}  // namespace berth
