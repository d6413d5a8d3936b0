// network/dns/cache.cpp - a list in order of use and an index into it.
#include "network/dns/cache.hpp"

#include "network/dns/reply.hpp"

namespace berth::network::dns {

void Cache::erase(Entries::iterator entry) {
  bytes_ -= entry->cost();
  index_.erase(entry->key);
  entries_.erase(entry);
}

void Cache::put(const std::string& key, Octets message, std::uint32_t ttl, SteadyTime now) {
  if (const auto old = index_.find(key); old != index_.end()) erase(old->second);
  if (ttl == 0) return;
  entries_.push_front({key, {message.begin(), message.end()}, now, now + std::chrono::seconds(ttl)});
  index_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().cost();
  while (!entries_.empty() && (entries_.size() > limits_.entries || bytes_ > limits_.bytes))
    erase(std::prev(entries_.end()));
}

void Cache::clear() {
  index_.clear();
  entries_.clear();
  bytes_ = 0;
}

Octets Cache::get(const std::string& key, SteadyTime now) {
  const auto found = index_.find(key);
  if (found == index_.end()) return {};
  const auto entry = found->second;
  if (entry->expires <= now) {
    erase(entry);
    return {};
  }
  entries_.splice(entries_.begin(), entries_, entry);
  aged_ = entry->message;
  age_records(
      aged_, static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now - entry->stored).count()));
  return aged_;
}

}  // namespace berth::network::dns
