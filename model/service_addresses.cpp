// model/service_addresses.cpp - see service_addresses.hpp.
#include "model/service_addresses.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/fnv.hpp"
#include "model/json_edit.hpp"
#include "model/reader.hpp"

namespace berth::model {
namespace {

constexpr unsigned kWidest = 12;  // As kube-apiserver.
constexpr unsigned kNarrowest = 29;
/// The first address is for the API's own service, whether there is one or not.
constexpr std::uint32_t kFirstGiven = 2;
/// Of the node ports: what kube-apiserver leaves for those who choose themselves.
constexpr std::int64_t kChosenNodePorts = 86;

std::optional<std::uint32_t> to_v4(std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string to_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, (address >> 16U) & 0xFFU, (address >> 8U) & 0xFFU, address & 0xFFU);
}

std::int64_t number_at(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value == nullptr ? 0 : as_integer(*value).value_or(0);
}

bool takes_address(const json::object& spec) { return text_at(spec, "type") != "ExternalName"; }

bool takes_node_ports(const json::object& spec) {
  const auto type = text_at(spec, "type");
  if (type == "NodePort") return true;
  const auto* wanted = spec.if_contains("allocateLoadBalancerNodePorts");
  return type == "LoadBalancer" && (wanted == nullptr || !wanted->is_bool() || wanted->get_bool());
}

/// Does a load balancer have to ask which hosts have pods of it?
bool takes_health_port(const json::object& spec) {
  return text_at(spec, "type") == "LoadBalancer" && text_at(spec, "externalTrafficPolicy") == "Local";
}

/// The node port that `spec` has for the port of that name, which is how Kubernetes tells them apart; 0: none.
std::int64_t node_port_of(const json::object& spec, std::string_view name) {
  std::int64_t found = 0;
  each_object(spec, "ports", [&](const json::object& port) {
    if (text_at(port, "name") == name) found = number_at(port, "nodePort");
  });
  return found;
}

/// All of the range that `spec` has, the one for load balancers' questions with them.
std::set<std::int64_t> node_ports_of(const json::object& spec) {
  std::set<std::int64_t> all;
  if (const auto number = number_at(spec, "healthCheckNodePort"); number != 0) all.insert(number);
  each_object(spec, "ports", [&](const json::object& port) {
    if (const auto number = number_at(port, "nodePort"); number != 0) all.insert(number);
  });
  return all;
}

void keep_node_ports(json::object& spec, const json::object& old) {
  const auto chosen = node_ports_of(spec);
  each_object(spec, "ports", [&](json::object& port) {
    if (number_at(port, "nodePort") != 0) return;
    const auto before = node_port_of(old, text_at(port, "name"));
    if (before != 0 && !chosen.contains(before)) port["nodePort"] = before;
  });
}

void drop_node_ports(json::object& spec, const json::object& old) {
  const auto before = node_ports_of(old);
  each_object(spec, "ports", [&](json::object& port) {
    if (before.contains(number_at(port, "nodePort"))) erase(port, "nodePort");
  });
}

/// The first of `first..last` that is free, beginning somewhere in the middle and going round.
template <typename Number, typename Taken>
std::optional<Number> first_free(Number first, Number last, std::uint64_t seed, const Taken& taken) {
  if (first > last) return std::nullopt;
  const auto count = last - first + 1;
  const auto start = static_cast<Number>(seed % static_cast<std::uint64_t>(count));
  for (Number i = 0; i < count; ++i) {
    const Number candidate = first + (start + i) % count;
    if (!taken.contains(candidate)) return candidate;
  }
  return std::nullopt;
}

std::string name_of(const json::object& raw) {
  const auto* meta = object_at(raw, "metadata");
  return meta == nullptr ? std::string() : fmt::format("{}/{}", text_at(*meta, "namespace"), text_at(*meta, "name"));
}

Error refused(std::string_view field, std::string_view value, std::string_view why) {
  return {ErrorCode::InvalidArgument, fmt::format("{}: invalid value: {}: {}", field, value, why)};
}

class Allocation {
 public:
  Allocation(const ServiceRange& range, json::object& raw, json::object& spec, const json::object* old,
             const std::vector<const json::object*>& others)
      : range_(range), spec_(spec), old_(old), seed_(Fnv1a().add(name_of(raw)).value()) {
    for (const auto* other : others) {
      const auto* theirs = object_at(*other, "spec");
      if (theirs == nullptr) continue;
      if (const auto address = to_v4(text_at(*theirs, "clusterIP"))) addresses_.insert(*address);
      node_ports_.merge(node_ports_of(*theirs));
    }
  }

  Status run() {
    if (takes_address(spec_)) {
      if (auto given = give_address(); !given) return given;
    }
    if (takes_node_ports(spec_)) {
      if (auto given = give_node_ports(); !given) return given;
    }
    if (takes_health_port(spec_)) return give_health_port();
    return Ok{};
  }

 private:
  /// It was there before it could have had one, and goes on without rather than being refused.
  bool may_stay_without() const { return old_ != nullptr && takes_address(*old_); }

  Status give_address() {
    const std::string chosen(text_at(spec_, "clusterIP"));
    if (chosen == "None") return Ok{};
    if (!chosen.empty()) return judge_address(chosen);
    const auto size = std::uint32_t{1} << (32U - range_.prefix);
    const auto low = size <= 16 ? kFirstGiven : std::clamp<std::uint32_t>(size / 16, 16, 256);
    auto found = first_free(range_.base + low, range_.base + size - 2, seed_, addresses_);
    if (!found && low > kFirstGiven)
      found = first_free(range_.base + kFirstGiven, range_.base + low - 1, 0, addresses_);
    if (!found) {
      if (may_stay_without()) return Ok{};
      return refused("spec.clusterIPs", "[]",
                     fmt::format("failed to allocate a serviceIP: range is full ({})", range_.text()));
    }
    const auto text = to_text(*found);
    spec_["clusterIP"] = text;
    spec_["clusterIPs"] = json::array{json::value(text)};
    return Ok{};
  }

  Status judge_address(const std::string& chosen) const {
    if (old_ != nullptr && text_at(*old_, "clusterIP") == chosen) return Ok{};
    const auto value = fmt::format("[\"{}\"]", chosen);
    if (!range_.contains(chosen)) {
      return refused(
          "spec.clusterIPs", value,
          fmt::format("failed to allocate IP {0}: the provided IP ({0}) is not in the valid range. The range "
                      "of valid IPs is {1}",
                      chosen, range_.text()));
    }
    if (addresses_.contains(to_v4(chosen).value_or(0))) {
      return refused("spec.clusterIPs", value,
                     fmt::format("failed to allocate IP {}: provided IP is already allocated", chosen));
    }
    return Ok{};
  }

  Status give_node_ports() {
    const auto before = old_ == nullptr ? std::set<std::int64_t>() : node_ports_of(*old_);
    auto* ports = spec_.if_contains("ports");
    if (ports == nullptr || !ports->is_array()) return Ok{};
    std::map<std::int64_t, std::int64_t> of_port;  // By the service's port: TCP and UDP of one share theirs.
    for (std::size_t i = 0; i < ports->get_array().size(); ++i) {
      auto* port = ports->get_array()[i].if_object();
      const auto chosen = port == nullptr ? 0 : number_at(*port, "nodePort");
      if (chosen == 0) continue;
      of_port.try_emplace(number_at(*port, "port"), chosen);
      if (before.contains(chosen)) continue;
      if (auto judged = judge_port(fmt::format("spec.ports[{}].nodePort", i), chosen, node_ports_); !judged)
        return judged;
    }
    auto taken = taken_ports();
    for (std::size_t i = 0; i < ports->get_array().size(); ++i) {
      auto* port = ports->get_array()[i].if_object();
      if (port == nullptr || number_at(*port, "nodePort") != 0) continue;
      auto& number = of_port[number_at(*port, "port")];
      if (number == 0) {
        const auto found = free_port(taken);
        if (!found) {
          return refused(fmt::format("spec.ports[{}].nodePort", i), "0",
                         "failed to allocate a nodePort: range is full");
        }
        number = *found;
        taken.insert(number);
      }
      (*port)["nodePort"] = number;
    }
    return Ok{};
  }

  Status give_health_port() {
    const std::string field = "spec.healthCheckNodePort";
    const auto chosen = number_at(spec_, "healthCheckNodePort");
    if (chosen == 0) {
      const auto found = free_port(taken_ports());
      if (!found) return refused(field, "0", "failed to allocate a nodePort: range is full");
      spec_["healthCheckNodePort"] = *found;
      return Ok{};
    }
    if (old_ != nullptr && number_at(*old_, "healthCheckNodePort") == chosen) return Ok{};
    auto taken = node_ports_;
    each_object(spec_, "ports", [&](const json::object& port) { taken.insert(number_at(port, "nodePort")); });
    return judge_port(field, chosen, taken);
  }

  static Status judge_port(const std::string& field, std::int64_t chosen, const std::set<std::int64_t>& taken) {
    if (chosen < kFirstNodePort || chosen > kLastNodePort) {
      return refused(field, std::to_string(chosen),
                     fmt::format("provided port is not in the valid range. The range of valid ports is {}-{}",
                                 kFirstNodePort, kLastNodePort));
    }
    if (taken.contains(chosen)) return refused(field, std::to_string(chosen), "provided port is already allocated");
    return Ok{};
  }

  /// Others', and those that it has itself.
  std::set<std::int64_t> taken_ports() const {
    auto taken = node_ports_;
    taken.merge(node_ports_of(spec_));
    return taken;
  }

  std::optional<std::int64_t> free_port(const std::set<std::int64_t>& taken) const {
    const auto found = first_free(kFirstNodePort + kChosenNodePorts, kLastNodePort, seed_, taken);
    return found ? found : first_free(kFirstNodePort, kFirstNodePort + kChosenNodePorts - 1, 0, taken);
  }

  const ServiceRange& range_;
  json::object& spec_;
  const json::object* old_;  ///< The old spec.
  const std::uint64_t seed_;
  std::set<std::uint32_t> addresses_;
  std::set<std::int64_t> node_ports_;
};

}  // namespace

Result<ServiceRange> ServiceRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = slash == std::string_view::npos ? std::nullopt : to_v4(text.substr(0, slash));
  ServiceRange range;
  const auto digits = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), range.prefix);
  if (!base || error != std::errc() || end != digits.data() + digits.size() || range.prefix < kWidest ||
      range.prefix > kNarrowest) {
    return Error(
        ErrorCode::InvalidArgument,
        fmt::format("\"{:.64}\": must be an IPv4 block of /{} to /{}, like 10.96.0.0/16", text, kWidest, kNarrowest));
  }
  range.base = *base & ~((std::uint32_t{1} << (32U - range.prefix)) - 1U);
  if (range.base != *base) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("\"{:.64}\": has bits below its prefix: {} is meant", text, range.text()));
  }
  return range;
}

std::string ServiceRange::text() const { return fmt::format("{}/{}", to_text(base), prefix); }

bool ServiceRange::contains(std::string_view address) const {
  const auto number = to_v4(address);
  if (!given() || !number) return false;
  const auto size = std::uint32_t{1} << (32U - prefix);
  return *number > base && *number < base + size - 1;
}

bool ServiceRange::overlaps(std::string_view block) const {
  const auto slash = block.find('/');
  if (!given() || slash == std::string_view::npos) return false;
  const auto other = to_v4(block.substr(0, slash));
  unsigned length = 0;
  const auto digits = block.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (!other || error != std::errc() || length > 32) return false;
  const auto shorter = std::min(prefix, length);
  return shorter == 0 || (*other >> (32U - shorter)) == (base >> (32U - shorter));
}

void keep_service_addresses(json::object& raw, const json::object& old) {
  auto* spec = object_at(raw, "spec");
  const auto* before = object_at(old, "spec");
  if (spec == nullptr || before == nullptr) return;
  const std::string address(text_at(*before, "clusterIP"));
  if (takes_address(*spec) && takes_address(*before)) {
    if (text_at(*spec, "clusterIP").empty() && !address.empty()) {
      (*spec)["clusterIP"] = address;
      for (const auto* field : {"clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
        const auto* value = before->if_contains(field);
        if (value != nullptr && !spec->contains(field)) (*spec)[field] = *value;
      }
    }
  } else if (takes_address(*before) && text_at(*spec, "clusterIP") == address) {
    for (const auto* field : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}) {
      erase(*spec, field);
    }
  }
  if (takes_node_ports(*before)) {
    if (takes_node_ports(*spec)) {
      keep_node_ports(*spec, *before);
    } else {
      drop_node_ports(*spec, *before);
    }
  }
  if (const auto port = number_at(*before, "healthCheckNodePort"); port != 0) {
    const auto now = number_at(*spec, "healthCheckNodePort");
    if (takes_health_port(*spec)) {
      if (now == 0) (*spec)["healthCheckNodePort"] = port;
    } else if (now == port) {
      erase(*spec, "healthCheckNodePort");
    }
  }
}

bool has_service_addresses(const json::object& raw, const json::object* old) {
  const auto* spec = object_at(raw, "spec");
  const auto* before = old == nullptr ? nullptr : object_at(*old, "spec");
  if (spec == nullptr) return true;
  if (takes_address(*spec)) {
    const auto address = text_at(*spec, "clusterIP");
    if (address != "None" && (address.empty() || before == nullptr || text_at(*before, "clusterIP") != address))
      return false;
  }
  if (takes_health_port(*spec)) {
    const auto port = number_at(*spec, "healthCheckNodePort");
    if (port == 0 || before == nullptr || number_at(*before, "healthCheckNodePort") != port) return false;
  }
  if (!takes_node_ports(*spec)) return true;
  const auto had = before == nullptr ? std::set<std::int64_t>() : node_ports_of(*before);
  bool all = true;
  each_object(*spec, "ports",
              [&](const json::object& port) { all = all && had.contains(number_at(port, "nodePort")); });
  return all;
}

Status allocate_service(const ServiceRange& range, json::object& raw, const json::object* old,
                        const std::vector<const json::object*>& others) {
  auto* spec = object_at(raw, "spec");
  if (!range.given() || spec == nullptr) return Ok{};
  return Allocation(range, raw, *spec, old == nullptr ? nullptr : object_at(*old, "spec"), others).run();
}

Completion service_completion(const ServiceRange& range) {
  return [range](Object& object, const Object* old, const Stored& stored) -> Status {
    if (object.kind != Kind::Service) return Ok{};
    const auto* before = old == nullptr ? nullptr : &old->raw;
    if (has_service_addresses(object.raw, before)) return Ok{};
    const auto all = stored.list(Kind::Service, {});
    std::vector<const json::object*> others;
    for (const auto& each : all) {
      if (each->key() != object.key()) others.push_back(&each->raw);
    }
    return allocate_service(range, object.raw, before, others);
  };
}

}  // namespace berth::model
