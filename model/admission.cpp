// model/admission.cpp - see admission.hpp.
#include "model/admission.hpp"

#include <fmt/format.h>

#include "model/admission_internal.hpp"
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"
#include "model/kind_row.hpp"
#include "model/limit_ranges.hpp"
#include "model/model.hpp"
#include "model/priority.hpp"
#include "model/quota.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kPreempts = "PreemptLowerPriority";
constexpr std::string_view kPullSecrets = "imagePullSecrets";
constexpr std::string_view kAccount = "serviceAccountName";

struct Priority {
  std::int64_t value = 0;
  std::string preemption;
};

std::optional<std::int64_t> number_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? std::nullopt : as_integer(*value);
}

Priority priority_in(const json::object& priority_class) {
  const auto preemption = text_at(priority_class, "preemptionPolicy");
  return {number_in(priority_class, "value").value_or(0), std::string(preemption.empty() ? kPreempts : preemption)};
}

std::optional<Priority> priority_of_class(std::string_view name, const Stored& stored) {
  if (const auto found = stored.get({Kind::PriorityClass, "", std::string(name)})) return priority_in(found->raw);
  if (const auto known = built_in_priority(name)) return Priority{*known, std::string(kPreempts)};
  return std::nullopt;
}

/// Of the classes that say they are it, the lowest; as Kubernetes chooses.
std::optional<Priority> default_priority(const Stored& stored) {
  std::optional<Priority> lowest;
  for (const auto& each : stored.list(Kind::PriorityClass, {})) {
    const auto* is_default = each->raw.if_contains("globalDefault");
    if (is_default == nullptr || !is_default->is_bool() || !is_default->get_bool()) continue;
    auto priority = priority_in(each->raw);
    if (!lowest || priority.value < lowest->value) lowest = std::move(priority);
  }
  return lowest;
}

std::string_view metadata_text(const json::object& raw, std::string_view name) {
  const auto* metadata = object_at(raw, "metadata");
  return metadata == nullptr ? std::string_view() : text_at(*metadata, name);
}

std::string_view name_in(const json::object& raw) { return metadata_text(raw, "name"); }

/// A pod has its class from its first moment, as in Kubernetes.
void fill_qos_class(json::object& raw) {
  const auto object = make_object(raw);
  const auto pod = object ? decode_pod(*object) : Result<Pod>(object.error());
  if (pod) object_in(raw, "status")["qosClass"] = qos_class(pod->spec);
}

}  // namespace

std::string_view namespace_in(const json::object& raw) { return metadata_text(raw, "namespace"); }

Error forbidden(Kind kind, const json::object& raw, std::string_view why) {
  const auto& known = info(kind);
  return {ErrorCode::PermissionDenied, fmt::format("{}{}{} \"{}\" is forbidden: {}", known.plural,
                                                   known.group.empty() ? "" : ".", known.group, name_in(raw), why)};
}

Status admit_priority(json::object& raw, const Stored& stored) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return Ok{};
  const auto name = text_at(*spec, "priorityClassName");
  const auto said = number_in(*spec, "priority");
  // The name of a default is not written: a file that is read again names none either.
  const auto meant = name.empty() ? (said ? std::nullopt : default_priority(stored)) : priority_of_class(name, stored);
  if (!meant) {
    if (name.empty() || said) return Ok{};
    return forbidden(Kind::Pod, raw, fmt::format("no PriorityClass with name {} was found", name));
  }
  constexpr std::string_view kComputed =
      "must not be provided in pod spec; priority admission controller computed {} from the given PriorityClass name";
  if (said && *said != meant->value) {
    return forbidden(Kind::Pod, raw,
                     fmt::format("the integer value of priority ({}) {}", *said, fmt::format(kComputed, meant->value)));
  }
  const auto preemption = text_at(*spec, "preemptionPolicy");
  if (!preemption.empty() && preemption != meant->preemption) {
    return forbidden(Kind::Pod, raw,
                     fmt::format("the string value of PreemptionPolicy ({}) {}", preemption,
                                 fmt::format(kComputed, meant->preemption)));
  }
  (*spec)["priority"] = meant->value;
  (*spec)["preemptionPolicy"] = meant->preemption;
  return Ok{};
}

/// As Kubernetes' plugin ServiceAccount: a pod that names no secrets to pull its images with has its account's.
void take_pull_secrets(json::object& raw, const Stored& stored) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  const auto has_any = [](const json::object& of) {
    const auto* secrets = of.if_contains(kPullSecrets);
    return secrets != nullptr && secrets->is_array() && !secrets->get_array().empty();
  };
  if (has_any(*spec)) return;
  const auto name = text_at(*spec, kAccount);
  const auto account = stored.get({Kind::ServiceAccount, std::string(namespace_in(raw)),
                                   std::string(name.empty() ? std::string_view("default") : name)});
  if (account != nullptr && has_any(account->raw)) (*spec)[kPullSecrets] = account->raw.at(kPullSecrets);
}

Status admit_pod(json::object& raw, const Stored& stored) {
  if (auto admitted = admit_priority(raw, stored); !admitted) return admitted;
  if (fill_by_limit_ranges(raw, stored)) {  // a limit that was filled in may be below what is asked for
    if (const auto problems = validate(Kind::Pod, raw, nullptr); !problems.empty()) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("Pod \"{}\" is invalid: {}", name_in(raw), problems.front().text()));
    }
  }
  take_pull_secrets(raw, stored);
  fill_qos_class(raw);
  return judge_by_limit_ranges(Kind::Pod, raw, stored);
}

Status admit_claim(json::object& raw, const Stored& stored) {
  return judge_by_limit_ranges(Kind::PersistentVolumeClaim, raw, stored);
}

void keep_of_pod(json::object& raw, const json::object& old) {
  keep_of_limit_ranges(raw, old);
  auto* spec = object_at(raw, "spec");
  const auto* before = object_at(old, "spec");
  if (spec == nullptr || before == nullptr) return;
  if (const auto* secrets = before->if_contains(kPullSecrets);
      secrets != nullptr && text_at(*spec, kAccount) == text_at(*before, kAccount)) {
    set_default(*spec, kPullSecrets, *secrets);
  }
  if (text_at(*spec, "priorityClassName") != text_at(*before, "priorityClassName")) return;
  for (const auto* name : {"priority", "preemptionPolicy"}) {
    const auto* value = before->if_contains(name);
    if (value != nullptr && !value->is_null()) set_default(*spec, name, *value);
  }
}

Status admit_new(Kind kind, json::object& raw, const Stored& stored) {
  if (const auto admit = row(kind).admit) {
    if (auto admitted = admit(raw, stored); !admitted) return admitted;
  }
  return admit_by_quotas(kind, raw, stored);
}

Status admit_change(Kind kind, const json::object& raw, const json::object& old, const Stored& stored) {
  return admit_growth_by_quotas(kind, raw, old, stored);
}

}  // namespace berth::model
