// agent/services/service_controller.cpp - see service_controller.hpp.
#include "agent/services/service_controller.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

EventText said(const model::Service& service, const model::ObjectKey& key, std::string_view type, std::string reason,
               std::string message) {
  return {key, service.meta.uid, type, std::move(reason), std::move(message)};
}

}  // namespace

json::object balancer_status(const std::string& address) {
  if (address.empty()) return {};
  return {{"ingress", json::array{json::object{{"ip", address}, {"ipMode", "VIP"}}}}};
}

Controller ServiceController::row() {
  return {.name = "services",
          .wakes =
              [](const store::Change& change, const Waker& wake) {
                if (change.object->kind == Kind::Service) wake(change.object->key());
              },
          .all =
              [this](const Waker& wake) {
                for (const auto& [name, service] : context_.cache.services())
                  wake({Kind::Service, name.first, name.second});
              },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
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
  if (service.cluster_ip.empty() && service.type != "ExternalName") {
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
  const auto strange = service.has_address() && !context_.range.contains(service.cluster_ip);
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
  auto wanted = std::vector<std::string>();
  if (whole) wanted.push_back(context_.host_ip);
  if (foreign || service.balanced_at == wanted) return;
  work.writes.push_back({.key = key,
                         .uid = service.meta.uid,
                         .edit =
                             [address = whole ? context_.host_ip : std::string()](json::object& raw) {
                               auto& status = raw["status"];
                               if (!status.is_object()) status.emplace_object();
                               status.get_object()["loadBalancer"] = balancer_status(address);
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
}

}  // namespace berth::agent
