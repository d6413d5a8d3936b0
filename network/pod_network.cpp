// network/pod_network.cpp - the front door: leases, namespaces, cables, host ports and files in the right order.
#include "network/pod_network.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "network/address_pool.hpp"
#include "network/firewall.hpp"
#include "network/health_answers.hpp"
#include "network/host_network.hpp"
#include "network/host_ports.hpp"
#include "network/netlink.hpp"
#include "network/netns.hpp"
#include "network/overlay.hpp"
#include "network/pod_files.hpp"
#include "network/pod_paths.hpp"
#include "network/pod_record.hpp"
#include "network/policy_guard.hpp"
#include "network/service_proxy.hpp"
#include "network/sysctl.hpp"

namespace berth::network {
namespace {

constexpr const char* kPodInterface = "eth0";
constexpr std::chrono::seconds kFirewallCheckInterval{1};

// Lets one thread at a time work on a pod; different pods do not wait for each other.
class PodLocks {
 public:
  class Held {
   public:
    Held(PodLocks& locks, std::string uid) : locks_(locks), uid_(std::move(uid)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { locks_.unlock(uid_); }

   private:
    PodLocks& locks_;
    std::string uid_;
  };

  [[nodiscard]] Held lock(const std::string& uid) {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [&] { return !busy_.contains(uid); });
    busy_.insert(uid);
    return Held(*this, uid);
  }

 private:
  void unlock(const std::string& uid) {
    const std::lock_guard guard(mutex_);
    busy_.erase(uid);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> busy_;
};

std::vector<std::string> file_names(const std::filesystem::path& dir) {
  std::vector<std::string> names;
  std::error_code failure;
  for (std::filesystem::directory_iterator it(dir, failure), end; !failure && it != end; it.increment(failure)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

/// Is br_netfilter loaded, as Docker does it?
bool bridges_are_filtered() { return ::access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0; }

Status set_hairpin(Netlink& host, const std::string& name) {
  const auto port = host.find_link(name);
  if (!port) return port.error();
  if (!*port) return Error(ErrorCode::Aborted, fmt::format("link {} vanished", name));
  return host.set_hairpin((*port)->index);
}

void report(const Status& done) {
  if (!done) log(LogLevel::Debug, done.error().message());
}

Attachment attachment_of(const PodPaths& paths, bool host_network, std::string address) {
  Attachment attachment;
  if (!host_network) attachment.netns_path = paths.netns.native();
  attachment.address = std::move(address);
  attachment.hosts_file = (paths.etc / "hosts").native();
  attachment.hostname_file = (paths.etc / "hostname").native();
  attachment.resolv_conf_file = (paths.etc / "resolv.conf").native();
  return attachment;
}

// Those that a host port could take over; what is no IPv4 address, the DNS server complains about.
std::vector<IpAddress> dns_addresses(const NetworkConfig& config) {
  std::vector<IpAddress> addresses;
  for (const auto& text : config.dns_listen) {
    const auto address = IpAddress::parse(text.substr(0, text.find(':')));
    if (address && address->family() == Family::V4 && !address->is_unspecified()) addresses.push_back(*address);
  }
  return addresses;
}

class RealPodNetwork final : public PodNetwork {
 public:
  RealPodNetwork(NetworkConfig config, const Cidr& pods, const std::optional<ClusterPlan>& cluster,
                 std::unique_ptr<AddressPool> pool, const WireGuardKey& private_key)
      : config_(std::move(config)),
        pods_(pods),
        pool_(std::move(pool)),
        plan_{config_.bridge, pods_, pool_->gateway(), dns_addresses(config_), config_.dns_port, cluster},
        overlay_(plan_.cluster ? std::make_unique<Overlay>(
                                     plan_, [this] { return node_address(); }, private_key)
                               : nullptr),
        firewall_(
            plan_, [this] { return all_mappings(); },
            [this] { return overlay_ ? overlay_->hosts() : std::vector<IpAddress>(); }),
        services_(plan_),
        policies_(plan_, [this] { return all_cables(); }) {
    load_records();
  }

  Status set_up_host() override;
  Result<Attachment> attach(const NetworkSpec& spec) override;
  Status detach(const std::string& pod_uid) override;
  Result<std::optional<Attachment>> observe(const std::string& pod_uid) override;
  Status set_services(ServiceRoutes routes) override;
  Status set_policies(PodPolicies policies) override { return policies_.set(std::move(policies)); }
  Status set_peers(std::vector<Peer> peers) override;
  std::string wireguard_key() const override { return overlay_ ? overlay_->wireguard_key() : std::string(); }
  std::optional<std::string> address_of(const std::string& pod_uid) const override;
  Result<std::vector<std::string>> attached_pods() override;
  std::string gateway() const override { return pool_->gateway().text(); }
  std::string host_address() const override { return host_address_.get(gateway()); }

 private:
  void load_records();
  std::string node_address() const { return config_.node_address.empty() ? host_address() : config_.node_address; }
  std::vector<PortMapping> all_mappings() const;
  Cable cable_of(const std::string& uid, const IpAddress& address) const;
  Cables all_cables() const;
  Result<Link> bridge_link(Netlink& netlink);
  Result<PodFiles> files_for(const NetworkSpec& spec, const std::string& address) const;
  Result<Attachment> attach_to_host(const NetworkSpec& spec, const PodPaths& paths);
  Status attach_ports(const NetworkSpec& spec, const IpAddress& address);
  Status detach_ports(const std::string& uid);
  Result<std::uint64_t> connect(const NetworkSpec& spec, const PodPaths& paths, const IpAddress& address);
  Status plug_veth(Netlink& host, Netns& pod, const Link& bridge, const std::string& name, const IpAddress& address);
  Status remove_traces(const std::string& uid, const PodPaths& paths);
  void keep_firewall();

  const NetworkConfig config_;
  const Cidr pods_;
  const std::unique_ptr<AddressPool> pool_;
  const HostAddress host_address_;
  PodLocks pod_locks_;
  std::mutex set_up_mutex_;
  mutable std::mutex ports_mutex_;
  HostPorts ports_;  ///< Guarded by ports_mutex_.
  const FirewallPlan plan_;
  const std::unique_ptr<Overlay> overlay_;  ///< Null: there is this host only.
  Firewall firewall_;
  ServiceProxy services_;
  HealthAnswers health_;
  PolicyGuard policies_;
  std::atomic<std::chrono::steady_clock::rep> firewall_checked_{0};
};

// What an earlier agent attached since the boot: host ports, and addresses whose lease was damaged meanwhile.
void RealPodNetwork::load_records() {
  for (const auto& problem : pool_->problems()) log(LogLevel::Debug, problem);
  for (const auto& uid : file_names(config_.run_dir / "pods")) {
    if (!check_uid(uid).ok()) continue;
    const auto record = read_record(pod_paths(config_.run_dir, uid).record);
    if (!record || !*record || (*record)->host_network) continue;
    const auto address = IpAddress::parse((*record)->address);
    if (!address) continue;
    // Refused when the block has changed: then the pod gets a new address when it is attached again.
    static_cast<void>(pool_->adopt(uid, (*record)->pod, *address));
    auto mappings = port_mappings((*record)->host_ports, *address);
    if (mappings && pool_->find(uid) == *address)
      static_cast<void>(ports_.claim(uid, (*record)->pod, std::move(*mappings)));
  }
}

std::vector<PortMapping> RealPodNetwork::all_mappings() const {
  const std::lock_guard lock(ports_mutex_);
  return ports_.all();
}

Cable RealPodNetwork::cable_of(const std::string& uid, const IpAddress& address) const {
  return {veth_name(config_.bridge, uid), mac_of(address)};
}

Cables RealPodNetwork::all_cables() const {
  Cables all;
  for (const auto& uid : pool_->holders()) {
    if (const auto address = pool_->find(uid)) all[address->text()] = cable_of(uid, *address);
  }
  return all;
}

std::optional<std::string> RealPodNetwork::address_of(const std::string& pod_uid) const {
  const auto address = pool_->find(pod_uid);
  return address ? std::optional(address->text()) : std::nullopt;
}

Status RealPodNetwork::set_up_host() {
  const std::lock_guard lock(set_up_mutex_);
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error().context("set up the pod network");
  const auto mtu = make_host_bridge(*netlink, plan_, config_.node_address);
  auto done = mtu ? allow_forwarding(config_.bridge) : Status(mtu.error());
  if (done) done = prepare_pin_dir(config_.run_dir / "netns");
  if (done) done = firewall_.rebuild();
  if (!done) return std::move(done).error().context("set up the pod network");
  // Routes go with the bridge that they start from. Pods here do not wait for those elsewhere.
  if (!overlay_) return done;
  auto led = overlay_->repair(*mtu);
  if (failed_with(led, ErrorCode::Unimplemented)) return std::move(led).error().context("network.mode");
  report(led);
  return done;
}

// The bridge, made again when somebody deleted it.
Result<Link> RealPodNetwork::bridge_link(Netlink& netlink) {
  for (const bool last : {false, true}) {
    auto found = netlink.find_link(config_.bridge);
    if (!found) return std::move(found).error();
    if (*found && (*found)->kind == "bridge" && (*found)->up) return **found;
    if (last) break;
    if (auto made = set_up_host(); !made) return std::move(made).error();
  }
  return Error(ErrorCode::FailedPrecondition, fmt::format("bridge {} does not come up", config_.bridge));
}

Result<PodFiles> RealPodNetwork::files_for(const NetworkSpec& spec, const std::string& address) const {
  ResolverFacts facts;
  facts.cluster_servers = config_.dns_servers.empty() ? std::vector<std::string>{gateway()} : config_.dns_servers;
  facts.cluster_domain = config_.cluster_domain;
  facts.host = host_resolv_conf(/*for_host_network=*/spec.host_network);
  auto conf = pod_resolv_conf(spec, facts);
  if (!conf) return std::move(conf).error();
  auto hosts =
      pod_hosts_text(spec, address, config_.cluster_domain, spec.host_network ? host_hosts_text() : std::string());
  if (!hosts) return std::move(hosts).error();
  const auto own = kernel_hostname(spec, config_.cluster_domain);
  if (!own) return own.error();
  return PodFiles{std::move(*hosts), (own->empty() ? host_name() : *own) + "\n", resolv_conf_text(*conf)};
}

Result<Attachment> RealPodNetwork::attach_to_host(const NetworkSpec& spec, const PodPaths& paths) {
  const auto address = host_address();
  const auto files = files_for(spec, address);
  if (!files) return files.error();
  if (auto written = write_pod_files(paths.etc, *files); !written) return std::move(written).error();
  const PodRecord record{spec.pod_ns + "/" + spec.pod_name, true, address, 0, {}};
  if (auto written = write_file(paths.record, record_text(record)); !written) return std::move(written).error();
  return attachment_of(paths, true, address);
}

Result<Attachment> RealPodNetwork::attach(const NetworkSpec& spec) {
  const auto pod = spec.pod_ns + "/" + spec.pod_name;
  const auto doing = "attach pod " + pod + " to the network";
  if (auto sound = check_uid(spec.pod_uid); !sound) return std::move(sound).error().context(doing);
  if (spec.hostname.size() > 63) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{}: hostname {:.80}: longer than 63", doing, spec.hostname));
  }
  const auto held = pod_locks_.lock(spec.pod_uid);
  const auto paths = pod_paths(config_.run_dir, spec.pod_uid);
  if (spec.host_network) {
    auto attached = attach_to_host(spec, paths);
    if (!attached) return std::move(attached).error().context(doing);
    return attached;
  }

  const auto lease = pool_->acquire(spec.pod_uid, pod);
  if (!lease) return lease.error().context(doing);
  // An address given by this call goes back; a pod that had one before keeps it and whatever else it had.
  ScopeExit undo([&] {
    if (lease->fresh) static_cast<void>(remove_traces(spec.pod_uid, paths));
  });
  const auto files = files_for(spec, lease->address.text());
  if (!files) return files.error().context(doing);
  if (auto taken = attach_ports(spec, lease->address); !taken) return std::move(taken).error().context(doing);
  const auto inode = connect(spec, paths, lease->address);
  if (!inode) return inode.error().context(doing);
  if (auto written = write_pod_files(paths.etc, *files); !written) return std::move(written).error().context(doing);
  const PodRecord record{pod, false, lease->address.text(), *inode, spec.host_ports};
  if (auto written = write_file(paths.record, record_text(record)); !written)
    return std::move(written).error().context(doing);
  undo.dismiss();
  return attachment_of(paths, false, lease->address.text());
}

Status RealPodNetwork::attach_ports(const NetworkSpec& spec, const IpAddress& address) {
  auto mappings = port_mappings(spec.host_ports, address);
  if (!mappings) return std::move(mappings).error();
  std::vector<PortMapping> gone;
  {
    const std::lock_guard lock(ports_mutex_);
    const auto before = ports_.of(spec.pod_uid);
    if (auto claimed = ports_.claim(spec.pod_uid, spec.pod_ns + "/" + spec.pod_name, *mappings); !claimed)
      return claimed;
    for (const auto& mapping : before) {
      if (std::find(mappings->begin(), mappings->end(), mapping) == mappings->end()) gone.push_back(mapping);
    }
  }
  if (auto removed = firewall_.remove(gone); !removed) return removed;
  return firewall_.add(*mappings);
}

Status RealPodNetwork::detach_ports(const std::string& uid) {
  std::vector<PortMapping> mappings;
  {
    const std::lock_guard lock(ports_mutex_);
    mappings = ports_.release(uid);
  }
  return firewall_.remove(mappings);
}

Result<std::uint64_t> RealPodNetwork::connect(const NetworkSpec& spec, const PodPaths& paths,
                                              const IpAddress& address) {
  auto host = Netlink::open();
  if (!host) return std::move(host).error();
  const auto bridge = bridge_link(*host);
  if (!bridge) return bridge.error();
  auto pod = open_or_make_netns(paths.netns);
  if (!pod) return std::move(pod).error();
  const auto cable = cable_of(spec.pod_uid, address);
  if (auto known = policies_.plug(address.text(), cable); !known) return std::move(known).error();
  const auto& name = cable.link;
  auto plugged = plug_veth(*host, *pod, *bridge, name, address);
  // What it sends to its own host port, or to a service in front of it, comes back by the cable it came by where
  // bridged packets are filtered, too.
  if (plugged && (!spec.host_ports.empty() || bridges_are_filtered())) plugged = set_hairpin(*host, name);
  if (!plugged) {
    if (pod->fresh) static_cast<void>(remove_pin(paths.netns));
    return std::move(plugged).error();
  }
  return pod->inode;
}

Status RealPodNetwork::plug_veth(Netlink& host, Netns& pod, const Link& bridge, const std::string& name,
                                 const IpAddress& address) {
  std::optional<Link> inside;
  if (!pod.fresh) {
    auto found = pod.netlink.find_link(kPodInterface);
    if (!found) return std::move(found).error();
    inside = *found;
  }
  const auto outside = host.find_link(name);
  if (!outside) return outside.error();
  // The MAC belongs to the address: with another one, the pod is from the time of another block.
  const bool paired = inside && *outside && inside->peer == (*outside)->index && inside->mac == mac_of(address);
  if (!paired) {
    // One end of a cable whose other end is elsewhere is what a killed agent or a lost pin leaves.
    if (*outside) {
      if (auto gone = host.delete_link(name); !gone) return gone;
    }
    if (inside) {
      if (auto gone = pod.netlink.delete_link(kPodInterface); !gone) return gone;
    }
    const VethPlan plan{name, bridge.index, bridge.mtu, kPodInterface, mac_of(address), pod.fd.get()};
    if (auto made = host.make_veth(plan); !made) return made;
    if (auto set = ignore_routers_on(name); !set) return set;
    auto found = pod.netlink.find_link(kPodInterface);
    if (!found) return std::move(found).error();
    if (!*found) return Error(ErrorCode::Internal, "the pod's interface is not in its namespace");
    inside = *found;
  } else if ((*outside)->master != bridge.index || !(*outside)->up) {
    if (auto plugged = host.plug_in((*outside)->index, bridge.index); !plugged) return plugged;
  }
  if (auto added = pod.netlink.add_address(inside->index, address, pods_.prefix); !added) return added;
  if (!inside->up) {
    if (auto up = pod.netlink.set_up(inside->index); !up) return up;
  }
  return pod.netlink.add_default_route(inside->index, pool_->gateway());
}

// All that attach makes, backwards; the lease last, so that what could not be removed is still listed.
Status RealPodNetwork::remove_traces(const std::string& uid, const PodPaths& paths) {
  if (::unlink(paths.record.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "remove " + paths.record.native());
  }
  if (auto done = detach_ports(uid); !done) return done;
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  if (auto done = netlink->delete_link(veth_name(config_.bridge, uid)); !done) return done;
  if (const auto address = pool_->find(uid)) {
    if (auto done = policies_.unplug(address->text()); !done) return done;
  }
  if (auto done = remove_pin(paths.netns); !done) return done;
  if (auto done = remove_pod_files(paths.etc); !done) return done;
  // Other rooms keep things there too: whoever is last removes it.
  static_cast<void>(::rmdir(paths.pod.c_str()));
  return pool_->release(uid);
}

Status RealPodNetwork::detach(const std::string& pod_uid) {
  if (auto sound = check_uid(pod_uid); !sound) return sound;
  const auto held = pod_locks_.lock(pod_uid);
  auto done = remove_traces(pod_uid, pod_paths(config_.run_dir, pod_uid));
  if (!done) return std::move(done).error().context("detach pod " + pod_uid + " from the network");
  return done;
}

// `nft flush ruleset`, which restarting the nftables service does, takes our table with it.
void RealPodNetwork::keep_firewall() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto due = std::chrono::steady_clock::duration(firewall_checked_.load()) + kFirewallCheckInterval;
  if (now < due) return;
  firewall_checked_.store(now.count());
  report(services_.keep());
  report(policies_.keep());
  if (overlay_) report(overlay_->keep(std::chrono::steady_clock::now()));
  const auto present = firewall_.present();
  if (!present || *present) return;
  const auto rebuilt = firewall_.rebuild();
  log(LogLevel::Debug, "nftables table was gone, built it again",
      {{"bridge", config_.bridge}, {"error", rebuilt ? "" : rebuilt.error().message()}});
}

Status RealPodNetwork::set_services(ServiceRoutes routes) {
  auto done = services_.set(routes);
  health_.set(health_ports(routes, done.ok()));
  return done;
}

Status RealPodNetwork::set_peers(std::vector<Peer> peers) {
  if (!overlay_) return Ok{};
  auto done = overlay_->set(peers);
  auto let_in = firewall_.follow_hosts();
  return let_in ? done : let_in;
}

Result<std::optional<Attachment>> RealPodNetwork::observe(const std::string& pod_uid) {
  const std::optional<Attachment> absent;
  if (auto sound = check_uid(pod_uid); !sound) return std::move(sound).error();
  const auto paths = pod_paths(config_.run_dir, pod_uid);
  const auto record = read_record(paths.record);
  if (failed_with(record, ErrorCode::DataLoss)) return absent;  // Attach writes it anew.
  if (!record) return record.error().context("observe the network of pod " + pod_uid);
  if (!*record) return absent;
  for (const auto* name : {"hosts", "hostname", "resolv.conf"}) {
    if (::access((paths.etc / name).c_str(), F_OK) != 0) return absent;
  }
  if ((*record)->host_network) return std::optional(attachment_of(paths, true, host_address()));

  keep_firewall();
  const auto lease = pool_->find(pod_uid);
  if (!lease || lease->text() != (*record)->address) return absent;
  if (pinned_namespace(paths.netns) != (*record)->netns_inode) return absent;
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error().context("observe the network of pod " + pod_uid);
  const auto bridge = netlink->find_link(config_.bridge);
  if (!bridge) return bridge.error();
  const auto veth = netlink->find_link(veth_name(config_.bridge, pod_uid));
  if (!veth) return veth.error();
  if (!*bridge || !*veth || !(*veth)->up || (*veth)->master != (*bridge)->index) return absent;
  return std::optional(attachment_of(paths, false, (*record)->address));
}

Result<std::vector<std::string>> RealPodNetwork::attached_pods() {
  const auto holders = pool_->holders();
  std::set<std::string> uids(holders.begin(), holders.end());
  for (auto& name : file_names(config_.run_dir / "netns")) {
    if (check_uid(name).ok()) uids.insert(std::move(name));
  }
  for (auto& name : file_names(config_.run_dir / "pods")) {
    if (!check_uid(name).ok()) continue;
    const auto paths = pod_paths(config_.run_dir, name);
    if (::access(paths.record.c_str(), F_OK) == 0 || ::access(paths.etc.c_str(), F_OK) == 0)
      uids.insert(std::move(name));
  }
  return std::vector<std::string>(uids.begin(), uids.end());
}

/// None for a host that is alone.
Result<std::optional<ClusterPlan>> cluster_plan(const NetworkConfig& config, const Cidr& pods) {
  if (config.cluster_cidr.empty()) return std::optional<ClusterPlan>();
  auto all = Cidr::parse(config.cluster_cidr);
  if (!all) return std::move(all).error().context("network.clusterCIDR");
  if (all->prefix >= pods.prefix || !all->contains(pods.base))
    return Error(
        ErrorCode::InvalidArgument,
        fmt::format("network.clusterCIDR {}: network.podCIDR {} must be a part of it", all->text(), pods.text()));
  if (!config.node_address.empty()) {
    const auto node = IpAddress::parse(config.node_address);
    if (!node) return node.error().context("network.nodeAddress");
    if (node->family() != Family::V4 || node->is_unspecified() || node->is_loopback() || all->contains(*node))
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("network.nodeAddress {}: must be an IPv4 address of this host", config.node_address));
  }
  return std::optional(ClusterPlan{*all, config.mode});
}

Status check_bridge_name(const std::string& name) {
  // As the kernel's dev_valid_name, and nothing that would need quoting in an nftables text.
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if (!name.empty() && name.size() <= 15 && name.front() != '.' && name.front() != '-' &&
      std::all_of(name.begin(), name.end(), safe)) {
    return Ok{};
  }
  return Error(ErrorCode::InvalidArgument,
               fmt::format("network.bridge \"{:.64}\": must be 1 to 15 of [A-Za-z0-9._-]", name));
}

}  // namespace

Result<std::unique_ptr<PodNetwork>> make_pod_network(const NetworkConfig& config) {
  if (auto sound = check_bridge_name(config.bridge); !sound) return std::move(sound).error();
  const auto pods = Cidr::parse(config.pod_cidr);
  if (!pods) return pods.error().context("network.podCIDR");
  for (const auto& server : config.dns_servers) {
    if (auto address = IpAddress::parse(server); !address)
      return std::move(address).error().context("network.dnsServers");
  }
  auto pool = AddressPool::open(*pods, config.state_dir / "leases");
  if (!pool) return std::move(pool).error().context("network.podCIDR");
  auto cluster = cluster_plan(config, *pods);
  if (!cluster) return std::move(cluster).error();
  auto key = *cluster && config.mode == OverlayMode::WireGuard ? private_key_in(config.state_dir / "wireguard.key")
                                                               : Result<WireGuardKey>(WireGuardKey{});
  if (!key) return std::move(key).error();
  return std::unique_ptr<PodNetwork>(std::make_unique<RealPodNetwork>(config, *pods, *cluster, std::move(*pool), *key));
}

}  // namespace berth::network
