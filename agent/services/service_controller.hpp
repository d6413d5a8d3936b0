// agent/services/service_controller.hpp - what is written into Services: a first address, and where a load balancer
// is. A row of the controller runner. Loop thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/services/service_route.hpp"
#include "model/service_addresses.hpp"

namespace berth::agent {

/// A key is a service. Services that an earlier version stored have no address: each is written once, and gets it in
/// that write (service_completion). A load balancer is at the host's address as soon as it has all of its ports there;
/// every host writes its own address, and takes those away that are no host's.
class ServiceController {
 public:
  struct Context {
    const ObjectCache& cache;
    model::ServiceRange range;
    std::string host_ip;
    std::function<const HostPortGrants&()> grants;
    /// Where the other hosts are that share the store. Nothing: it is not known who is there. Asked again when one
    /// moved, and when all is woken: a thousand Nodes are read for it.
    std::function<std::optional<std::set<std::string>>()> others = [] { return std::set<std::string>(); };
    /// Is it this host that says what all would? Empty: it is.
    std::function<bool(const model::ObjectKey&)> is_warden{};
  };

  explicit ServiceController(Context context) : context_(std::move(context)) {}

  /// Must outlive the runner it is added to.
  Controller row();
  /// The grants of this service changed. After row() was added.
  void on_grant(const Name& name);
  void wake_by(const Waker& waker) { waker_ = waker; }

 private:
  Work plan(const model::ObjectKey& key);
  void plan_balancer(const model::Service& service, const model::ObjectKey& key, Work& work);
  void on_hosts(const Waker& wake, bool balanced_only);

  const Context context_;
  std::optional<Waker> waker_;
  std::optional<std::set<std::string>> others_;
  std::map<Name, std::string> told_;  ///< What was said of a service's ports last.
};

/// Where a load balancer is, after it was `now`: at our `address` if it `leads` here, and where the `others` have said.
/// Hosts that do so one after the other come to an end, as each leaves what the others say. Pure.
std::vector<std::string> balanced_at(const std::vector<std::string>& now, const std::string& address, bool leads,
                                     const std::set<std::string>& others);
/// status.loadBalancer that says so.
json::object balancer_status(const std::vector<std::string>& addresses);

}  // namespace berth::agent
