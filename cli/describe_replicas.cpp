// cli/describe_replicas.cpp - how Deployments, ReplicaSets and ReplicationControllers are described.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/describe_page.hpp"
#include "cli/json_path.hpp"
#include "cli/rollout_text.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"

namespace berth::cli::page {

namespace {

/// Of matchLabels, or a plain map of labels.
std::string selector(const json::value& object) {
  const auto* found = find(object, {"spec", "selector"});
  if (found == nullptr || !found->is_object()) return "<none>";
  const auto& map = found->get_object();
  if (!map.empty() && map.begin()->value().is_string()) return label_text(found);
  const auto out = selector_text(*found);
  return out.empty() ? "<none>" : out;
}

std::string created(const json::value& set) {
  return fmt::format("{} ({}/{} replicas created)", name_of(set), number_at(set, {"status", "replicas"}, 0),
                     number_at(set, {"spec", "replicas"}, 1));
}

/// The newest is the one of the template as it is now.
void replica_sets(std::string& out, const json::value& deployment, const Related& related) {
  json::array all(related.sets.begin(), related.sets.end());
  const auto revisions = revisions_of_deployment(deployment, all);
  std::vector<std::string> old;
  std::string newest = "<none>";
  for (std::size_t i = 0; i < revisions.size(); ++i) {
    const auto name = name_of(revisions[i]);
    const auto set = std::find_if(all.begin(), all.end(), [&](const auto& each) { return name_of(each) == name; });
    if (set == all.end()) continue;
    if (i + 1 == revisions.size()) {
      newest = created(*set);
    } else {
      old.push_back(created(*set));
    }
  }
  out += fmt::format("OldReplicaSets:\t{}\n", old.empty() ? "<none>" : fmt::format("{}", fmt::join(old, ", ")));
  out += fmt::format("NewReplicaSet:\t{}\n", newest);
}

void conditions(std::string& out, const json::value& object) {
  const auto& all = list(object, {"status", "conditions"});
  if (all.empty()) return;
  out += "Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------\n";
  for (const auto& one : all) {
    out += fmt::format("  {} \t{}\t{}\n", text(one, {"type"}), text(one, {"status"}), text(one, {"reason"}));
  }
}

void template_of(std::string& out, const json::value& object) {
  const auto* pods = find(object, {"spec", "template"});
  pod_template(out, pods == nullptr ? json::value{} : *pods);
}

}  // namespace

std::string deployment(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  out += fmt::format("CreationTimestamp:\t{}\n", rfc1123_time(text(object, {"metadata", "creationTimestamp"})));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  out += fmt::format("Selector:\t{}\n", selector(object));
  const auto status = [&](std::string_view field) { return number_at(object, {"status", field}, 0); };
  out += fmt::format("Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable\n",
                     number_at(object, {"spec", "replicas"}, 1), status("updatedReplicas"), status("replicas"),
                     status("availableReplicas"), status("unavailableReplicas"));
  out += fmt::format("StrategyType:\t{}\n", text(object, {"spec", "strategy", "type"}));
  out += fmt::format("MinReadySeconds:\t{}\n", number_at(object, {"spec", "minReadySeconds"}, 0));
  if (const auto* rolling = find(object, {"spec", "strategy", "rollingUpdate"}); rolling != nullptr) {
    out += fmt::format("RollingUpdateStrategy:\t{} max unavailable, {} max surge\n", text(*rolling, {"maxUnavailable"}),
                       text(*rolling, {"maxSurge"}));
  }
  template_of(out, object);
  conditions(out, object);
  replica_sets(out, object, related);
  return out;
}

std::string replica_set(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  out += fmt::format("Selector:\t{}\n", selector(object));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  for (const auto& owner : list(object, {"metadata", "ownerReferences"})) {
    if (is_true(owner, {"controller"})) {
      out += fmt::format("Controlled By:\t{}/{}\n", text(owner, {"kind"}), text(owner, {"name"}));
    }
  }
  out += fmt::format("Replicas:\t{} current / {} desired\n", number_at(object, {"status", "replicas"}, 0),
                     number_at(object, {"spec", "replicas"}, 1));
  pods_status(out, related);
  template_of(out, object);
  conditions(out, object);
  return out;
}

}  // namespace berth::cli::page
