// network/dns/zone_builder.cpp - from services and endpoints to encoded records. Names as in
// github.com/kubernetes/dns/blob/master/docs/specification.md, schema version 1.1.0.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_set>

#include "network/dns/zone.hpp"
#include "network/dns/zone_hash.hpp"

namespace berth::network::dns {

namespace {

/// More records than this at one name and type fit into no message anyway.
constexpr std::size_t kMostRecords = 4'000;

using Bytes = std::string;  // wire format; compares fast and keeps short ones in place

Bytes bytes(Octets from) { return {from.begin(), from.end()}; }
Octets octets(const Bytes& from) {
  return {reinterpret_cast<const std::uint8_t*>(from.data()), from.size()};  // NOLINT(*-reinterpret-cast)
}

void add_u16(Bytes& to, std::uint16_t value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value & 0xFF);
}

void add_u32(Bytes& to, std::uint32_t value) {
  add_u16(to, static_cast<std::uint16_t>(value >> 16));
  add_u16(to, static_cast<std::uint16_t>(value));
}

/// Everything of a record behind its owner.
Bytes record_body(Type type, std::uint32_t ttl, const Bytes& data) {
  Bytes body;
  add_u16(body, static_cast<std::uint16_t>(type));
  add_u16(body, kClassIn);
  add_u32(body, ttl);
  add_u16(body, static_cast<std::uint16_t>(data.size()));
  return body + data;
}

/// "10-98-0-7"
std::string address_label(std::string address) {
  std::ranges::replace_if(
      address, [](char c) { return c == '.' || c == ':'; }, '-');
  return address;
}

/// "mongo-0" for a pod with a hostname, else by its address, as Kubernetes names it.
std::string endpoint_label(const DnsEndpoint& endpoint) {
  return endpoint.hostname.empty() ? address_label(endpoint.address) : endpoint.hostname;
}

std::optional<Name> child(std::string_view labels, const Name& parent) {
  auto name = Name::from_text(labels);
  if (!name || name->size() == 1 || !name->append(parent.view())) return std::nullopt;
  return name;
}

struct DraftRecord {
  Bytes body;
  Bytes target;  ///< SRV: the node whose addresses go along.
};

struct DraftSet {
  std::vector<DraftRecord> records;
  std::unordered_set<Bytes> seen;
};

struct Draft {
  Zone::Kind kind = Zone::Kind::NonTerminal;
  bool awaited = false;
  std::map<std::uint16_t, DraftSet> sets;
};

}  // namespace

class ZoneBuilder {
 public:
  explicit ZoneBuilder(const DnsNames& names) : names_(names), zone_(std::make_shared<Zone>()) {
    zone_->domain_ = Name::from_text(names.cluster_domain).value_or(*Name::from_text("cluster.local"));
    zone_->services_ = child("svc", zone_->domain_).value_or(zone_->domain_);
    zone_->default_namespace_ = child("default", zone_->services_).value_or(zone_->services_);
  }

  std::shared_ptr<const Zone> build() {
    for (const auto& service : names_.services) note_governed(service);
    add_apex();
    for (const auto& service : names_.services) add_service(service);
    add_pods();
    add_non_terminals();
    for (const auto& service : names_.services) add_awaited(service);
    encode();
    index_short_names();
    return zone_;
  }

 private:
  Draft& name(const Name& name, Zone::Kind kind) {
    auto& draft = drafts_[bytes(name.view())];
    if (draft.kind == Zone::Kind::NonTerminal) draft.kind = kind;
    return draft;
  }

  static void add_record(Draft& to, Type type, const Bytes& data, const Name* target = nullptr,
                         std::uint32_t ttl = Zone::kTtl) {
    auto& set = to.sets[static_cast<std::uint16_t>(type)];
    DraftRecord record{record_body(type, ttl, data), target != nullptr ? bytes(target->view()) : Bytes()};
    if (set.records.size() < kMostRecords && set.seen.insert(record.body).second)
      set.records.push_back(std::move(record));
  }

  static void add_address(Draft& to, const IpAddress& address) {
    add_record(to, address.family() == Family::V4 ? Type::A : Type::AAAA, bytes(address.bytes()));
  }

  void add_pointer(std::string_view address, const Name& to) {
    if (const auto reverse = reverse_name(address))
      add_record(name(*reverse, Zone::Kind::Other), Type::PTR, bytes(to.view()));
  }

  void add_apex() {
    auto soa = bytes(child("ns.dns", zone_->domain_).value_or(zone_->domain_).view()) +
               bytes(child("hostmaster", zone_->domain_).value_or(zone_->domain_).view());
    for (const std::uint32_t value : {1U, 7200U, 1800U, 86400U, 0U}) add_u32(soa, value);
    auto& apex = name(zone_->domain_, Zone::Kind::Apex);
    add_record(apex, Type::SOA, soa, nullptr, /*ttl=*/0);
    // As with CoreDNS "ns.dns" is whoever answers. Without an address it is said to be nowhere.
    const auto server = child("ns.dns", zone_->domain_);
    for (const auto& text : names_.servers) {
      const auto address = IpAddress::parse(text);
      if (!server || !address) continue;
      add_address(name(*server, Zone::Kind::Other), *address);
      add_record(apex, Type::NS, bytes(server->view()), &*server);
    }
    const auto negative = bytes(zone_->domain_.view()) + record_body(Type::SOA, /*ttl=*/0, soa);
    zone_->negative_soa_.assign(negative.begin(), negative.end());
    if (const auto version = child("dns-version", zone_->domain_)) {
      add_record(name(*version, Zone::Kind::Other), Type::TXT,
                 "\x05"
                 "1.1.0");
    }
  }

  std::optional<Name> full_name(const DnsService& service) const {
    const auto ns = child(service.ns, zone_->services_);
    return ns ? child(service.name, *ns) : std::nullopt;
  }

  void add_service(const DnsService& service) {
    const auto full = full_name(service);
    if (!full) return;
    name(*full, Zone::Kind::Service);
    if (!service.external_name.empty()) {
      const auto target = Name::from_text(service.external_name);
      if (target && target->size() > 1)
        add_record(name(*full, Zone::Kind::Service), Type::CNAME, bytes(target->view()));
      return;
    }
    const auto cluster_ip = IpAddress::parse(service.cluster_ip);
    if (cluster_ip) {
      add_address(name(*full, Zone::Kind::Service), *cluster_ip);
      add_pointer(service.cluster_ip, *full);
      for (const auto& port : service.ports) add_port(*full, port, *full, /*weight=*/100);
    }
    add_endpoints(service, *full, /*headless=*/!cluster_ip);
  }

  /// A pod has its hostname in one service only, the one that its subdomain names.
  void note_governed(const DnsService& service) {
    for (const auto& endpoint : service.endpoints) {
      const auto address = IpAddress::parse(endpoint.address);
      if (address && !endpoint.hostname.empty() && visible(service, endpoint)) governed_.insert(*address);
    }
  }

  static bool visible(const DnsService& service, const DnsEndpoint& endpoint) {
    return !endpoint.address.empty() && (endpoint.ready || service.publish_not_ready);
  }

  void add_endpoints(const DnsService& service, const Name& full, bool headless) {
    const auto count =
        std::ranges::count_if(service.endpoints, [&](const auto& each) { return visible(service, each); });
    for (const auto& endpoint : service.endpoints) {
      const auto address = IpAddress::parse(endpoint.address);
      if (!address || !visible(service, endpoint)) continue;
      if (headless) add_address(name(full, Zone::Kind::Service), *address);
      const auto host = child(endpoint_label(endpoint), full);
      if (!host) continue;
      add_address(name(*host, Zone::Kind::Host), *address);
      // Other services may select the pod too; its name is that below the governing one, as hostname -f says.
      if (!endpoint.hostname.empty() || !governed_.contains(*address)) add_pointer(endpoint.address, *host);
      if (!headless) continue;
      const auto weight = static_cast<std::uint16_t>(std::max<std::ptrdiff_t>(1, 100 / count));
      for (const auto& port : service.ports) add_port(full, port, *host, weight);
    }
  }

  /// "_client._tcp.mongo.default.svc.cluster.local"
  static std::optional<Name> port_name(const DnsPort& port, const Name& service) {
    if (port.name.empty() || port.protocol.empty()) return std::nullopt;
    return child(fmt::format("_{}._{}", port.name, port.protocol), service);
  }

  void add_port(const Name& service, const DnsPort& port, const Name& target, std::uint16_t weight) {
    Bytes data;
    add_u16(data, 0);  // priority
    add_u16(data, weight);
    add_u16(data, port.port);
    data += bytes(target.view());
    // Asked for at the service itself, every port answers, as with CoreDNS: the only way to find one without a name.
    add_record(name(service, Zone::Kind::Service), Type::SRV, data, &target);
    const auto srv = port_name(port, service);
    if (srv) add_record(name(*srv, Zone::Kind::Other), Type::SRV, data, &target);
  }

  void add_pods() {
    const auto pods = child("pod", zone_->domain_);
    for (const auto& [source, ns] : names_.pod_namespaces) {
      const auto address = IpAddress::parse(source);
      const auto suffix = child(ns, zone_->services_);
      if (!address || !suffix) continue;
      zone_->pods_.push_back({*address, *suffix});
      // Nobody else knows a pod's address: its reverse name is never asked for at the upstreams.
      if (const auto reverse = reverse_name(source)) name(*reverse, Zone::Kind::Other);
      // "10-98-0-7.prod.pod.cluster.local": of pods that there are, in their namespace, and no others.
      const auto home = pods ? child(ns, *pods) : std::nullopt;
      const auto by_address = home ? child(address_label(source), *home) : std::nullopt;
      if (by_address) add_address(name(*by_address, Zone::Kind::Other), *address);
    }
    std::ranges::sort(zone_->pods_, {}, &Zone::PodNamespace::source);
  }

  void add_non_terminals() {
    std::vector<Bytes> missing;
    for (const auto& [wire, draft] : drafts_) {
      if (!is_below(octets(wire), zone_->domain_.view())) continue;
      for (auto up = parent_of(octets(wire)); up.size() > zone_->domain_.size(); up = parent_of(up))
        missing.push_back(bytes(up));
    }
    for (auto& wire : missing) drafts_.try_emplace(std::move(wire));
  }

  /// Names that pods will have which are there and not ready: the pods' own, and their service's while it has no other.
  void add_awaited(const DnsService& service) {
    if (std::ranges::none_of(service.endpoints, &DnsEndpoint::awaited)) return;
    const auto full = full_name(service);
    if (!full || !service.external_name.empty()) return;
    for (const auto& endpoint : service.endpoints) {
      if (endpoint.awaited && !endpoint.hostname.empty()) await(child(endpoint.hostname, *full));
    }
    await(full);
    for (const auto& port : service.ports) await(port_name(port, *full));
  }

  void await(const std::optional<Name>& name) {
    if (!name) return;
    const auto [found, added] = drafts_.try_emplace(bytes(name->view()));
    auto& draft = found->second;
    if (added) draft.kind = Zone::Kind::Awaited;
    draft.awaited = draft.sets.empty();
  }

  std::uint32_t keep(const Bytes& data) {
    const auto at = zone_->arena_.size();
    zone_->arena_.insert(zone_->arena_.end(), data.begin(), data.end());
    return static_cast<std::uint32_t>(at);
  }

  void encode() {
    std::map<std::string_view, std::uint32_t> index;
    for (const auto& [wire, draft] : drafts_) index.emplace(wire, static_cast<std::uint32_t>(index.size()));
    for (const auto& [wire, draft] : drafts_) {
      Zone::Node node;
      node.name = keep(wire);
      node.name_size = static_cast<std::uint8_t>(wire.size());
      node.kind = draft.kind;
      node.first_set = static_cast<std::uint32_t>(zone_->sets_.size());
      node.set_count = static_cast<std::uint8_t>(draft.sets.size());  // of the eight types that we have
      node.awaited = draft.awaited;
      for (const auto& [type, set] : draft.sets) add_set(type, set.records, index);
      zone_->nodes_.push_back(node);
    }
    fill_table();
  }

  void add_set(std::uint16_t type, const std::vector<DraftRecord>& records,
               const std::map<std::string_view, std::uint32_t>& index) {
    Zone::RecordSet set;
    set.type = type;
    set.count = static_cast<std::uint16_t>(records.size());
    set.data = static_cast<std::uint32_t>(zone_->arena_.size());
    set.first_target = static_cast<std::uint32_t>(zone_->targets_.size());
    for (const auto& record : records) {
      Bytes encoded;
      add_u16(encoded, kOwnerPointer);
      keep(encoded + record.body);
      if (!record.target.empty()) zone_->targets_.push_back(index.at(record.target));
    }
    set.size = static_cast<std::uint32_t>(zone_->arena_.size()) - set.data;
    zone_->sets_.push_back(set);
  }

  void fill_table() {
    std::size_t size = 16;
    while (size < zone_->nodes_.size() * 2) size *= 2;
    zone_->slots_.assign(size, {});
    for (std::size_t i = 0; i < zone_->nodes_.size(); ++i) {
      const auto hash = hash_name(zone_->name_of(zone_->nodes_[i]));
      auto at = hash & (size - 1);
      while (zone_->slots_[at].node != 0) at = (at + 1) & (size - 1);
      zone_->slots_[at] = {hash, static_cast<std::uint32_t>(i + 1)};
    }
  }

  void index_short_names() {
    std::map<Bytes, std::uint32_t> unique;
    for (std::size_t i = 0; i < zone_->nodes_.size(); ++i) {
      const auto& node = zone_->nodes_[i];
      const auto wire = zone_->name_of(node);
      if (node.kind == Zone::Kind::NonTerminal || node.kind == Zone::Kind::Apex) continue;
      if (!is_below(wire, zone_->services_.view())) continue;
      const auto end = wire.size() - zone_->services_.size();  // where the namespace's label ends
      std::size_t ns = 0;
      while (ns + 1 + wire[ns] < end) ns += std::size_t{1} + wire[ns];
      const auto [entry, added] = unique.try_emplace(bytes(wire.first(ns)) + '\0', static_cast<std::uint32_t>(i));
      if (!added) entry->second = kAmbiguous;
    }
    for (const auto& [wire, node] : unique) {
      Name relative;
      if (relative.append(octets(wire))) zone_->unique_.emplace_back(relative, node);
    }
  }

  const DnsNames& names_;
  std::shared_ptr<Zone> zone_;
  std::map<Bytes, Draft> drafts_;
  std::set<IpAddress> governed_;  ///< Of pods that have a name of their own.
};

std::shared_ptr<const Zone> Zone::build(const DnsNames& names) { return ZoneBuilder(names).build(); }

std::shared_ptr<const Zone> Zone::unknown() {
  auto zone = std::make_shared<Zone>();
  zone->known_ = false;
  return zone;
}

}  // namespace berth::network::dns
