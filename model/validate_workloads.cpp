// model/validate_workloads.cpp - StatefulSet, DaemonSet, Service.
#include <fmt/format.h>

#include "model/decode_internal.hpp"
#include "model/names.hpp"
#include "model/selector.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_selector_and_template(const Reader& spec, const std::set<std::string>& claim_templates) {
  const auto selector = spec.child("selector");
  const auto pod_template = spec.child("template");
  if (!selector.present()) {
    spec.fail("selector", "required");
  } else {
    check_label_selector(selector);
    const auto wanted = read_label_selector(selector);
    if (wanted.match_labels.empty() && wanted.match_expressions.empty()) {
      spec.fail("selector", "invalid value: empty selector is invalid for a set");
    } else if (!matches(wanted, pod_template.child("metadata").text_map("labels"))) {
      pod_template.child("metadata").fail("labels", "invalid value: `selector` does not match template `labels`");
    }
  }
  check_labels(pod_template.child("metadata"), "labels");
  for (const auto& [key, value] : pod_template.child("metadata").text_map("annotations")) {
    if (const auto why = qualified_name_error(key); !why.empty()) {
      pod_template.child("metadata").fail("annotations", invalid(key, why));
    }
  }
  if (!pod_template.present()) return spec.fail("template", "required");
  check_pod_spec(pod_template.child("spec"), claim_templates, /*in_set=*/true);
}

}  // namespace

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
  check_range(strategy.child("rollingUpdate"), "partition", 0);
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
  check_choice(spec.child("updateStrategy"), "type", {"RollingUpdate", "OnDelete"});
  check_selector_and_template(spec, {});
}

void check_service(const Reader& root) {
  const auto spec = root.child("spec");
  check_choice(spec, "type", {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  check_choice(spec, "sessionAffinity", {"ClientIP", "None"});
  const auto type = spec.text("type");
  const auto cluster_ip = spec.text("clusterIP");
  const bool headless = cluster_ip == "None";
  if (!cluster_ip.empty() && !headless && !is_ip_address(cluster_ip)) {
    spec.fail("clusterIP", invalid(cluster_ip, "must be empty, 'None', or a valid IP address"));
  }
  if (headless && (type == "NodePort" || type == "LoadBalancer")) {
    spec.fail("clusterIP", invalid(cluster_ip, fmt::format("may not be set to 'None' for {} services", type)));
  }
  check_labels(spec, "selector");
  const auto ports = spec.children("ports");
  if (type == "ExternalName") {
    if (!cluster_ip.empty()) spec.fail("clusterIP", "forbidden: may not be set for ExternalName services");
    if (require_text(spec, "externalName")) {
      auto name = spec.text("externalName");
      if (name.size() > 1 && name.ends_with('.')) name.pop_back();
      if (const auto why = dns_subdomain_error(name); !why.empty()) spec.fail("externalName", invalid(name, why));
    }
  } else if (ports.empty() && !headless) {
    spec.fail("ports", "required");
  }
  std::set<std::string> names;
  std::set<std::string> numbers;
  for (const auto& port : ports) {
    if (ports.size() > 1) require_text(port, "name");
    check_text(port, "name", dns_label_error);
    check_unique(port, "name", port.text("name"), names);
    check_port_number(port, "port");
    check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
    if (port.has("targetPort")) check_port_or_name(port, "targetPort");
    if (port.integer("nodePort") != 0) check_range(port, "nodePort", 1, 65535);
    check_unique(port, "port", fmt::format("{}/{}", port.integer("port"), port.text("protocol")), numbers);
  }
}

}  // namespace berth::model
