// tests/fakes/fake_network.hpp - PodNetwork in memory: no packet, no file, any verb can be made to fail.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "network/pod_network.hpp"

namespace berth::network {

/// Paths it returns are below /fake; nothing is there. Addresses are 10.98.0.2 and up. Any thread.
class FakeNetwork final : public PodNetwork {
 public:
  explicit FakeNetwork(unsigned capacity = 253) : capacity_(capacity) {}

  /// The next call of that verb ("set_up_host", "attach", "detach", "observe", "attached_pods", "set_services",
  /// "set_policies", "set_peers") fails with `error`, once for each call of this.
  void fail_next(const std::string& verb, Error error);

  /// As if the agent was killed in the middle of attach, or somebody deleted the interface: observe says nullopt,
  /// the pod is still listed and keeps its address.
  void break_pod(const std::string& pod_uid);

  /// Every call so far: "set_up_host", "attach mongo-0", "detach <uid>"; observe is not listed.
  std::vector<std::string> calls() const;

  /// What the last attach() of that pod was given; none when not attached.
  std::optional<NetworkSpec> attached(const std::string& pod_uid) const;

  Status set_up_host() override;
  Result<Attachment> attach(const NetworkSpec& spec) override;
  Status detach(const std::string& pod_uid) override;
  Result<std::optional<Attachment>> observe(const std::string& pod_uid) override;
  Result<std::vector<std::string>> attached_pods() override;
  Status set_services(ServiceRoutes routes) override;
  ServiceRoutes services() const;  ///< What the last set_services() that succeeded was given.
  Status set_policies(PodPolicies policies) override;
  PodPolicies policies() const;  ///< What the last set_policies() that succeeded was given.
  Status set_peers(std::vector<Peer> peers) override;
  std::vector<Peer> peers() const;  ///< What the last set_peers() that succeeded was given.
  std::string wireguard_key() const override { return wireguard_key_; }
  void set_wireguard_key(std::string key) { wireguard_key_ = std::move(key); }
  std::optional<std::string> address_of(const std::string& pod_uid) const override;
  std::string gateway() const override { return "10.98.0.1"; }
  std::string host_address() const override { return "192.0.2.2"; }

 private:
  struct Pod {
    NetworkSpec spec;
    unsigned number = 0;  ///< Last byte of its address; 0 with the host's network.
    bool complete = true;
  };
  std::optional<Error> failure(const std::string& verb);
  Attachment attachment(const Pod& pod) const;
  const Pod* port_holder(const NetworkSpec& spec) const;

  const unsigned capacity_;
  std::string wireguard_key_;
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::map<std::string, std::vector<Error>> failures_;
  std::map<std::string, Pod> pods_;
  ServiceRoutes services_;
  PodPolicies policies_;
  std::vector<Peer> peers_;
  unsigned next_ = 2;
};

}  // namespace berth::network
