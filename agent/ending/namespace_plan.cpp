// agent/ending/namespace_plan.cpp - see namespace_plan.hpp.
#include "agent/ending/namespace_plan.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

namespace berth::agent {
namespace {

using model::Kind;

/// "pods. has 3 resource instances, statefulsets.apps has 1 resource instances"
std::string joined(const std::map<std::string, int>& counts, std::string_view has) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} {} {} resource instances", text.empty() ? "" : ", ", name, has, count);
  }
  return text;
}

class Conditions {
 public:
  Conditions(const model::Object& ns, WallTime now) : now_(format_rfc3339(now)) {
    const json::value raw(ns.raw);
    const auto* list = find(raw, {"status", "conditions"});
    if (list != nullptr && list->is_array()) old_ = list->get_array();
  }

  void add(std::string_view type, bool status, std::string_view reason, std::string_view message) {
    const std::string_view word = status ? "True" : "False";
    json::string since(now_);
    for (const auto& old : old_) {
      if (find_string(old, {"type"}) != type || find_string(old, {"status"}) != word) continue;
      since = json::string(find_string(old, {"lastTransitionTime"}, now_));
    }
    made_.push_back(
        {{"type", type}, {"status", word}, {"lastTransitionTime", since}, {"reason", reason}, {"message", message}});
  }

  json::array take() { return std::move(made_); }

 private:
  std::string now_;
  json::array old_;
  json::array made_;
};

}  // namespace

NamespacePlan plan_namespace(const model::Object& ns, const std::vector<model::ObjectPtr>& content, WallTime now) {
  NamespacePlan plan;
  plan.finished = content.empty();
  auto stage = model::Ending::Last;
  for (const auto& object : content) stage = std::min(stage, model::info(object->kind).ending);

  std::map<std::string, int> remaining;
  std::map<std::string, int> held;
  for (const auto& object : content) {
    if (object->kind != Kind::Event) {
      const auto& kind = model::info(object->kind);
      ++remaining[fmt::format("{}.{}", kind.plural, kind.group)];
      for (const auto& finalizer : object->meta.finalizers) ++held[finalizer];
    }
    if (model::info(object->kind).ending == stage && !object->meta.deleting()) plan.remove.push_back(object);
  }

  Conditions conditions(ns, now);
  conditions.add("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
                 "All resources successfully discovered");
  conditions.add("NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
                 "All legacy kube types successfully parsed");
  conditions.add("NamespaceDeletionContentFailure", false, "ContentDeleted",
                 "All content successfully deleted, may be waiting on finalization");
  if (remaining.empty()) {
    conditions.add("NamespaceContentRemaining", false, "ContentRemoved", "All content successfully removed");
  } else {
    conditions.add("NamespaceContentRemaining", true, "SomeResourcesRemain",
                   fmt::format("Some resources are remaining: {}", joined(remaining, "has")));
  }
  if (held.empty()) {
    conditions.add("NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
                   "All content-preserving finalizers finished");
  } else {
    conditions.add("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain",
                   fmt::format("Some content in the namespace has finalizers remaining: {}", joined(held, "in")));
  }
  plan.conditions = conditions.take();
  return plan;
}

}  // namespace berth::agent
