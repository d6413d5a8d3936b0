// model/conversion.cpp - see conversion.hpp. Defaults are those of pkg/apis/{apps,extensions}/v1beta1/defaults.go.
#include "model/conversion.hpp"

#include <limits>

#include <fmt/format.h>

#include "model/defaults_internal.hpp"
#include "model/foreign_kinds.hpp"
#include "model/json_edit.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

constexpr auto kNoLimit = std::numeric_limits<std::int32_t>::max();

/// apps/v1beta1 kept two old templates; extensions/v1beta1 all of them, knew no deadline and replaced pods one by one.
void apply_first_beta_deployment(json::object& spec, bool extensions) {
  spec.erase("rollbackTo");
  set_default(spec, "revisionHistoryLimit", extensions ? kNoLimit : 2);
  if (!extensions) return;
  set_default(spec, "progressDeadlineSeconds", kNoLimit);
  auto* strategy = object_or_new(spec, "strategy");
  if (strategy == nullptr) return;
  set_default_text(*strategy, "type", "RollingUpdate");
  auto* rolling = text_at(*strategy, "type") == "RollingUpdate" ? object_or_new(*strategy, "rollingUpdate") : nullptr;
  if (rolling == nullptr) return;
  set_default(*rolling, "maxUnavailable", 1);
  set_default(*rolling, "maxSurge", 1);
}

void apply_first_beta_defaults(Kind kind, std::string_view api_version, json::object& raw) {
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  if (kind == Kind::Deployment) {
    apply_first_beta_deployment(*spec, api_version.starts_with("extensions/"));
  } else if (kind == Kind::StatefulSet || kind == Kind::DaemonSet) {
    if (auto* strategy = object_or_new(*spec, "updateStrategy")) set_default_text(*strategy, "type", "OnDelete");
  }
  spec->erase("templateGeneration");
  default_labels_from_template(raw, SelectorForm::MatchLabels);
}

}  // namespace

const std::vector<OldVersion>& old_versions() {
  static constexpr std::string_view kApps = "deprecated in v1.9+, unavailable in v1.16+";
  static constexpr std::string_view kExtensions = "deprecated in v1.14+, unavailable in v1.16+";
  static constexpr std::string_view kBatch = "deprecated in v1.21+, unavailable in v1.25+";
  static constexpr std::string_view kStorage = "deprecated in v1.19+, unavailable in v1.22+";
  static const std::vector<OldVersion> versions = {
      {"apps/v1beta2", Kind::StatefulSet, false, kApps},
      {"apps/v1beta2", Kind::DaemonSet, false, kApps},
      {"apps/v1beta2", Kind::Deployment, false, kApps},
      {"apps/v1beta2", Kind::ReplicaSet, false, kApps},
      {"apps/v1beta2", Kind::ControllerRevision, false, kApps},
      {"apps/v1beta1", Kind::StatefulSet, true, kApps},
      {"apps/v1beta1", Kind::Deployment, true, kApps},
      {"apps/v1beta1", Kind::ControllerRevision, false, kApps},
      {"extensions/v1beta1", Kind::DaemonSet, true, kExtensions},
      {"extensions/v1beta1", Kind::Deployment, true, kExtensions},
      {"extensions/v1beta1", Kind::ReplicaSet, true, kExtensions},
      {"batch/v1beta1", Kind::CronJob, false, kBatch},
      {"storage.k8s.io/v1beta1", Kind::StorageClass, false, kStorage},
  };
  return versions;
}

Conversion convert(json::object& raw) {
  Conversion result;
  const Reader root(raw, "", result.issues);
  const auto api_version = root.text("apiVersion");
  const auto kind_name = root.text("kind");
  if (result.issues.empty() && api_version.empty()) root.fail("apiVersion", "required");
  if (result.issues.empty() && kind_name.empty()) root.fail("kind", "required");
  if (!result.issues.empty()) return result;
  const auto shown = std::string_view(kind_name).substr(0, 64);
  const auto* kind = kind_named(kind_name);
  if (kind == nullptr) {
    if (const auto* meant = find_kind(kind_name)) {
      root.fail("kind", fmt::format("unknown kind \"{}\": did you mean {}?", shown, meant->name));
    } else if (is_foreign_kind(api_version, kind_name)) {
      result.foreign = true;
      root.fail("kind", fmt::format("{} of {} is not run here; the rest of the file is", shown,
                                    std::string_view(api_version).substr(0, 64)));
    } else {
      root.fail("kind", fmt::format("unknown kind \"{}\"; {} has none of this name", shown,
                                    std::string_view(api_version).substr(0, 64)));
    }
    return result;
  }
  if (kind->api_version() == api_version) return result;
  for (const auto& old : old_versions()) {
    if (old.api_version != api_version || old.kind != kind->kind) continue;
    if (old.first_beta) apply_first_beta_defaults(kind->kind, api_version, raw);
    raw["apiVersion"] = kind->api_version();
    result.old_version = old.api_version;
    return result;
  }
  root.fail("apiVersion", fmt::format("no kind \"{}\" is known in version \"{}\"; use {}", kind->name,
                                      std::string_view(api_version).substr(0, 64), kind->api_version()));
  return result;
}

Status convert_to_current(json::object& raw) {
  const auto result = convert(raw);
  return unless_issues(Ok{}, result.issues);
}

}  // namespace berth::model
