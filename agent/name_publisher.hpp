// agent/name_publisher.hpp - tells the DNS server, and the host's own resolver, which names there are; and keeps beside
// the pods what is needed should the store be lost. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/object_records.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/services/last_known.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "network/dns.hpp"
#include "store/store.hpp"
#include "systemd/host_resolver.hpp"

namespace berth::agent {

/// All outlive it.
struct NameRooms {
  Loop& loop;
  Lane& lane;  ///< Builds the zones: one of ten thousand names takes longer than a pod may wait for the loop.
  const store::Store& store;
  const ObjectCache& cache;
  ObjectRecords& records;
  network::DnsServer& dns;
  std::string cluster_domain;
  std::vector<std::string> servers;  ///< Where pods ask.
  /// Do packets to that service's address go on from there? Then its name leads there, and to its pods otherwise.
  std::function<bool(const model::Service&)> leads_on;
  /// Is the answer about to change? Then names wait for on_settled(), so that none leads where nothing goes on yet.
  std::function<bool()> is_settling;
  /// Once, when the first names are published: from now on questions have their answers.
  std::function<void()> on_first;
};

class NamePublisher {
 public:
  explicit NamePublisher(NameRooms rooms) : rooms_(std::move(rooms)) {}

  /// The host's resolver is told from now on, too.
  void tell_host(const systemd::HostResolverConfig& config);
  /// Nobody is told any more: its threads end.
  void end() { resolver_.reset(); }

  /// Once, before anything else is recorded: pods of a store that is lost may run here, and their names go on.
  void remember() { last_known_.remember(rooms_.records.all()); }
  /// Only these pods run without an object, from now on.
  void judge(std::set<std::string> strangers);

  /// Of any kind; the cache has it already.
  void on_change(const store::Change& change);
  /// Nobody told what changed: looks at everything.
  void on_snapshot();
  /// What the names are made of: the cache's objects, and beside them those of a store that was lost, for as long as
  /// its pods run. Good until the next call.
  const ObjectCache& world() { return last_known_.world(rooms_.cache); }

  /// What `leads_on` says is true as of now.
  void on_settled() { post(); }

 private:
  void record(const model::ObjectPtr& object, bool is_there);
  void publish();
  void post();
  void make_zone();
  void tell_resolver(const network::DnsNames& names);

  NameRooms rooms_;
  LastKnown last_known_;
  std::unique_ptr<systemd::HostResolver> resolver_;
  bool posted_ = false;
  bool building_ = false;  ///< A zone is on the lane: what changes meanwhile makes the next one.
  bool changed_ = false;
  bool named_ = false;  ///< on_first was called.
  bool left_out_ = false;
};

}  // namespace berth::agent
