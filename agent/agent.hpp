// agent/agent.hpp - the whole agent: every room built and wired, in one place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/config.hpp"
#include "base/kept_sockets.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/host_status.hpp"
#include "model/planned_step.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/pod_runtime.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// One running agent. Destroying it stops the agent and leaves every pod running.
class Agent {
 public:
  virtual ~Agent() = default;

  /// Recovers what runs on this host and goes to work; returns after stop() or SIGTERM/SIGINT. AlreadyExists: another
  /// host's agent took the store while it was out of our reach.
  virtual Status run() = 0;

  /// Any thread.
  virtual void stop() = 0;

  /// What SIGHUP does from now on: reads the configuration, and takes from it what can change while pods run (sources,
  /// labels and taints of the node, the log level). The journal says which other keys wait for a restart, or why
  /// nothing was changed at all. Before run().
  virtual void reload_by(std::function<Result<Config>()> read) = 0;

  // What the API serves from; main() gives them to it, because the API is no part of this room.
  virtual store::Store& store() = 0;
  virtual runtime::PodRuntime& runtime() = 0;
  virtual runtime::LogReader& logs() = 0;
  /// A connection to a port of a pod's localhost. Blocks for seconds at most. NotFound: no such pod has a network here.
  virtual Result<UniqueFd> dial_pod(const std::string& pod_uid, std::uint16_t port) = 0;
  /// Is everything that pods need in order? Part by part: "containerd", "store", "recovery", "sources". Any thread.
  virtual std::vector<std::pair<std::string, Status>> health() const = 0;
  /// A consistent copy of the store: an open file that has no name any more. Blocks as the disk does, so not on the
  /// loop; else any thread. Errors: as store::copy_store().
  virtual Result<UniqueFd> back_up() = 0;
  /// A copy of the store to try things on. Not on the loop; else any thread.
  virtual std::unique_ptr<store::Store> copy_for_rehearsal() const = 0;
  /// What would be done for the sake of these objects, in order, if the store were as `copy` is: see rehearse().
  virtual std::vector<model::PlannedStep> rehearse(store::Store& copy,
                                                   const std::set<model::ObjectKey>& objects) const = 0;
  /// What there is to say of this host. Looks at disks, so not on the loop; else any thread.
  virtual model::HostStatus status() const = 0;
};

/// Where the objects are.
std::filesystem::path store_file(const Config& config);

/// Opens the store, sets up the host's network, binds the DNS server.
/// Errors: InvalidArgument (configuration), FailedPrecondition (pod CIDR overlaps), Unavailable (another agent holds
/// the state directory, or the DNS address is taken), PermissionDenied. containerd being away is none: it is awaited.
/// `kept`: sockets of the DNS server that an earlier process kept.
Result<std::unique_ptr<Agent>> make_agent(const Config& config, const KeptSockets& kept = {});

}  // namespace berth::agent
