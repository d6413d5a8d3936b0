// model/validate_workloads.cpp - StatefulSet, DaemonSet and the revisions of their templates.
#include <fmt/format.h>

#include <algorithm>

#include "model/decode_internal.hpp"
#include "model/names.hpp"
#include "model/selector.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_daemon_rolling(const Reader& rolling) {
  const auto unavailable = check_count_or_percent(rolling, "maxUnavailable");
  const auto surge = check_count_or_percent(rolling, "maxSurge");
  if (unavailable != 0 && surge != 0) {
    rolling.fail("maxSurge", "invalid value: may not be set when maxUnavailable is non-zero");
  }
  if (rolling.present() && unavailable == 0 && surge == 0) {
    rolling.fail("maxUnavailable", "required: cannot be 0 when maxSurge is 0");
  }
}

}  // namespace

void check_pod_template(const Reader& spec, const std::set<std::string>& claim_templates, bool in_set) {
  const auto pod_template = spec.child("template");
  check_labels(pod_template.child("metadata"), "labels");
  for (const auto& [key, value] : pod_template.child("metadata").text_map("annotations")) {
    if (const auto why = qualified_name_error(key); !why.empty()) {
      pod_template.child("metadata").fail("annotations", invalid(key, why));
    }
  }
  if (!pod_template.present()) return spec.fail("template", "required");
  check_pod_spec(pod_template.child("spec"), claim_templates, in_set);
}

void check_selector_and_template(const Reader& spec, const std::set<std::string>& claim_templates) {
  const auto selector = spec.child("selector");
  const auto metadata = spec.child("template").child("metadata");
  if (!selector.present()) {
    spec.fail("selector", "required");
  } else {
    check_label_selector(selector);
    const auto wanted = read_label_selector(selector);
    if (wanted.match_labels.empty() && wanted.match_expressions.empty()) {
      spec.fail("selector", "invalid value: empty selector is invalid for a set");
    } else if (spec.has("template") && !matches(wanted, metadata.text_map("labels"))) {
      metadata.fail("labels", "invalid value: `selector` does not match template `labels`");
    }
  }
  check_pod_template(spec, claim_templates);
}

std::int64_t check_count_or_percent(const Reader& from, std::string_view name, bool over_all) {
  const auto* value = from.get(name);
  if (value == nullptr) return 0;
  if (!value->is_string()) {
    check_range(from, name, 0);
    return from.integer(name);
  }
  const auto text = from.text(name);
  const auto digits = std::string_view(text).substr(0, text.empty() ? 0 : text.size() - 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || !text.ends_with('%') || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    from.fail(name, invalid(text,
                            "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
                            "'1%',  or '93%')"));
    return 1;  // one complaint is enough
  }
  const auto significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
  constexpr std::size_t kMostDigits = 7;  // of a share that still is a number
  if (over_all && significant.size() > kMostDigits) {
    from.fail(name, invalid(text, "must not be greater than 9999999%"));
  } else if (!over_all && (significant.size() > 3 || (significant.size() == 3 && significant > "100"))) {
    from.fail(name, invalid(text, "must not be greater than 100%"));
  }
  return significant.empty() ? 0 : 1;
}

void check_stateful_set(const Reader& root) {
  const auto spec = root.child("spec");
  check_range(spec, "replicas", 0);
  check_range(spec, "minReadySeconds", 0);
  check_range(spec, "revisionHistoryLimit", 0);
  check_choice(spec, "podManagementPolicy", {"OrderedReady", "Parallel"});
  const auto strategy = spec.child("updateStrategy");
  check_choice(strategy, "type", {"RollingUpdate", "OnDelete"});
  if (strategy.text("type") == "OnDelete" && strategy.has("rollingUpdate")) {
    strategy.fail("rollingUpdate", "invalid value: only allowed for updateStrategy 'RollingUpdate'");
  }
  const auto rolling = strategy.child("rollingUpdate");
  check_range(rolling, "partition", 0);
  if (check_count_or_percent(rolling, "maxUnavailable") == 0 && rolling.has("maxUnavailable")) {
    rolling.fail("maxUnavailable",
                 "invalid value: must be greater than 0: with none unavailable no pod can be replaced");
  }
  check_range(spec.child("ordinals"), "start", 0);
  const auto retention = spec.child("persistentVolumeClaimRetentionPolicy");
  check_choice(retention, "whenDeleted", {"Retain", "Delete"});
  check_choice(retention, "whenScaled", {"Retain", "Delete"});
  check_text(spec, "serviceName", dns_1035_label_error);

  std::set<std::string> claims;
  for (const auto& claim : spec.children("volumeClaimTemplates")) {
    const auto metadata = claim.child("metadata");
    if (require_text(metadata, "name")) check_text(metadata, "name", dns_label_error);
    check_unique(metadata, "name", metadata.text("name"), claims);
    check_labels(metadata, "labels");
    check_claim_spec(claim.child("spec"));
  }
  check_selector_and_template(spec, claims);

  // Pods are called NAME-ORDINAL and that is also their host name; revisions add a hash to labels.
  const auto metadata = root.child("metadata");
  constexpr std::size_t kLongestName = 52;
  if (metadata.text("name").size() > kLongestName) {
    metadata.fail("name", fmt::format("invalid value: must be no more than {} characters, so that pods and revisions "
                                      "can be named after it",
                                      kLongestName));
  } else {
    check_text(metadata, "name", dns_label_error);
  }
}

void check_daemon_set(const Reader& root) {
  const auto spec = root.child("spec");
  check_range(spec, "minReadySeconds", 0);
  check_range(spec, "revisionHistoryLimit", 0);
  const auto strategy = spec.child("updateStrategy");
  check_choice(strategy, "type", {"RollingUpdate", "OnDelete"});
  if (strategy.text("type") == "RollingUpdate") check_daemon_rolling(strategy.child("rollingUpdate"));
  check_selector_and_template(spec, {});
}

void check_controller_revision(const Reader& root) {
  if (!root.has("data")) root.fail("data", "required: data is mandatory");
  check_range(root, "revision", 0);
}

void check_pod(const Reader& root) { check_pod_spec(root.child("spec"), {}, /*in_set=*/false); }

}  // namespace berth::model
