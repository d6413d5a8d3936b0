// network/dns/cache.hpp - replies of upstreams for as long as their TTL allows; bounded, oldest use goes first.
#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "network/dns/message.hpp"

namespace berth::network::dns {

/// Checked messages by Question::key(). One thread.
class Cache {
 public:
  struct Limits {
    std::size_t entries = 4096;
    std::size_t bytes = 2 * 1024 * 1024;  ///< Messages and keys.
  };

  Cache() = default;
  explicit Cache(Limits limits) : limits_(limits) {}

  /// Keeps `message` for `ttl` seconds; 0: does not.
  void put(const std::string& key, Octets message, std::uint32_t ttl, SteadyTime now);

  /// The message with its TTLs as they are by now; empty when there is none. Valid until the next call.
  Octets get(const std::string& key, SteadyTime now);

  /// Forgets everything.
  void clear();

  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    std::vector<std::uint8_t> message;
    SteadyTime stored;
    SteadyTime expires;
    std::size_t cost() const { return message.size() + key.size(); }
  };
  using Entries = std::list<Entry>;  // most recently used first

  void erase(Entries::iterator entry);

  Limits limits_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> index_;  // keys live in the entries
  std::size_t bytes_ = 0;
  std::vector<std::uint8_t> aged_;
};

}  // namespace berth::network::dns
