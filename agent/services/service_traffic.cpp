// agent/services/service_traffic.cpp - see service_traffic.hpp.
#include "agent/services/service_traffic.hpp"

#include <algorithm>
#include <utility>

#include "agent/services/endpoint_controller.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

std::string route_name(const Name& name) { return name.first + "/" + name.second; }

}  // namespace

void ServiceTraffic::on_change(const store::Change& change) {
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    if (endpoints_changed(change)) look_at_selecting(change);
  } else if (object.kind == Kind::Service) {
    grants_dirty_ = true;
    look_at({object.meta.ns, object.meta.name});
  } else if (object.kind == Kind::Endpoints || object.kind == Kind::EndpointSlice) {
    for (const auto& state : {change.object, change.previous}) {
      const auto made = state ? manual_endpoints(*state) : std::nullopt;
      if (made) look_at({state->meta.ns, made->service});
    }
  }
}

void ServiceTraffic::look_at_selecting(const store::Change& pod) {
  const auto& objects = context_.objects();
  for (const auto& state : {pod.object, pod.previous}) {
    if (!state) continue;
    for (const auto& service : objects.services_selecting(state->meta.ns, state->meta.labels)) {
      if (service->has_address()) look_at({service->meta.ns, service->meta.name});
    }
  }
}

void ServiceTraffic::look_at_all() {
  out_of_step_ = true;
  objects_ = nullptr;
  look_soon();
}

void ServiceTraffic::look_at_all(const ObjectCache& objects) {
  grants_dirty_ = true;
  for (const auto& [name, service] : objects.services()) dirty_.insert(name);
  for (const auto& [name, route] : wanted_) {
    const auto slash = name.find('/');
    dirty_.emplace(name.substr(0, slash), name.substr(slash + 1));
  }
}

void ServiceTraffic::look_at(const Name& name) {
  dirty_.insert(name);
  look_soon();
}

void ServiceTraffic::look_soon() {
  // What comes while the kernel is told goes out with the answer.
  if (busy_ || std::exchange(posted_, true)) return;
  context_.loop.post([this, alive = alive_] {
    if (*alive) look();
  });
}

void ServiceTraffic::look() {
  posted_ = false;
  if (busy_) return;
  const auto& objects = context_.objects();
  if (std::exchange(objects_, &objects) != &objects) look_at_all(objects);
  if (std::exchange(grants_dirty_, false)) grant(objects);
  for (const auto& name : std::exchange(dirty_, {})) {
    if (renew(name, objects)) out_of_step_ = true;
  }
  if (!out_of_step_) return context_.on_settled();
  out_of_step_ = false;
  busy_ = true;
  context_.lane.run([this, alive = alive_, &loop = context_.loop, &network = context_.network, routes = wanted_] {
    auto status = network.set_services(routes);
    loop.post([this, alive, routes, status = std::move(status)] {
      if (*alive) answered(routes, status);
    });
  });
}

/// Few services have ports of the host: all of them are looked at.
void ServiceTraffic::grant(const ObjectCache& objects) {
  const auto& services = objects.services();
  const auto asks = [](const auto& entry) { return wants_host_ports(*entry.second); };
  if (std::none_of(services.begin(), services.end(), asks) && grants_ == HostPortGrants()) return;
  auto now = grant_host_ports(services, context_.listeners, grants_);
  if (now == grants_) return;
  std::set<Name> touched;
  for (const auto* each : {&now, &grants_}) {
    for (const auto& [key, name] : each->holders) touched.insert(name);
    for (const auto& [name, why] : each->refused) touched.insert(name);
  }
  grants_ = std::move(now);
  for (const auto& name : touched) {
    dirty_.insert(name);
    context_.on_grant(name);
  }
}

/// Before there were addresses of services, files could say any: one outside of the block is somebody else's, and one
/// of two that are the same is the other's. Their names lead to pods, as they did.
bool ServiceTraffic::may_have(const std::string& key, const model::Service& service) const {
  if (!service.has_address() || !context_.range.contains(service.cluster_ip)) return false;
  const auto holder = holders_.find(service.cluster_ip);
  return holder == holders_.end() || holder->second == key;
}

/// Is the service's route another than before?
bool ServiceTraffic::renew(const Name& name, const ObjectCache& objects) {
  const auto found = objects.services().find(name);
  const auto key = route_name(name);
  const auto old = wanted_.find(key);
  if (found == objects.services().end() || !may_have(key, *found->second)) {
    if (old == wanted_.end()) return false;
    holders_.erase(old->second->cluster_ip);
    wanted_.erase(old);
    return true;
  }
  auto route = service_route(*found->second, objects, context_.node, grants_);
  if (old != wanted_.end()) {
    if (*old->second == route) return false;
    holders_.erase(old->second->cluster_ip);
  }
  holders_[route.cluster_ip] = key;
  wanted_.insert_or_assign(key, std::make_shared<const network::ServiceRoute>(std::move(route)));
  return true;
}

void ServiceTraffic::answered(const network::ServiceRoutes& sent, const Status& status) {
  busy_ = false;
  if (status) {
    applied_ = sent;
    if (std::exchange(failing_, false)) log(LogLevel::Info, "packets to services are led again");
  } else {
    if (!std::exchange(failing_, true)) {
      log(LogLevel::Error, "packets to services are led as before, trying again",
          {{"error", status.error().message()}});
    }
    retry_ = context_.loop.after(kRetry, [this] {
      out_of_step_ = true;
      look_soon();
    });
  }
  if (!dirty_.empty() || grants_dirty_ || out_of_step_ || objects_ == nullptr) look_soon();
  context_.on_settled();
}

bool ServiceTraffic::in_force(const model::Service& service) const {
  const auto found = applied_.find(route_name({service.meta.ns, service.meta.name}));
  return found != applied_.end() && found->second->cluster_ip == service.cluster_ip;
}

}  // namespace berth::agent
