// agent/services/service_controller.cpp - see service_controller.hpp.
#include "agent/services/service_controller.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "agent/objects/host_addresses.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

EventText said(const model::Service& service, const model::ObjectKey& key, std::string_view type, std::string reason,
               std::string message) {
  return {key, service.meta.uid, type, std::move(reason), std::move(message)};
}

/// The addresses that a status says; "" for what is none.
std::vector<std::string> ingress_in(const json::object& status) {
  std::vector<std::string> out;
  const auto* balancer = status.if_contains("loadBalancer");
  const auto* ingress = balancer == nullptr ? nullptr : find(*balancer, {"ingress"});
  if (ingress == nullptr || !ingress->is_array()) return out;
  for (const auto& each : ingress->get_array()) out.emplace_back(find_string(each, {"ip"}));
  return out;
}

}  // namespace

std::vector<std::string> balanced_at(const std::vector<std::string>& now, const std::string& address, bool leads,
                                     const std::set<std::string>& others) {
  std::set<std::string> out;
  for (const auto& each : now) {
    if (others.contains(each)) out.insert(each);
  }
  if (leads) out.insert(address);
  return {out.begin(), out.end()};
}

json::object balancer_status(const std::vector<std::string>& addresses) {
  if (addresses.empty()) return {};
  json::array ingress;
  for (const auto& each : addresses) ingress.push_back(json::object{{"ip", each}, {"ipMode", "VIP"}});
  return {{"ingress", std::move(ingress)}};
}

Controller ServiceController::row() {
  return {.name = "services",
          .wakes =
              [this](const store::Change& change, const Waker& wake) {
                if (change.object->kind == Kind::Service) wake(change.object->key());
                if (moves_host(change)) on_hosts(wake, /*balanced_only=*/true);
              },
          .all = [this](const Waker& wake) { on_hosts(wake, /*balanced_only=*/false); },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
}

/// Others may be there than before, or elsewhere.
void ServiceController::on_hosts(const Waker& wake, bool balanced_only) {
  others_.reset();
  for (const auto& [name, service] : context_.cache.services()) {
    if (!balanced_only || is_balanced_here(*service)) wake({Kind::Service, name.first, name.second});
  }
}

void ServiceController::on_grant(const Name& name) {
  if (waker_) (*waker_)({Kind::Service, name.first, name.second});
}

Work ServiceController::plan(const model::ObjectKey& key) {
  Work work;
  const Name name{key.ns, key.name};
  const auto found = context_.cache.services().find(name);
  if (found == context_.cache.services().end()) {
    told_.erase(name);
    return work;
  }
  const auto& service = *found->second;
  if (service.meta.deleting()) return work;
  const auto speaks = !context_.is_warden || context_.is_warden(key);
  if (service.cluster_ip.empty() && service.type != "ExternalName") {
    if (!speaks) return work;
    work.writes.push_back(
        {.key = key,
         .uid = service.meta.uid,
         .edit =
             [](json::object& raw) {
               // The store fills the address in.
               model::object_in(model::object_in(raw, "metadata"), "annotations")[model::kOtherPorts] = "pods";
               return Edit::Done;
             },
         .said = said(service, key, "Normal", "ClusterIPAllocated",
                      fmt::format("Has an address of its own from now on: its name leads there, and from there to "
                                  "ready pods. It was written by a version without addresses for services: ports that "
                                  "it does not name are led to its pods, too, for as long as it has the annotation {}; "
                                  "say clusterIP: None where names shall lead to the pods themselves",
                                  model::kOtherPorts))});
    return work;
  }
  const auto strange = speaks && service.has_address() && !context_.range.contains(service.cluster_ip);
  plan_balancer(service, key, work);
  const auto refused = context_.grants().refused.find(name);
  auto why = refused != context_.grants().refused.end() ? refused->second : std::string();
  if (strange) why = "clusterIP " + service.cluster_ip + " is not within " + context_.range.text();
  if (std::exchange(told_[name], why) == why || why.empty()) return work;
  work.events.push_back(strange ? said(service, key, "Warning", "ClusterIPOutOfRange",
                                       why + ": its name leads to its pods; make it again without clusterIP")
                                : said(service, key, "Warning", "PortInUse", "Does not have all of its ports: " + why));
  return work;
}

void ServiceController::plan_balancer(const model::Service& service, const model::ObjectKey& key, Work& work) {
  const auto whole =
      is_balanced_here(service) && context_.range.contains(service.cluster_ip) && context_.grants().has_all(service);
  const auto foreign = service.type == "LoadBalancer" && !service.load_balancer_class.empty();
  if (foreign || (!whole && service.balanced_at.empty())) return;
  if (!others_) others_ = context_.others();
  if (!others_) return;
  const auto renew = [address = context_.host_ip, whole, others = *others_](const std::vector<std::string>& now) {
    return balanced_at(now, address, whole, others);
  };
  if (service.balanced_at == renew(service.balanced_at)) return;
  work.writes.push_back({.key = key,
                         .uid = service.meta.uid,
                         .edit =
                             [renew](json::object& raw) {
                               // Of what is there by now: another host may have been faster.
                               auto& status = model::object_in(raw, "status");
                               const auto now = ingress_in(status);
                               const auto wanted = renew(now);
                               if (now == wanted) return Edit::Leave;
                               status["loadBalancer"] = balancer_status(wanted);
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
}

}  // namespace berth::agent
