// api/usage/request_counters.hpp - how many requests of which kind, and how long they took: for /metrics.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "api/access/authorization.hpp"
#include "base/counters.hpp"

namespace berth::api {

/// Labels are words of ours only (a verb, a resource that we serve, one of our subresources, a status code), so a peer
/// cannot make the tables grow. API thread only.
class RequestCounters {
 public:
  void add(const AccessRequest& access, unsigned code, std::chrono::nanoseconds took);

  /// Appends apiserver_request_total and apiserver_request_duration_seconds in Prometheus' text format.
  void append(std::string& out) const;

 private:
  using Durations = Histogram<8>;
  std::map<std::pair<std::string, unsigned>, std::uint64_t> totals_;  ///< By labels and code.
  std::map<std::string, std::unique_ptr<Durations>> durations_;       ///< By labels; not of what lasts long by nature.
};

}  // namespace berth::api
