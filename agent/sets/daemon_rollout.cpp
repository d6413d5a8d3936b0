// agent/sets/daemon_rollout.cpp - see daemon_rollout.hpp.
#include "agent/sets/daemon_rollout.hpp"

#include <algorithm>
#include <charconv>

#include "agent/objects/host_ports.hpp"

namespace berth::agent {

CountOrShare read_amount(const json::value& rolling, std::string_view field, CountOrShare preset) {
  const auto* value = find(rolling, {field});
  if (value == nullptr) return preset;
  if (const auto* number = value->if_int64())
    return {static_cast<std::int32_t>(std::clamp<std::int64_t>(*number, 0, 1'000'000)), false};
  const auto text = find_string(rolling, {field});
  if (!text.ends_with('%')) return preset;
  CountOrShare share{0, true};
  const auto* end = text.data() + text.size() - 1;
  const auto read = std::from_chars(text.data(), end, share.number);
  return read.ec == std::errc() && read.ptr == end && share.number >= 0 && share.number <= 100 ? share : preset;
}

std::int32_t CountOrShare::of(std::int32_t all) const { return percent ? (number * all + 99) / 100 : number; }

DaemonRollout read_daemon_rollout(const model::Object& set) {
  DaemonRollout rollout;
  const auto* spec = set.raw.if_contains("spec");
  const auto* rolling = spec == nullptr ? nullptr : find(*spec, {"updateStrategy", "rollingUpdate"});
  if (rolling == nullptr) return rollout;
  rollout.max_unavailable = read_amount(*rolling, "maxUnavailable", rollout.max_unavailable);
  rollout.max_surge = read_amount(*rolling, "maxSurge", rollout.max_surge);
  return rollout;
}

bool fits_beside(const model::PodSpec& spec, const model::Pod& pod) {
  const auto taken = host_ports(pod.spec);
  const auto wanted = host_ports(spec);
  return std::none_of(wanted.begin(), wanted.end(), [&](const auto& port) {
    return std::any_of(taken.begin(), taken.end(), [&](const auto& other) { return ports_collide(port, other); });
  });
}

}  // namespace berth::agent
