// agent/sets/replica_set_object.cpp - see replica_set_object.hpp.
#include "agent/sets/replica_set_object.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "agent/objects/revision.hpp"
#include "agent/sets/deployment_sizes.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

constexpr const char* kRevisionHistory = "deployment.kubernetes.io/revision-history";

/// What is said of the Deployment alone. Ours among them: a file keeps the Deployment, not its sets.
bool stays_behind(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames{"kubectl.kubernetes.io/last-applied-configuration",
                                                   kRevision,
                                                   kRevisionHistory,
                                                   kDesiredReplicas,
                                                   kMaxReplicas,
                                                   "deprecated.deployment.rollback.to"};
  return name.starts_with("berth.io/") || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? number : 0;
}

json::object without_hash(json::object pod_template) {
  auto* meta = pod_template.if_contains("metadata");
  auto* labels = meta == nullptr || !meta->is_object() ? nullptr : meta->get_object().if_contains("labels");
  if (labels != nullptr && labels->is_object()) labels->get_object().erase(kTemplateHash);
  return pod_template;
}

const json::value* member(const json::object& from, std::string_view name) { return from.if_contains(name); }

bool same(const json::value* a, const json::value* b) { return a == nullptr || b == nullptr ? a == b : *a == *b; }

/// Cheap, and right for nearly all: the pods' specs are compared where they are.
bool may_be_equal(const json::object& a, const json::object& b) { return same(member(a, "spec"), member(b, "spec")); }

json::object encode(const model::LabelSelector& selector) {
  json::object labels;
  for (const auto& [key, value] : selector.match_labels) labels[key] = value;
  json::object out{{"matchLabels", std::move(labels)}};
  if (selector.match_expressions.empty()) return out;
  json::array expressions;
  for (const auto& each : selector.match_expressions) {
    json::object one{{"key", each.key}, {"operator", each.op}};
    if (!each.values.empty()) one["values"] = json::array(each.values.begin(), each.values.end());
    expressions.push_back(std::move(one));
  }
  out["matchExpressions"] = std::move(expressions);
  return out;
}

json::object with_hash(json::object pod_template, const std::string& hash) {
  model::object_in(model::object_in(pod_template, "metadata"), "labels")[kTemplateHash] = hash;
  return pod_template;
}

}  // namespace

std::string hash_for(const model::Deployment& deployment) {
  const auto& raw = deployment.pod_template.raw;
  const auto collisions = deployment.status.collision_count;
  if (collisions == 0) return template_hash(raw);
  return template_hash({{"template", raw}, {"collisions", collisions}});
}

bool is_of_template(const model::ReplicaSet& set, const json::object& pod_template) {
  const auto& kept = set.pod_template.raw;
  if (may_be_equal(kept, pod_template)) return without_hash(kept) == without_hash(pod_template);
  auto one = without_hash(kept);
  auto other = without_hash(pod_template);
  model::apply_template_defaults(one);
  model::apply_template_defaults(other);
  return one == other;
}

json::object template_of(const model::ReplicaSet& set) { return without_hash(set.pod_template.raw); }

std::int64_t revision_of(const model::ReplicaSet& set) {
  const auto found = set.meta.annotations.find(kRevision);
  return found == set.meta.annotations.end() ? 0 : number_of(found->second);
}

model::StringMap annotations_for(const model::Deployment& deployment, model::StringMap now, std::int64_t revision) {
  for (const auto& [name, value] : deployment.meta.annotations) {
    if (!stays_behind(name)) now[name] = value;
  }
  auto& number = now[kRevision];
  const auto old = number;
  if (number_of(old) >= revision) return now;
  number = std::to_string(revision);
  if (old.empty()) return now;
  auto& history = now[kRevisionHistory];
  history += history.empty() ? old : "," + old;
  constexpr std::size_t kLongest = 2000;
  while (history.size() > kLongest && history.find(',') != std::string::npos) history.erase(0, history.find(',') + 1);
  return now;
}

json::object make_replica_set(const model::Deployment& deployment, const std::string& hash, std::int32_t replicas,
                              const model::StringMap& annotations) {
  auto pod_template = with_hash(deployment.pod_template.raw, hash);
  auto selector = deployment.selector;
  selector.match_labels[kTemplateHash] = hash;
  json::object notes;
  for (const auto& [name, value] : annotations) notes[name] = value;
  json::object spec{{"replicas", replicas}, {"selector", encode(selector)}};
  if (deployment.min_ready_seconds != 0) spec["minReadySeconds"] = deployment.min_ready_seconds;
  json::object meta{{"name", deployment.meta.name + "-" + hash},
                    {"namespace", deployment.meta.ns},
                    {"labels", pod_template["metadata"].get_object()["labels"]},
                    {"annotations", std::move(notes)},
                    {"ownerReferences", json::array{make_owner_reference(deployment.meta, "Deployment")}}};
  spec["template"] = std::move(pod_template);
  return {{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"metadata", std::move(meta)}, {"spec", std::move(spec)}};
}

}  // namespace berth::agent
