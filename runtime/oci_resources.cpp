// runtime/oci_resources.cpp - see oci_resources.hpp.
#include "runtime/oci_resources.hpp"

#include <algorithm>

namespace berth::runtime {
namespace {

constexpr std::int64_t kMinQuota = 1'000;  // the kernel refuses less
constexpr std::int64_t kMinShares = 2;     // the kernel's least
constexpr std::int64_t kMaxShares = 262'144;
constexpr std::int64_t kSharesOfCpu = 1024;
constexpr std::int64_t kMostMilliCpu = 1'000'000'000;  // a million CPUs: a manifest may ask for more, and overflow

const model::Quantity* find_quantity(const std::map<std::string, model::Quantity>& from, const std::string& name) {
  const auto found = from.find(name);
  return found == from.end() ? nullptr : &found->second;
}

}  // namespace

std::int64_t cpu_shares(std::int64_t milli_cpu) {
  return std::clamp(std::min(milli_cpu, kMostMilliCpu) * kSharesOfCpu / 1000, kMinShares, kMaxShares);
}

std::int64_t cpu_quota(std::int64_t milli_cpu) {
  return std::max(std::min(milli_cpu, kMostMilliCpu) * kCpuPeriod / 1000, kMinQuota);
}

const model::Quantity* cpu_request(const model::Resources& resources) {
  const auto* request = find_quantity(resources.requests, "cpu");
  return request ? request : find_quantity(resources.limits, "cpu");
}

const model::Quantity* limit_of(const model::Resources& resources, const std::string& name) {
  const auto* limit = find_quantity(resources.limits, name);
  return limit && !limit->is_zero() ? limit : nullptr;
}

json::object oci_resources(const model::Resources& resources, bool privileged, const std::vector<DeviceNode>& devices,
                           const CgroupAbilities& cgroups) {
  json::object cpu;
  const auto* request = cpu_request(resources);
  cpu["shares"] = cpu_shares(request ? request->milli() : 0);
  if (const auto* limit = limit_of(resources, "cpu")) {
    cpu["quota"] = cpu_quota(limit->milli());
    cpu["period"] = kCpuPeriod;
  }

  json::object out;
  out["cpu"] = std::move(cpu);
  if (const auto* limit = limit_of(resources, "memory")) {
    json::object memory{{"limit", limit->value()}};
    if (cgroups.swap) memory["swap"] = limit->value();  // the specification's "swap" is memory and swap together
    out["memory"] = std::move(memory);
  }
  if (cgroups.version_2) out["unified"] = json::object{{"memory.oom.group", "1"}};
  json::array rules{json::object{{"allow", privileged}, {"access", "rwm"}}};
  for (const auto& device : devices) {
    if (privileged) break;
    rules.emplace_back(json::object{{"allow", true},
                                    {"type", std::string(1, device.type)},
                                    {"major", device.major},
                                    {"minor", device.minor},
                                    {"access", "rwm"}});
  }
  out["devices"] = std::move(rules);
  return out;
}

}  // namespace berth::runtime
