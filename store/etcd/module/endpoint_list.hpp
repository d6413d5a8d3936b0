// store/etcd/module/endpoint_list.hpp - the endpoints that the links of a client have in common.
#pragma once

#include <algorithm>
#include <iterator>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include "store/etcd/endpoints.hpp"

namespace berth::store::etcd {

/// Those that are configured, at least one, and then those that the etcd says of itself. Any thread.
class EndpointList {
 public:
  EndpointList(std::vector<Endpoint> configured, std::vector<Endpoint> members)
      : configured_(std::move(configured)), members_(std::move(members)) {}

  /// Any that is configured: many hosts with one list shall not all be with its first.
  Endpoint first() const { return configured_[std::random_device()() % configured_.size()]; }
  /// The one to try when `endpoint` fails; each has its turn, also when `endpoint` is no longer one of them.
  Endpoint after(const Endpoint& endpoint) const {
    const std::scoped_lock lock(mutex_);
    auto all = configured_;
    all.insert(all.end(), members_.begin(), members_.end());
    const auto at = std::find(all.begin(), all.end(), endpoint);
    return at == all.end() || std::next(at) == all.end() ? all.front() : *std::next(at);
  }
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return configured_.size() + members_.size();
  }
  /// False: it is what was known.
  bool set_members(std::vector<Endpoint> members) {
    const std::scoped_lock lock(mutex_);
    if (members == members_) return false;
    members_ = std::move(members);
    return true;
  }

 private:
  const std::vector<Endpoint> configured_;
  mutable std::mutex mutex_;
  std::vector<Endpoint> members_;
};

}  // namespace berth::store::etcd
