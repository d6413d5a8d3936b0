// agent/first_objects.hpp - what every host has from the start: namespaces, a storage class, the API's Service, its
// Node.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "agent/config.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// Loop thread. The references outlive it, and `peers`: who shares the store with us; null: nobody does.
class FirstObjects {
 public:
  FirstObjects(Loop& loop, store::Store& store, StoreWriter& writer, const Clock& clock, const Config& config,
               const LiveNodes* peers = nullptr, std::chrono::milliseconds retry = std::chrono::seconds(2))
      : loop_(loop),
        store_(store),
        writer_(writer),
        clock_(clock),
        config_(config),
        peers_(peers),
        retry_after_(retry) {}

  /// Creates what is missing; brings the Node's labels, addresses and capacity up to date and keeps its conditions.
  /// What exists is not touched otherwise. What the store refuses (a full disk) is tried again after `retry`: without
  /// its namespaces a host takes no pod.
  void write(const std::string& host_ip);
  /// The peers are others than before: the API is served where they are.
  void on_peers();
  /// Tell it every change: who thought us gone may have taken our part away.
  void on_change(const store::Change& change);

 private:
  void write_api_service();
  void write_endpoints(const model::ObjectKey& key, json::object wanted);
  void drop_slices();
  void write_node();
  StoreWriter::Done again_if_refused(const std::string& what);
  void again();

  Loop& loop_;
  store::Store& store_;
  StoreWriter& writer_;
  const Clock& clock_;
  const Config& config_;
  const LiveNodes* const peers_;
  const std::chrono::milliseconds retry_after_;
  std::string host_ip_;
  bool told_ = false;
  std::unique_ptr<LoopHandle> retry_;
};

}  // namespace berth::agent
