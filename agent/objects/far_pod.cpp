// agent/objects/far_pod.cpp - see far_pod.hpp.
#include "agent/objects/far_pod.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace berth::agent {
namespace {

// What is unknown stays: a planner may come to ask for it.
constexpr std::array kOfSpec{std::string_view("dnsConfig"), std::string_view("hostAliases"),
                             std::string_view("imagePullSecrets"), std::string_view("securityContext")};
constexpr std::array kOfContainer{
    std::string_view("command"),       std::string_view("args"),          std::string_view("workingDir"),
    std::string_view("env"),           std::string_view("envFrom"),       std::string_view("volumeMounts"),
    std::string_view("volumeDevices"), std::string_view("livenessProbe"), std::string_view("readinessProbe"),
    std::string_view("startupProbe"),  std::string_view("lifecycle"),     std::string_view("securityContext")};
constexpr std::array kOfContainerStatus{std::string_view("image"), std::string_view("imageID"),
                                        std::string_view("lastState"), std::string_view("stopSignal"),
                                        std::string_view("user")};
/// The larger part of what `kubectl apply` makes, and nobody's but its own.
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

template <std::size_t kCount>
void erase(json::object& from, const std::array<std::string_view, kCount>& words) {
  for (const auto word : words) from.erase(word);
}

/// Calls `change(object)` for the object below `key`, if there is one.
template <typename Change>
void change_object(json::object& in, std::string_view key, const Change& change) {
  if (auto* found = in.if_contains(key); found != nullptr && found->is_object()) change(found->get_object());
}

template <typename Change>
void change_each(json::object& in, std::string_view key, const Change& change) {
  auto* found = in.if_contains(key);
  if (found == nullptr || !found->is_array()) return;
  for (auto& each : found->get_array()) {
    if (each.is_object()) change(each.get_object());
  }
}

template <typename Goes>
void erase_from(json::object& in, std::string_view key, const Goes& goes) {
  auto* found = in.if_contains(key);
  if (found == nullptr || !found->is_array()) return;
  auto& all = found->get_array();
  all.erase(std::remove_if(all.begin(), all.end(), goes), all.end());
}

bool holds_claim(const json::value& volume) {
  return find(volume, {"persistentVolumeClaim"}) != nullptr || find(volume, {"ephemeral"}) != nullptr;
}

/// As every pod that runs has them, and nobody asks.
bool goes_without_saying(const json::value& condition) {
  const auto type = find_string(condition, {"type"});
  return find_string(condition, {"status"}) == "True" &&
         (type == "Initialized" || type == "ContainersReady" || type == "PodScheduled" ||
          type == "PodReadyToStartContainers");
}

}  // namespace

bool is_far_pod(const model::Object& object, std::string_view own) {
  if (object.kind != model::Kind::Pod) return false;
  const auto* spec = object.raw.if_contains("spec");
  const auto node = spec == nullptr ? std::string_view() : find_string(*spec, {"nodeName"});
  return !node.empty() && node != own;
}

model::Object outline_of(const model::Object& pod) {
  model::Object out{pod.kind, pod.meta, pod.raw};
  out.meta.annotations.erase(std::string(kLastApplied));
  change_object(out.raw, "spec", [](json::object& spec) {
    erase(spec, kOfSpec);
    erase_from(spec, "volumes", [](const json::value& volume) { return !holds_claim(volume); });
    for (const auto* list : {"containers", "initContainers"}) {
      change_each(spec, list, [](json::object& container) { erase(container, kOfContainer); });
    }
  });
  change_object(out.raw, "status", [](json::object& status) {
    erase_from(status, "conditions", goes_without_saying);
    for (const auto* list : {"containerStatuses", "initContainerStatuses"}) {
      change_each(status, list, [](json::object& container) { erase(container, kOfContainerStatus); });
    }
  });
  return out;
}

}  // namespace berth::agent
