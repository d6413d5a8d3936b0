// agent/placing/node_room.cpp - see node_room.hpp.
#include "agent/placing/node_room.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "agent/objects/host_ports.hpp"
#include "base/json.hpp"

namespace berth::agent {
namespace {

constexpr std::int64_t kThousand = 1000;
constexpr const char* kPods = "pods";

/// A node that does not say how much it has of these is not judged by them.
bool is_native(const std::string& resource) {
  constexpr std::array<std::string_view, 3> kNative{"cpu", "memory", "ephemeral-storage"};
  return std::find(kNative.begin(), kNative.end(), resource) != kNative.end();
}

bool has_ports(const Tenant& pod, const std::vector<const Tenant*>& here) {
  return std::all_of(pod.ports.begin(), pod.ports.end(), [&](const auto& port) {
    return std::none_of(here.begin(), here.end(), [&](const auto* other) {
      return std::any_of(other->ports.begin(), other->ports.end(),
                         [&](const auto& taken) { return ports_collide(port, taken); });
    });
  });
}

bool fits(const Tenant& pod, const Allocatable& allocatable, const std::vector<const Tenant*>& here) {
  return shortages(pod, allocatable, together(here)).empty();
}

void take_room(Tenants& here, const Tenant& one) {
  for (const auto& [resource, amount] : one.requests) here.taken[resource] += amount;
  here.taken[kPods] = {.milli = static_cast<std::int64_t>(here.all.size()) * kThousand};
}

std::vector<const Tenant*> staying(const std::vector<const Tenant*>& here) {
  std::vector<const Tenant*> out;
  std::copy_if(here.begin(), here.end(), std::back_inserter(out), [](const auto* tenant) { return !tenant->leaving; });
  return out;
}

/// Who is spared first.
bool goes_later(const Tenant* a, const Tenant* b) {
  return std::tuple(!a->guarded, -a->priority, std::string_view(a->created_at), a->name) <
         std::tuple(!b->guarded, -b->priority, std::string_view(b->created_at), b->name);
}

}  // namespace

Tenant read_tenant(const model::Object& pod, const model::PodSpec& decoded) {
  Tenant out;
  out.name = {pod.meta.ns, pod.meta.name};
  out.uid = pod.meta.uid;
  out.requests = model::pod_amounts(pod.raw, "requests");
  if (const auto* set = pod.meta.controller()) out.set = set->uid;
  out.created_at = pod.meta.creation_timestamp;
  out.ports = host_ports(decoded);
  const json::value* spec = pod.raw.if_contains("spec");
  if (spec == nullptr) return out;
  if (const auto* priority = find(*spec, {"priority"}); priority != nullptr && priority->is_int64()) {
    out.priority = priority->get_int64();
  }
  out.preempts = find_string(*spec, {"preemptionPolicy"}) != "Never";
  return out;
}

Allocatable allocatable_of(const model::Object& node) {
  const auto* status = node.raw.if_contains("status");
  if (status == nullptr) return {};
  auto out = model::amounts_of(find(*status, {"allocatable"}));
  for (const auto& [resource, amount] : model::amounts_of(find(*status, {"capacity"}))) {
    if (model::is_extended_resource(resource)) out.try_emplace(resource, amount);
  }
  return out;
}

Tenants together(std::vector<const Tenant*> all) {
  Tenants out{.all = std::move(all), .taken = {}};
  for (const auto* tenant : out.all) take_room(out, *tenant);
  return out;
}

void add(Tenants& here, const Tenant& one) {
  const auto later = [](const Tenant* a, const Tenant* b) { return a->name < b->name; };
  here.all.insert(std::lower_bound(here.all.begin(), here.all.end(), &one, later), &one);
  take_room(here, one);
}

std::vector<std::string> shortages(const Tenant& pod, const Allocatable& allocatable, const Tenants& here) {
  if (!has_ports(pod, here.all)) return {"node(s) didn't have free ports for the requested pod ports"};
  std::vector<std::string> out;
  const auto taken = [&](const std::string& resource) {
    const auto found = here.taken.find(resource);
    return found == here.taken.end() ? model::Amount() : found->second;
  };
  if (const auto most = allocatable.find(kPods);
      most != allocatable.end() && taken(kPods).milli + kThousand > most->second.milli) {
    out.emplace_back("Too many pods");
  }
  for (const auto& [resource, wanted] : pod.requests) {
    if (wanted.milli == 0) continue;
    const auto has = allocatable.find(resource);
    if (has == allocatable.end() && is_native(resource)) continue;
    auto all = taken(resource);
    all += wanted;
    if (all.milli > (has == allocatable.end() ? 0 : has->second.milli)) {
      out.push_back(fmt::format("Insufficient {}", resource));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<const Tenant*> victims(const Tenant& pod, const Allocatable& allocatable,
                                   const std::vector<const Tenant*>& here) {
  if (!pod.preempts) return {};
  auto kept = staying(here);
  if (fits(pod, allocatable, kept)) return {};
  const auto spared =
      std::partition(kept.begin(), kept.end(), [&](const auto* tenant) { return tenant->priority >= pod.priority; });
  std::vector<const Tenant*> candidates(spared, kept.end());
  kept.erase(spared, kept.end());
  if (candidates.empty() || !fits(pod, allocatable, kept)) return {};
  std::sort(candidates.begin(), candidates.end(), goes_later);
  std::vector<const Tenant*> out;
  for (const auto* candidate : candidates) {
    kept.push_back(candidate);
    if (fits(pod, allocatable, kept)) continue;
    kept.pop_back();
    out.push_back(candidate);
  }
  return out;
}

std::vector<const Tenant*> ahead_of(const Tenant& pod, const Allocatable& allocatable,
                                    const std::vector<const Tenant*>& here, std::vector<const Tenant*> waiting) {
  std::erase_if(waiting, [&](const auto* other) { return other->priority <= pod.priority; });
  std::sort(waiting.begin(), waiting.end(), goes_later);
  auto beside = staying(here);
  std::vector<const Tenant*> out;
  for (const auto* other : waiting) {
    if (!fits(*other, allocatable, beside)) continue;
    beside.push_back(other);
    out.push_back(other);
  }
  return out;
}

}  // namespace berth::agent
