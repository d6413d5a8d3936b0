// agent/ending/namespace_controller.cpp - see namespace_controller.hpp.
#include "agent/ending/namespace_controller.hpp"

#include "agent/ending/namespace_plan.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

constexpr std::string_view kAccount = "default";
constexpr std::chrono::seconds kRetry{2};

}  // namespace

NamespaceController::NamespaceController(Loop& loop, const Clock& clock, const store::Store& store, StoreWriter& writer)
    : loop_(loop), clock_(clock), store_(store), writer_(writer) {}

NamespaceController::~NamespaceController() { *alive_ = false; }

void NamespaceController::on_change(const store::Change& change) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (object.kind == Kind::Namespace) {
    if (!deleted) return take(object);
    ending_.erase(object.meta.name);
    dirty_.erase(object.meta.name);
    return;
  }
  if (object.meta.ns.empty()) return;
  if (ending_.contains(object.meta.ns)) {
    mark(object.meta.ns);
  } else if (deleted && object.kind == Kind::ServiceAccount && object.meta.name == kAccount) {
    add_account(object.meta.ns);
  }
}

void NamespaceController::plan_all() {
  for (const auto& ns : store_.list(Kind::Namespace).objects) take(*ns);
}

void NamespaceController::take(const model::Object& ns) {
  if (!ns.meta.deleting()) return add_account(ns.meta.name);
  if (ending_.insert(ns.meta.name).second) {
    log(LogLevel::Info, "deleting a namespace and everything in it", {{"namespace", ns.meta.name}});
  }
  mark(ns.meta.name);
}

void NamespaceController::add_account(const std::string& ns) {
  const auto home = store_.get({Kind::Namespace, "", ns});
  if (!home || home->meta.deleting()) return;
  if (store_.get({Kind::ServiceAccount, ns, std::string(kAccount)})) return;
  writer_.create(
      {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", kAccount}, {"namespace", ns}}}},
      Durability::Lazy, {});
}

void NamespaceController::mark(const std::string& ns) {
  dirty_.insert(ns);
  if (run_posted_ || retry_) return;
  run_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (*alive) run();
  });
}

void NamespaceController::run() {
  run_posted_ = false;
  if (retry_) return;
  for (const auto& ns : std::exchange(dirty_, {})) plan(ns);
}

void NamespaceController::plan(const std::string& name) {
  const model::ObjectKey key{Kind::Namespace, "", name};
  const auto ns = store_.get(key);
  if (!ns || !ns->meta.deleting()) {
    ending_.erase(name);
    return;
  }
  std::vector<model::ObjectPtr> content;
  for (const auto& kind : model::all_kinds()) {
    if (!kind.namespaced) continue;
    auto found = store_.list(kind.kind, name).objects;
    content.insert(content.end(), found.begin(), found.end());
  }
  const auto plan = plan_namespace(*ns, content, clock_.wall());
  for (const auto& object : plan.remove) writer_.delete_object(object->key(), object->meta.uid, written());
  if (plan.finished && ns->meta.finalizers.empty()) {
    writer_.remove(key, ns->meta.uid, written());
    log(LogLevel::Info, "namespace deleted", {{"namespace", name}});
    return;
  }
  if (!plan.remove.empty()) return;
  // It waits, perhaps for long: say for what.
  writer_.modify(key, ns->meta.uid, Durability::Lazy,
                 [conditions = plan.conditions](json::object& raw) {
                   auto& status = raw["status"];
                   if (!status.is_object()) status.emplace_object();
                   status.get_object()["conditions"] = conditions;
                   return true;
                 },
                 {});
}

StoreWriter::Done NamespaceController::written() {
  return [this](const Status& status) {
    if (status || retry_) return;
    log(LogLevel::Warning, "namespace content not deleted, trying again", {{"error", status.error().message()}});
    retry_ = loop_.after(kRetry, [this] {
      retry_.reset();
      for (const auto& ns : ending_) mark(ns);
    });
  };
}

}  // namespace berth::agent
