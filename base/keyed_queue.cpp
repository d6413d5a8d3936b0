// base/keyed_queue.cpp - see keyed_queue.hpp.
#include "base/keyed_queue.hpp"

#include <algorithm>

namespace berth {

void KeyedQueue::kick(const std::string& key, SteadyTime when) {
  if (const auto busy = busy_.find(key); busy != busy_.end()) {
    auto& kicked = busy->second;
    kicked = kicked ? std::min(*kicked, when) : when;
    return;
  }
  const auto [entry, added] = due_.try_emplace(key, when);
  if (!added) {
    if (entry->second <= when) return;
    order_.erase({entry->second, key});
    entry->second = when;
  }
  order_.emplace(when, key);
}

std::optional<std::string> KeyedQueue::take(SteadyTime now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  auto key = order_.begin()->second;
  order_.erase(order_.begin());
  due_.erase(key);
  busy_.emplace(key, std::nullopt);
  return key;
}

void KeyedQueue::put_back(const std::string& key, std::optional<SteadyTime> next) {
  const auto busy = busy_.find(key);
  if (busy == busy_.end()) return;  // erased during its pass
  const auto kicked = busy->second;
  busy_.erase(busy);
  if (kicked) kick(key, *kicked);
  if (next) kick(key, *next);
}

void KeyedQueue::erase(const std::string& key) {
  if (const auto entry = due_.find(key); entry != due_.end()) {
    order_.erase({entry->second, key});
    due_.erase(entry);
  }
  busy_.erase(key);
}

std::optional<SteadyTime> KeyedQueue::next_due() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

}  // namespace berth
