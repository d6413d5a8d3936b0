// runtime/oci_resources.cpp - see oci_resources.hpp.
#include "runtime/oci_resources.hpp"

#include <algorithm>

namespace berth::runtime {
namespace {

constexpr std::int64_t kPeriod = 100'000;  // microseconds
constexpr std::int64_t kMinQuota = 1'000;  // the kernel refuses less
constexpr std::int64_t kMinShares = 2;     // the kernel's least
constexpr std::int64_t kMaxShares = 262'144;

const model::Quantity* find_quantity(const std::map<std::string, model::Quantity>& from, const std::string& name) {
  const auto found = from.find(name);
  return found == from.end() ? nullptr : &found->second;
}

}  // namespace

json::object oci_resources(const model::Resources& resources, bool privileged, const std::vector<DeviceNode>& devices) {
  json::object cpu;
  const auto* request = find_quantity(resources.requests, "cpu");
  const auto* limit = find_quantity(resources.limits, "cpu");
  if (!request) request = limit;
  const auto shares = request ? request->milli() * 1024 / 1000 : 0;
  cpu["shares"] = std::clamp(shares, kMinShares, kMaxShares);
  if (limit && !limit->is_zero()) {
    cpu["quota"] = std::max(limit->milli() * kPeriod / 1000, kMinQuota);
    cpu["period"] = kPeriod;
  }

  json::object out;
  out["cpu"] = std::move(cpu);
  if (const auto* memory = find_quantity(resources.limits, "memory"); memory && !memory->is_zero()) {
    out["memory"] = json::object{{"limit", memory->value()}};
  }
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
