// agent/node/node_reporter.hpp - keeps the Node's conditions and its Lease true while we run.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/node/node_object.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// How it is known that we are there. Written: the Node each five minutes (the kubelet's nodeStatusReportFrequency),
/// the Lease kube-node-lease/NODE each minute. Session: by that, which writes nothing; then there is no such Lease, as
/// one that is not renewed would say that we are gone, and lastHeartbeatTime is when the conditions were written last.
enum class Heartbeat { Written, Session };

/// Looks at the host each minute. The Node is written when a condition changed, and for the heartbeat. Loop thread
/// only.
class NodeReporter {
 public:
  NodeReporter(Loop& loop, StoreWriter& writer, const Clock& clock, std::string node_name,
               std::filesystem::path state_dir, Heartbeat heartbeat,
               std::chrono::milliseconds retry = std::chrono::seconds(1));

  /// The Node is there: reports from now on.
  void begin();

  /// This is stored of us now; `is_new`: it was not there. That others said that nothing is heard of us, and what a
  /// Node that was made anew does not know, is put right at once.
  void on_node(const model::Object& node, bool is_new);

  /// Is containerd usable? `error` is empty when it is. Reports at once when that is news.
  void on_runtime(const std::string& error, const std::string& version);
  /// All pods whose shim does not answer. Reports at once when that is news.
  void on_silent_shims(const std::vector<model::HostProblem>& silent);
  /// All that is wrong with this host among others. Reports at once when that is news.
  void on_troubles(std::vector<NodeTrouble> troubles);

 private:
  void look();
  /// Writes what is known now. While a write is under way the next waits for it, so that the newest is written last; a
  /// write that failed is repeated after `retry`: the Node may not be stored yet, or the disk be full for a while.
  void report();
  void renew_lease();

  Loop& loop_;
  StoreWriter& writer_;
  const Clock& clock_;
  const std::string node_name_;
  const std::filesystem::path state_dir_;
  const Heartbeat heartbeat_;
  const std::chrono::milliseconds retry_after_;
  NodeHealth health_;
  std::string runtime_version_;
  SteadyTime reported_;
  bool begun_ = false;
  bool writing_ = false;
  bool again_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::unique_ptr<LoopHandle> retry_;
};

}  // namespace berth::agent
