// agent/sets/set_plan.cpp - see set_plan.hpp.
#include "agent/sets/set_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/deletion.hpp"
#include "model/model.hpp"

namespace berth::agent {
namespace {

/// The revision whose template is this one. One that was kept when fewer defaults were filled in, or amounts were
/// written otherwise, is the same template all the same: a new version of ours replaces no pods.
const Revision* same_revision(const std::vector<std::shared_ptr<const Revision>>& revisions, const std::string& name,
                              const json::object& pod_template) {
  for (const auto& revision : revisions) {
    if (revision->name == name) return revision.get();
  }
  auto wanted = pod_template;
  model::apply_template_defaults(wanted);
  for (const auto& revision : revisions) {
    auto kept = revision->pod_template();
    model::apply_template_defaults(kept);
    if (kept == wanted) return revision.get();
  }
  return nullptr;
}

}  // namespace

bool is_adoptable(const model::Pod& pod, const model::LabelSelector& selector) {
  return pod.meta.controller() == nullptr && !pod.meta.deleting() && !revision_of(pod).empty() &&
         model::matches(selector, pod.meta.labels);
}

bool orphans_its_pods(const model::ObjectMeta& set) {
  if (model::has_finalizer(set, model::kOrphanFinalizer)) return true;
  const auto policy = set.annotations.find("berth.io/propagation-policy");
  return policy != set.annotations.end() && policy->second == "Orphan";
}

bool is_available(const model::PodStatus& status, std::chrono::seconds min_ready, WallTime now,
                  std::optional<std::chrono::milliseconds>& wait) {
  if (!status.ready()) return false;
  if (min_ready.count() == 0) return true;
  const auto since = parse_rfc3339(status.condition("Ready")->last_transition_time);
  if (!since) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*since + min_ready - now);
  if (left.count() <= 0) return true;
  wait = wait ? std::min(*wait, left) : left;
  return false;
}

bool is_at(const model::Pod& pod, const model::ObjectMeta& set, std::string_view revision) {
  const auto label = revision_of(pod);
  if (label.empty() || !revision.ends_with(label)) return false;
  return label.size() == revision.size() || (label.size() + set.name.size() + 1 == revision.size());
}

std::vector<model::ObjectKey> release_strangers(const model::LabelSelector& selector, SetFacts& facts) {
  std::vector<model::ObjectKey> strangers;
  std::erase_if(facts.pods, [&](const auto& pod) {
    if (pod->meta.deleting() || model::matches(selector, pod->meta.labels)) return false;
    strangers.push_back({model::Kind::Pod, pod->meta.ns, pod->meta.name});
    return true;
  });
  return strangers;
}

SetRevisions plan_revisions(const model::ObjectMeta& set, std::string_view set_kind, const json::object& pod_template,
                            const SetFacts& facts, std::int32_t history_limit, const std::string& current) {
  SetRevisions plan;
  plan.hash = facts.template_hash.empty() ? template_hash(pod_template) : facts.template_hash;
  plan.update = set.name + "-" + plan.hash;
  std::int64_t newest = 0;
  for (const auto& revision : facts.revisions) newest = std::max(newest, revision->number);
  const auto* known = same_revision(facts.revisions, plan.update, pod_template);
  if (known != nullptr && known->name != plan.update) {
    plan.update = known->name;
    plan.hash = known->name.substr(std::min(known->name.size(), set.name.size() + 1));
  }
  const auto label = set_kind == "DaemonSet" ? plan.hash : std::string();
  plan.number = known != nullptr && known->number == newest ? newest : newest + 1;
  if (known == nullptr) {
    plan.create.push_back(make_revision_object(set, set_kind, plan.hash, plan.number, pod_template));
  } else if (known->number < newest || (!label.empty() && known->hash_label != label)) {
    plan.edit = {.name = known->name, .number = plan.number, .hash_label = label};
  }

  std::vector<const Revision*> unused;
  for (const auto& revision : facts.revisions) {
    const auto used = revision->name == plan.update || revision->name == current ||
                      std::any_of(facts.pods.begin(), facts.pods.end(),
                                  [&](const auto& pod) { return is_at(*pod, set, revision->name); });
    if (!used) unused.push_back(revision.get());
  }
  std::sort(unused.begin(), unused.end(), [](const auto* a, const auto* b) { return a->number < b->number; });
  const auto limit = static_cast<std::size_t>(std::max(history_limit, 0));
  for (std::size_t i = 0; i + limit < unused.size(); ++i) {
    plan.surplus.push_back({model::Kind::ControllerRevision, set.ns, unused[i]->name});
  }
  return plan;
}

json::object make_pod_object(const json::object& pod_template, const model::ObjectMeta& set, std::string_view set_kind,
                             const std::string& revision_label) {
  json::object metadata;
  if (const auto* meta = pod_template.if_contains("metadata"); meta != nullptr && meta->is_object()) {
    for (const auto* key : {"labels", "annotations"}) {
      if (const auto* value = meta->get_object().if_contains(key); value != nullptr && value->is_object()) {
        metadata[key] = *value;
      }
    }
  }
  if (!metadata.contains("labels")) metadata["labels"] = json::object();
  if (!revision_label.empty()) metadata["labels"].get_object()[kRevisionLabel] = revision_label;
  metadata["namespace"] = set.ns;
  metadata["ownerReferences"] = json::array{make_owner_reference(set, set_kind)};
  json::object spec;
  if (const auto* from = pod_template.if_contains("spec"); from != nullptr && from->is_object()) {
    spec = from->get_object();
  }
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}};
}

std::string why_not_on(const model::PodSpec& spec, const model::Node& node) {
  // What `kubectl cordon` asks for; DaemonSets' pods tolerate it.
  const model::Taint cordoned{.key = "node.kubernetes.io/unschedulable", .value = {}, .effect = "NoSchedule"};
  if (node.unschedulable && model::untolerated(spec.tolerations, {cordoned}) != nullptr)
    return "node(s) were unschedulable";
  if (!model::node_matches(spec, node)) {
    return "node(s) didn't match Pod's node affinity/selector";
  }
  if (const auto* taint = model::untolerated(spec.tolerations, node.taints)) {
    return fmt::format("node(s) had untolerated taint {{{}: {}}}", taint->key, taint->value);
  }
  return {};
}

}  // namespace berth::agent
