// agent/services/service_traffic.hpp - keeps the host's packet rules at what services and their pods are. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "agent/services/service_route.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "model/service_addresses.hpp"
#include "network/pod_network.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Works from services and pods, not from the Endpoints that are made of them: those are a view for clients, and later.
/// A change looks at the services that it concerns; all that changed meanwhile goes out together, in one transaction,
/// one after the other. What fails is tried again, and everything stays as it was until then.
class ServiceTraffic {
 public:
  static constexpr std::chrono::seconds kRetry{5};

  struct Context {
    Loop& loop;
    Lane& lane;
    network::PodNetwork& network;
    std::function<const ObjectCache&()> objects;  ///< As they are now. Another cache than before: all is looked at.
    std::string node;
    model::ServiceRange range;
    std::function<std::set<HostPortKey>()> listeners;  ///< Of the host's own processes.
    std::function<void()> on_settled;                  ///< What was to be done is done, or failed.
    std::function<void(const Name&)> on_grant;         ///< The service has more ports of the host, or less.
  };

  explicit ServiceTraffic(Context context) : context_(std::move(context)) {}
  ~ServiceTraffic() { *alive_ = false; }
  ServiceTraffic(const ServiceTraffic&) = delete;
  ServiceTraffic& operator=(const ServiceTraffic&) = delete;

  /// Tell it every change of the store, after the cache took it.
  void on_change(const store::Change& change);
  /// Looks at all services: for the start, and when the cache was loaded anew.
  void look_at_all();

  /// Do packets to the service's address go where they should? Then its name may lead there.
  bool in_force(const model::Service& service) const;
  /// Something is on its way to the kernel; on_settled follows.
  bool is_settling() const { return busy_ || posted_; }
  const HostPortGrants& grants() const { return grants_; }

 private:
  void look_at(const Name& name);
  void look_at_selecting(const store::Change& pod);
  void look_soon();
  void look();
  void look_at_all(const ObjectCache& objects);
  void grant(const ObjectCache& objects);
  bool may_have(const std::string& key, const model::Service& service) const;
  bool renew(const Name& name, const ObjectCache& objects);
  void answered(const network::ServiceRoutes& sent, const Status& status);

  const Context context_;
  HostPortGrants grants_;
  network::ServiceRoutes wanted_;
  std::map<std::string, std::string> holders_;  ///< Of `wanted_`: which service has an address.
  network::ServiceRoutes applied_;
  std::set<Name> dirty_;
  const ObjectCache* objects_ = nullptr;  ///< What was looked at last; never looked into.
  bool grants_dirty_ = false;
  bool posted_ = false;
  bool busy_ = false;
  bool out_of_step_ = true;  ///< The kernel may have something else than `wanted_`.
  bool failing_ = false;
  std::unique_ptr<LoopHandle> retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
