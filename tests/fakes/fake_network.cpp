// tests/fakes/fake_network.cpp - a map of pods, and the same rules as the real one.
#include "tests/fakes/fake_network.hpp"

#include <fmt/format.h>

namespace berth::network {

void FakeNetwork::fail_next(const std::string& verb, Error error) {
  const std::lock_guard lock(mutex_);
  failures_[verb].push_back(std::move(error));
}

std::optional<Error> FakeNetwork::failure(const std::string& verb) {
  const auto it = failures_.find(verb);
  if (it == failures_.end() || it->second.empty()) return std::nullopt;
  auto error = it->second.front();
  it->second.erase(it->second.begin());
  return error;
}

void FakeNetwork::break_pod(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  if (const auto it = pods_.find(pod_uid); it != pods_.end()) it->second.complete = false;
}

std::vector<std::string> FakeNetwork::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::optional<NetworkSpec> FakeNetwork::attached(const std::string& pod_uid) const {
  const std::lock_guard lock(mutex_);
  const auto it = pods_.find(pod_uid);
  if (it == pods_.end() || !it->second.complete) return std::nullopt;
  return it->second.spec;
}

Status FakeNetwork::set_services(ServiceRoutes routes) {
  const std::lock_guard lock(mutex_);
  calls_.emplace_back("set_services");
  if (auto error = failure("set_services")) return *std::move(error);
  services_ = std::move(routes);
  return Ok{};
}

ServiceRoutes FakeNetwork::services() const {
  const std::lock_guard lock(mutex_);
  return services_;
}

Status FakeNetwork::set_policies(PodPolicies policies) {
  const std::lock_guard lock(mutex_);
  calls_.emplace_back("set_policies");
  if (auto error = failure("set_policies")) return *std::move(error);
  policies_ = std::move(policies);
  return Ok{};
}

PodPolicies FakeNetwork::policies() const {
  const std::lock_guard lock(mutex_);
  return policies_;
}

Status FakeNetwork::set_peers(std::vector<Peer> peers) {
  const std::lock_guard lock(mutex_);
  calls_.emplace_back("set_peers");
  if (auto error = failure("set_peers")) return *std::move(error);
  peers_ = std::move(peers);
  return Ok{};
}

std::vector<Peer> FakeNetwork::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_;
}

std::optional<std::string> FakeNetwork::address_of(const std::string& pod_uid) const {
  const std::lock_guard lock(mutex_);
  const auto it = pods_.find(pod_uid);
  if (it == pods_.end() || it->second.spec.host_network) return std::nullopt;
  return fmt::format("10.98.0.{}", it->second.number);
}

Attachment FakeNetwork::attachment(const Pod& pod) const {
  const auto& uid = pod.spec.pod_uid;
  Attachment made;
  if (!pod.spec.host_network) made.netns_path = "/fake/netns/" + uid;
  made.address = pod.spec.host_network ? host_address() : fmt::format("10.98.0.{}", pod.number);
  made.hosts_file = fmt::format("/fake/pods/{}/etc/hosts", uid);
  made.hostname_file = fmt::format("/fake/pods/{}/etc/hostname", uid);
  made.resolv_conf_file = fmt::format("/fake/pods/{}/etc/resolv.conf", uid);
  return made;
}

const FakeNetwork::Pod* FakeNetwork::port_holder(const NetworkSpec& spec) const {
  const auto any = [](const HostPort& port) { return port.host_ip.empty() || port.host_ip == "0.0.0.0"; };
  for (const auto& [uid, pod] : pods_) {
    if (uid == spec.pod_uid) continue;
    for (const auto& theirs : pod.spec.host_ports) {
      for (const auto& ours : spec.host_ports) {
        if (theirs.host_port == ours.host_port && theirs.protocol == ours.protocol &&
            (any(theirs) || any(ours) || theirs.host_ip == ours.host_ip)) {
          return &pod;
        }
      }
    }
  }
  return nullptr;
}

Status FakeNetwork::set_up_host() {
  const std::lock_guard lock(mutex_);
  calls_.emplace_back("set_up_host");
  if (auto error = failure("set_up_host")) return *error;
  return Ok{};
}

Result<Attachment> FakeNetwork::attach(const NetworkSpec& spec) {
  const std::lock_guard lock(mutex_);
  calls_.push_back("attach " + spec.pod_name);
  if (auto error = failure("attach")) return *error;
  if (spec.pod_uid.empty() || spec.pod_uid.find('/') != std::string::npos || spec.hostname.size() > 63) {
    return Error(ErrorCode::InvalidArgument, "attach pod: bad uid or hostname");
  }
  if (const auto* holder = spec.host_network ? nullptr : port_holder(spec)) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("attach pod {}: host port: pod {}/{} has it", spec.pod_name,
                                                            holder->spec.pod_ns, holder->spec.pod_name));
  }
  auto it = pods_.find(spec.pod_uid);
  if (it == pods_.end()) {
    unsigned number = 0;
    if (!spec.host_network) {
      std::set<unsigned> used;
      for (const auto& [uid, pod] : pods_) used.insert(pod.number);
      // From where the last one ended, so that a freed address is not given again at once.
      for (unsigned tried = 0; tried < capacity_ && number == 0; ++tried) {
        if (!used.contains(next_)) number = next_;
        next_ = next_ + 1 > capacity_ + 1 ? 2 : next_ + 1;
      }
      if (number == 0) return Error(ErrorCode::ResourceExhausted, "attach pod: no free pod address");
    }
    it = pods_.emplace(spec.pod_uid, Pod{spec, number, true}).first;
  }
  it->second.spec = spec;
  it->second.complete = true;
  return attachment(it->second);
}

Status FakeNetwork::detach(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  calls_.push_back("detach " + pod_uid);
  if (auto error = failure("detach")) return *error;
  pods_.erase(pod_uid);
  return Ok{};
}

Result<std::optional<Attachment>> FakeNetwork::observe(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  if (auto error = failure("observe")) return *error;
  const auto it = pods_.find(pod_uid);
  if (it == pods_.end() || !it->second.complete) return std::optional<Attachment>();
  return std::optional<Attachment>(attachment(it->second));
}

Result<std::vector<std::string>> FakeNetwork::attached_pods() {
  const std::lock_guard lock(mutex_);
  if (auto error = failure("attached_pods")) return *error;
  std::vector<std::string> uids;
  for (const auto& [uid, pod] : pods_) uids.push_back(uid);
  return uids;
}

}  // namespace berth::network
