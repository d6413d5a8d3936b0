// network/health_answers.hpp - tells load balancers whether a service has pods here: its healthCheckNodePort.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "network/service_routes.hpp"

namespace berth::network {

/// What the answer is made of.
struct ServiceHealth {
  std::string service;           ///< "namespace/name"
  std::uint32_t ready_pods = 0;  ///< On this host.
  bool in_force = true;          ///< Packets go where they should.
  auto operator<=>(const ServiceHealth&) const = default;
};

/// By port of the host.
using HealthPorts = std::map<std::uint16_t, ServiceHealth>;

/// Those of the routes that have such a port. `in_force`: as the last attempt to make them so ended.
HealthPorts health_ports(const ServiceRoutes& routes, bool in_force);

/// The body, as kube-proxy writes it.
std::string health_text(const ServiceHealth& health);

/// Answers every HTTP request with 200 as long as pods are ready and packets reach them, else with 503, and closes: a
/// load balancer asks every few seconds, of each host of which it does not know where the pods are. On a thread of its
/// own, which is there while there is a port. `address`: IPv4 to listen on.
class HealthAnswers {
 public:
  explicit HealthAnswers(std::string address = "0.0.0.0");
  ~HealthAnswers();
  HealthAnswers(const HealthAnswers&) = delete;
  HealthAnswers& operator=(const HealthAnswers&) = delete;

  /// From now on these, and no other port. One that cannot be had is logged, and tried again every few seconds. One
  /// call after the other, any thread; returns before the ports are open.
  void set(HealthPorts ports);

 private:
  class Listeners;
  const std::string address_;
  std::unique_ptr<Listeners> listeners_;  ///< None: no port is wanted.
};

}  // namespace berth::network
