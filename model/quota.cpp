// model/quota.cpp - see quota.hpp.
#include "model/quota.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/admission_internal.hpp"
#include "model/json_edit.hpp"
#include "model/model.hpp"
#include "model/reader.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kOne = 1000;  // thousandths
constexpr std::string_view kClassMark = ".storageclass.storage.k8s.io/";

std::string_view text_in(const json::object& from, std::string_view parent, std::string_view name) {
  const auto* fields = object_at(from, parent);
  return fields == nullptr ? std::string_view() : text_at(*fields, name);
}

Amounts hard_of(const json::object& quota) {
  const auto* spec = object_at(quota, "spec");
  return spec == nullptr ? Amounts() : amounts_of(spec->if_contains("hard"));
}

/// "count/deployments.apps"
std::string count_name(Kind kind) {
  const auto& known = info(kind);
  return fmt::format("count/{}{}{}", known.plural, known.group.empty() ? "" : ".", known.group);
}

void add_pod(Amounts& uses, const json::object& pod) {
  if (is_terminal_phase(text_in(pod, "status", "phase"))) return;
  uses["pods"] = {kOne};
  for (const auto& [name, amount] : pod_amounts(pod, "requests")) {
    uses["requests." + name] = amount;
    uses[name] = amount;
  }
  for (const auto& [name, amount] : pod_amounts(pod, "limits")) uses["limits." + name] = amount;
}

void add_service(Amounts& uses, const json::object& service) {
  uses["services"] = {kOne};
  const auto type = text_in(service, "spec", "type");
  if (type == "LoadBalancer") uses["services.loadbalancers"] = {kOne};
  if (type != "LoadBalancer" && type != "NodePort") return;
  const auto* spec = object_at(service, "spec");
  const auto* ports = spec->if_contains("ports");
  if (ports != nullptr && ports->is_array()) {
    uses["services.nodeports"] = {kOne * static_cast<std::int64_t>(ports->get_array().size())};
  }
}

void add_claim(Amounts& uses, const json::object& claim) {
  uses["persistentvolumeclaims"] = {kOne};
  const auto* spec = object_at(claim, "spec");
  const auto* resources = spec == nullptr ? nullptr : object_at(*spec, "resources");
  const auto asked = resources == nullptr ? Amounts() : amounts_of(resources->if_contains("requests"));
  const auto storage = asked.find("storage");
  if (storage != asked.end()) uses["requests.storage"] = storage->second;
  const auto storage_class = spec == nullptr ? std::string_view() : text_at(*spec, "storageClassName");
  if (storage_class.empty()) return;
  uses[fmt::format("{}{}persistentvolumeclaims", storage_class, kClassMark)] = {kOne};
  if (storage != asked.end()) uses[fmt::format("{}{}requests.storage", storage_class, kClassMark)] = storage->second;
}

/// What one object uses, by the names of quotas.
Amounts uses_of(Kind kind, const json::object& raw) {
  Amounts uses;
  uses[count_name(kind)] = {kOne};
  if (kind == Kind::Pod) {
    add_pod(uses, raw);
  } else if (kind == Kind::Service) {
    add_service(uses, raw);
  } else if (kind == Kind::PersistentVolumeClaim) {
    add_claim(uses, raw);
  } else if (info(kind).group.empty()) {  // configmaps, secrets, ...
    uses[std::string(info(kind).plural)] = {kOne};
  }
  return uses;
}

/// No container asks for, or is bounded in, processor time or memory.
bool is_best_effort(const json::object& pod) {
  for (const auto* list : {"requests", "limits"}) {
    const auto all = pod_amounts(pod, list);
    for (const auto* name : {"cpu", "memory"}) {
      const auto found = all.find(name);
      if (found != all.end() && found->second.milli > 0) return false;
    }
  }
  return true;
}

bool names_namespaces(const json::value& affinity) {
  if (const auto* list = affinity.if_array()) return std::any_of(list->begin(), list->end(), names_namespaces);
  const auto* object = affinity.if_object();
  if (object == nullptr) return false;
  return std::any_of(object->begin(), object->end(), [](const auto& entry) {
    const auto name = key_of(entry);
    const auto* list = entry.value().if_array();
    return name == "namespaceSelector" || (name == "namespaces" && list != nullptr && !list->empty()) ||
           names_namespaces(entry.value());
  });
}

bool is_in_scope(const json::object& pod, std::string_view scope) {
  const auto* spec = object_at(pod, "spec");
  if (spec == nullptr) return false;
  const auto* deadline = spec->if_contains("activeDeadlineSeconds");
  const bool terminating = deadline != nullptr && !deadline->is_null();
  if (scope == "Terminating") return terminating;
  if (scope == "NotTerminating") return !terminating;
  if (scope == "BestEffort") return is_best_effort(pod);
  if (scope == "NotBestEffort") return !is_best_effort(pod);
  if (scope == "PriorityClass") return !text_at(*spec, "priorityClassName").empty();
  const auto* affinity = spec->if_contains("affinity");
  return scope == "CrossNamespacePodAffinity" && affinity != nullptr && names_namespaces(*affinity);
}

bool meets(const json::object& pod, const Reader& condition) {
  const auto op = condition.text("operator");
  const auto scope = condition.text("scopeName");
  if (scope != "PriorityClass") return is_in_scope(pod, scope);
  const auto name = text_in(pod, "spec", "priorityClassName");
  const auto values = condition.texts("values");
  const bool listed = std::find(values.begin(), values.end(), name) != values.end();
  if (op == "In") return listed;
  if (op == "NotIn") return !listed;
  return name.empty() == (op == "DoesNotExist");
}

/// Is the object counted by the quota?
bool takes(const json::object& quota, Kind kind, const json::object& raw) {
  Issues ignored;
  const auto spec = Reader(quota, "", ignored).child("spec");
  const auto scopes = spec.texts("scopes");
  const auto conditions = spec.child("scopeSelector").children("matchExpressions");
  if (scopes.empty() && conditions.empty()) return true;
  return kind == Kind::Pod &&
         std::all_of(scopes.begin(), scopes.end(), [&](const auto& scope) { return is_in_scope(raw, scope); }) &&
         std::all_of(conditions.begin(), conditions.end(), [&](const auto& one) { return meets(raw, one); });
}

std::string listed(const Amounts& amounts, const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names) {
    const auto found = amounts.find(name);
    out.push_back(fmt::format("{}={}", name, found == amounts.end() ? "0" : found->second.text()));
  }
  return fmt::format("{}", fmt::join(out, ","));
}

/// Every container has to say what a quota bounds.
std::string unsaid(const json::object& pod, const Amounts& hard) {
  std::map<std::string, std::set<std::string>> missing;
  const auto* spec = object_at(pod, "spec");
  for (const auto* list : {"containers", "initContainers"}) {
    if (spec == nullptr) break;
    each_object(*spec, list, [&](const json::object& container) {
      const auto* resources = object_at(container, "resources");
      const auto says = [&](std::string_view kind, const std::string& name) {
        const auto* amounts = resources == nullptr ? nullptr : object_at(*resources, kind);
        return amounts != nullptr && amounts->contains(name);
      };
      for (const auto* name : {"cpu", "memory"}) {
        for (const auto& [kind, bound] :
             {std::pair("requests", std::string(name)), std::pair("requests", std::string("requests.") + name),
              std::pair("limits", std::string("limits.") + name)}) {
          if (hard.contains(bound) && !says(kind, name)) missing[bound].emplace(text_at(container, "name"));
        }
      }
    });
  }
  std::vector<std::string> out;
  out.reserve(missing.size());
  for (const auto& [name, containers] : missing)
    out.push_back(fmt::format("{} for: {}", name, fmt::join(containers, ",")));
  return fmt::format("{}", fmt::join(out, "; "));
}

/// Does the quota have what the object uses `more` than before?
Status judge_by_quota(Kind kind, const json::object& raw, const Amounts& more, const Object& quota,
                      const Stored& stored) {
  const auto hard = hard_of(quota.raw);
  const bool counts = std::any_of(more.begin(), more.end(), [&](const auto& one) { return hard.contains(one.first); });
  if (!counts) return Ok{};
  const auto used = quota_used(quota, stored);
  std::vector<std::string> exceeded;
  for (const auto& [name, amount] : more) {
    const auto bound = hard.find(name);
    if (bound == hard.end() || amount.milli <= 0) continue;
    auto after = used.at(name);
    after += amount;
    if (after.milli > bound->second.milli) exceeded.push_back(name);
  }
  if (exceeded.empty()) return Ok{};
  return forbidden(kind, raw,
                   fmt::format("exceeded quota: {}, requested: {}, used: {}, limited: {}", quota.meta.name,
                               listed(more, exceeded), listed(used, exceeded), listed(hard, exceeded)));
}

Status admit_by_quota(Kind kind, const json::object& raw, const Object& quota, const Stored& stored) {
  if (!takes(quota.raw, kind, raw)) return Ok{};
  if (kind == Kind::Pod) {
    if (const auto names = unsaid(raw, hard_of(quota.raw)); !names.empty()) {
      return forbidden(kind, raw, fmt::format("failed quota: {}: must specify {}", quota.meta.name, names));
    }
  }
  return judge_by_quota(kind, raw, uses_of(kind, raw), quota, stored);
}

}  // namespace

std::set<Kind> kinds_counted(const json::object& quota) {
  std::set<Kind> kinds;
  for (const auto& [name, amount] : hard_of(quota)) {
    if (name.find(kClassMark) != std::string::npos || name == "requests.storage" || name == "persistentvolumeclaims") {
      kinds.insert(Kind::PersistentVolumeClaim);
    } else if (name == "services" || name.starts_with("services.")) {
      kinds.insert(Kind::Service);
    } else {
      const auto counted =
          std::find_if(all_kinds().begin(), all_kinds().end(), [&, said = &name](const KindInfo& kind) {
            return kind.namespaced && (count_name(kind.kind) == *said || (kind.group.empty() && kind.plural == *said));
          });
      if (counted != all_kinds().end()) {
        kinds.insert(counted->kind);
      } else if (!name.starts_with("count/")) {
        kinds.insert(Kind::Pod);  // what pods ask for, by any name
      }
    }
  }
  return kinds;
}

Amounts quota_used(const Object& quota, const Stored& stored) {
  const auto hard = hard_of(quota.raw);
  Amounts used;
  for (const auto& [name, amount] : hard) used[name] = {};
  for (const auto kind : kinds_counted(quota.raw)) {
    for (const auto& object : stored.list(kind, quota.meta.ns)) {
      if (!takes(quota.raw, kind, object->raw)) continue;
      for (const auto& [name, amount] : uses_of(kind, object->raw)) {
        if (const auto known = used.find(name); known != used.end()) known->second += amount;
      }
    }
  }
  return used;
}

json::object quota_status(const Object& quota, const Stored& stored) {
  json::object hard;
  json::object used;
  const auto* spec = object_at(quota.raw, "spec");
  if (const auto* bounds = spec == nullptr ? nullptr : object_at(*spec, "hard")) hard = *bounds;
  for (const auto& [name, amount] : quota_used(quota, stored)) used[name] = amount.text();
  return {{"hard", std::move(hard)}, {"used", std::move(used)}};
}

Status admit_by_quotas(Kind kind, const json::object& raw, const Stored& stored) {
  if (kind == Kind::Event || !info(kind).namespaced) return Ok{};
  for (const auto& quota : stored.list(Kind::ResourceQuota, namespace_in(raw))) {
    if (auto admitted = admit_by_quota(kind, raw, *quota, stored); !admitted) return admitted;
  }
  return Ok{};
}

Status admit_growth_by_quotas(Kind kind, const json::object& raw, const json::object& old, const Stored& stored) {
  if (kind != Kind::Service && kind != Kind::PersistentVolumeClaim) return Ok{};
  auto more = uses_of(kind, raw);
  for (const auto& [name, amount] : uses_of(kind, old)) {
    if (const auto now = more.find(name); now != more.end()) now->second.milli -= amount.milli;
  }
  std::erase_if(more, [](const auto& one) { return one.second.milli <= 0; });
  if (more.empty()) return Ok{};
  for (const auto& quota : stored.list(Kind::ResourceQuota, namespace_in(raw))) {
    if (!takes(quota->raw, kind, raw)) continue;
    if (auto admitted = judge_by_quota(kind, raw, more, *quota, stored); !admitted) return admitted;
  }
  return Ok{};
}

}  // namespace berth::model
