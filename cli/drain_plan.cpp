// cli/drain_plan.cpp - which pods of a node a drain evicts.
#include "cli/drain_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/server.hpp"

namespace berth::cli {

namespace {

const json::value* controller_of(const json::value& pod) {
  const auto* owners = find(pod, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return nullptr;
  for (const auto& owner : owners->get_array()) {
    const auto* flag = find(owner, {"controller"});
    if (flag != nullptr && flag->is_bool() && flag->get_bool()) return &owner;
  }
  return nullptr;
}

bool has_local_storage(const json::value& pod) {
  const auto* volumes = find(pod, {"spec", "volumes"});
  if (volumes == nullptr || !volumes->is_array()) return false;
  return std::any_of(volumes->get_array().begin(), volumes->get_array().end(),
                     [](const json::value& volume) { return find(volume, {"emptyDir"}) != nullptr; });
}

/// Pods named together: "deleting Pods with local storage: default/a, default/b".
class Groups {
 public:
  void add(std::string_view reason, const json::value& pod) {
    const auto name = fmt::format("{}/{}", namespace_of(pod), name_of(pod));
    for (auto& [known, names] : groups_) {
      if (known != reason) continue;
      names += fmt::format(", {}", name);
      return;
    }
    groups_.emplace_back(reason, name);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& [reason, names] : groups_) out.push_back(fmt::format("{}: {}", reason, names));
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> groups_;
};

}  // namespace

DrainPlan plan_drain(const json::array& pods, const DrainOptions& options) {
  DrainPlan plan;
  Groups warnings;
  Groups errors;
  for (const auto& pod : pods) {
    const auto* annotations = find(pod, {"metadata", "annotations"});
    if (annotations != nullptr && annotations->is_object() &&
        annotations->get_object().if_contains("kubernetes.io/config.mirror") != nullptr) {
      continue;
    }
    const auto phase = find_string(pod, {"status", "phase"});
    const bool ended = phase == "Succeeded" || phase == "Failed";
    const auto* controller = controller_of(pod);
    const bool of_daemon_set = controller != nullptr && find_string(*controller, {"kind"}) == "DaemonSet";
    if (of_daemon_set && !ended) {
      if (options.ignore_daemonsets) {
        warnings.add("ignoring DaemonSet-managed Pods", pod);
      } else {
        errors.add("cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", pod);
      }
      continue;
    }
    bool goes = true;
    if (has_local_storage(pod) && !ended) {
      if (options.delete_emptydir_data) {
        warnings.add("deleting Pods with local storage", pod);
      } else {
        errors.add("cannot delete Pods with local storage (use --delete-emptydir-data to override)", pod);
        goes = false;
      }
    }
    if (controller == nullptr && !ended) {
      if (options.force) {
        warnings.add("deleting Pods that declare no controller", pod);
      } else {
        errors.add("cannot delete Pods that declare no controller (use --force to override)", pod);
        goes = false;
      }
    }
    if (goes) plan.evict.push_back(pod);
  }
  plan.warning = fmt::format("{}", fmt::join(warnings.lines(), "; "));
  plan.errors = errors.lines();
  return plan;
}

}  // namespace berth::cli
