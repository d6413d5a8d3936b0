// agent/ending/namespace_controller.cpp - see namespace_controller.hpp.
#include "agent/ending/namespace_controller.hpp"

#include "agent/ending/namespace_plan.hpp"
#include "agent/objects/change_facts.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

constexpr std::string_view kAccount = "default";
constexpr int kAccountGroup = 1;

}  // namespace

Controller NamespaceController::row() {
  return {.name = "namespaces",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                ending_.clear();
                store_.visit(Kind::Namespace, {}, [&](const model::ObjectPtr& ns) {
                  if (ns->meta.deleting()) ending_.insert(ns->meta.name);
                  wake(ns->key());
                });
              },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
}

void NamespaceController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (object.kind == Kind::Namespace) {
    if (deleted) {
      ending_.erase(object.meta.name);
      return;
    }
    if (object.meta.deleting() && ending_.insert(object.meta.name).second) {
      log(LogLevel::Info, "deleting a namespace and everything in it", {{"namespace", object.meta.name}});
    }
    if (asks_anew(change)) wake(object.key());
    return;
  }
  if (object.meta.ns.empty()) return;
  const model::ObjectKey home{Kind::Namespace, "", object.meta.ns};
  if (ending_.contains(object.meta.ns)) {
    if (asks_anew(change)) wake(home);  // It came, it goes, or something that held it is gone.
  } else if (deleted && object.kind == Kind::ServiceAccount && object.meta.name == kAccount) {
    wake(home);
  }
}

Work NamespaceController::add_account(const std::string& ns) const {
  Work work;
  const model::ObjectKey key{Kind::ServiceAccount, ns, std::string(kAccount)};
  if (store_.get(key)) return work;
  // Into a namespace that takes new objects, and no other.
  work.writes.push_back({.key = {Kind::Namespace, "", ns},
                         .edit =
                             [](json::object& raw) {
                               const auto* meta = raw.if_contains("metadata");
                               const auto going = meta != nullptr && find(*meta, {"deletionTimestamp"}) != nullptr;
                               return going ? Edit::Refuse : Edit::Leave;
                             },
                         .durability = Durability::Lazy,
                         .group = kAccountGroup});
  work.writes.push_back({.verb = Write::Verb::Create,
                         .key = key,
                         .object = {{"apiVersion", "v1"},
                                    {"kind", "ServiceAccount"},
                                    {"metadata", {{"name", kAccount}, {"namespace", ns}}}},
                         .durability = Durability::Lazy,
                         .may_exist = true,
                         .group = kAccountGroup});
  return work;
}

Work NamespaceController::plan(const model::ObjectKey& key) {
  const auto& name = key.name;
  const auto ns = store_.get(key);
  if (!ns) return {};
  if (!ns->meta.deleting()) return add_account(name);
  std::vector<model::ObjectPtr> content;
  for (const auto& kind : model::all_kinds()) {
    if (!kind.namespaced) continue;
    auto found = store_.list(kind.kind, name).objects;
    content.insert(content.end(), found.begin(), found.end());
  }
  auto plan = plan_namespace(*ns, content, clock_.wall());
  Work work;
  for (const auto& object : plan.remove) {
    work.writes.push_back({.verb = Write::Verb::Delete, .key = object->key(), .uid = object->meta.uid});
  }
  if (plan.finished && ns->meta.finalizers.empty()) {
    work.writes.push_back({.verb = Write::Verb::Remove, .key = key, .uid = ns->meta.uid});
    log(LogLevel::Info, "namespace is empty, removing it", {{"namespace", name}});
    return work;
  }
  if (!plan.remove.empty()) return work;
  // It waits, perhaps for long: say for what.
  const json::value said(std::move(plan.conditions));
  const auto* status = ns->raw.if_contains("status");
  const auto* conditions = status == nullptr ? nullptr : find(*status, {"conditions"});
  if (conditions != nullptr && *conditions == said) return work;
  work.writes.push_back({.key = key,
                         .uid = ns->meta.uid,
                         .edit =
                             [said](json::object& raw) {
                               auto& words = raw["status"];
                               if (!words.is_object()) words.emplace_object();
                               words.get_object()["conditions"] = said;
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
  return work;
}

}  // namespace berth::agent
