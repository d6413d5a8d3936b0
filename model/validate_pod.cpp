// model/validate_pod.cpp - pod specs: names, policies, placement; containers and volumes have files of their own.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_pod_security(const Reader& security, bool host_network) {
  constexpr std::int64_t kMostId = 2147483647;  // Kubernetes' own bound: ids are int32 on the wire to runtimes
  check_range(security, "runAsUser", 0, kMostId);
  check_range(security, "runAsGroup", 0, kMostId);
  check_range(security, "fsGroup", 0, kMostId);
  check_choice(security, "fsGroupChangePolicy", {"Always", "OnRootMismatch"});
  for (const auto group : security.integers("supplementalGroups")) {
    if (group < 0 || group > kMostId) {
      security.fail("supplementalGroups", fmt::format("invalid value: {}: must be between 0 and {}", group, kMostId));
    }
  }
  check_choice(security, "supplementalGroupsPolicy", {"Merge", "Strict"});
  check_profiles(security);
  std::set<std::string> seen;
  for (const auto& sysctl : security.children("sysctls")) {
    if (!require_text(sysctl, "name")) continue;
    const auto name = sysctl.text("name");
    check_unique(sysctl, "name", name, seen);
    const auto why = sysctl_name_error(name);
    if (!why.empty()) sysctl.fail("name", invalid(name, why));
    if (why.empty() && host_network && (name.starts_with("net.") || name.starts_with("net/"))) {
      sysctl.fail("name", invalid(name, "may not be specified when 'hostNetwork' is true"));
    }
  }
}

void check_dns(const Reader& spec) {
  check_choice(spec, "dnsPolicy", {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  const auto config = spec.child("dnsConfig");
  const auto servers = config.texts("nameservers");
  if (spec.text("dnsPolicy") == "None" && servers.empty()) {
    spec.child("dnsConfig")
        .fail("nameservers", "required: must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  if (servers.size() > 3) config.fail("nameservers", "invalid value: must not have more than 3 nameservers");
  for (const auto& server : servers) {
    if (!is_ip_address(server)) config.fail("nameservers", invalid(server, "must be a valid IP address"));
  }
  if (config.texts("searches").size() > 32)
    config.fail("searches", "invalid value: must not have more than 32 search paths");
  std::size_t letters = 0;
  for (const auto& search : config.texts("searches")) letters += search.size() + (letters == 0 ? 0 : 1);
  if (letters > 2048) {
    config.fail("searches",
                "invalid value: must not have more than 2048 characters (including spaces) in the search "
                "list");
  }
  for (auto search : config.texts("searches")) {
    if (search.size() > 1 && search.ends_with('.')) search.pop_back();
    if (search == ".") continue;
    if (const auto why = dns_subdomain_error(search); !why.empty()) config.fail("searches", invalid(search, why));
  }
  for (const auto& option : config.children("options")) require_text(option, "name");
}

/// Host ports may be used once in a pod.
void check_host_ports(const Reader& spec, std::string_view list, std::set<std::string>& seen) {
  for (const auto& container : spec.children(list)) {
    for (const auto& port : container.children("ports")) {
      const auto number = port.integer("hostPort");
      if (number == 0) continue;
      check_unique(port, "hostPort", fmt::format("{}/{}/{}", port.text("protocol"), port.text("hostIP"), number), seen);
      if (spec.flag("hostNetwork") && number != port.integer("containerPort")) {
        port.fail("containerPort", fmt::format("invalid value: {}: must match `hostPort` when `hostNetwork` is true",
                                               port.integer("containerPort")));
      }
    }
  }
}

/// Names of things that are looked up elsewhere, and choices that have no effect here: wrong is wrong all the same.
void check_names_elsewhere(const Reader& spec) {
  for (const auto* name : {"serviceAccountName", "priorityClassName", "runtimeClassName"}) {
    check_text(spec, name, dns_subdomain_error);
  }
  check_choice(spec, "preemptionPolicy", {"Never", "PreemptLowerPriority"});
  if (const auto os = spec.child("os"); os.present() && require_text(os, "name")) {
    check_choice(os, "name", {"linux", "windows"});
  }
  for (const auto& gate : spec.children("readinessGates")) {
    if (require_text(gate, "conditionType")) check_text(gate, "conditionType", qualified_name_error);
  }
  std::set<std::string> gates;
  for (const auto& gate : spec.children("schedulingGates")) {
    if (require_text(gate, "name")) check_text(gate, "name", qualified_name_error);
    check_unique(gate, "name", gate.text("name"), gates);
  }
}

}  // namespace

void check_tolerations(const Reader& spec) {
  for (const auto& one : spec.children("tolerations")) {
    const auto key = one.text("key");
    const auto op = one.text("operator");
    check_choice(one, "operator", {"", "Equal", "Exists"});
    check_choice(one, "effect", {"", "NoSchedule", "PreferNoSchedule", "NoExecute"});
    if (!key.empty()) check_text(one, "key", qualified_name_error);
    if (key.empty() && op != "Exists") {
      one.fail("operator", invalid(op,
                                   "operator must be Exists when `key` is empty, which means \"match all values "
                                   "and all keys\""));
    }
    if (op != "Exists") {
      check_text(one, "value", label_value_error);
    } else if (!one.text("value").empty()) {
      one.fail("operator", invalid(op, "value must be empty when `operator` is 'Exists'"));
    }
    if (one.has("tolerationSeconds") && one.text("effect") != "NoExecute") {
      one.fail("effect", invalid(one.text("effect"), "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
  }
}

void check_pod_spec(const Reader& spec, const std::set<std::string>& claim_templates, bool in_set) {
  if (!spec.present()) return spec.fail("", "required");
  VolumeNames volumes;
  check_volumes(spec, claim_templates, volumes);
  for (const auto& name : claim_templates) volumes[name] = true;  // it stands for a volume of its name

  const auto os = spec.child("os").text("name");
  const auto containers = spec.children("containers");
  if (containers.empty()) spec.fail("containers", "required");
  std::set<std::string> names;
  for (const auto& container : spec.children("initContainers")) {
    check_unique(container, "name", container.text("name"), names);
    check_container(container, volumes, /*init=*/true, os);
  }
  for (const auto& container : containers) {
    check_unique(container, "name", container.text("name"), names);
    check_container(container, volumes, /*init=*/false, os);
  }
  std::set<std::string> host_ports;
  check_host_ports(spec, "containers", host_ports);

  if (in_set) {
    check_choice(spec, "restartPolicy", {"Always"});
    if (spec.has("activeDeadlineSeconds"))
      spec.fail("activeDeadlineSeconds", "forbidden: only a Pod may have it, not a template");
  } else {
    check_choice(spec, "restartPolicy", {"Always", "OnFailure", "Never"});
  }
  check_range(spec, "terminationGracePeriodSeconds", 0);
  check_range(spec, "activeDeadlineSeconds", 1, 2147483647);
  check_labels(spec, "nodeSelector");
  check_text(spec, "nodeName", dns_subdomain_error);
  check_text(spec, "hostname", dns_label_error);
  check_text(spec, "subdomain", dns_label_error);
  check_dns(spec);
  check_pod_security(spec.child("securityContext"), spec.flag("hostNetwork"));
  check_tolerations(spec);
  check_affinity(spec.child("affinity"));
  check_topology_spread(spec);
  check_names_elsewhere(spec);
  if (spec.flag("shareProcessNamespace") && spec.flag("hostPID")) {
    spec.fail("shareProcessNamespace", "invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled");
  }
  for (const auto& alias : spec.children("hostAliases")) {
    const auto ip = alias.text("ip");
    if (!is_ip_address(ip)) alias.fail("ip", invalid(ip, "must be a valid IP address"));
    for (const auto& name : alias.texts("hostnames")) {
      if (const auto why = dns_subdomain_error(name); !why.empty()) alias.fail("hostnames", invalid(name, why));
    }
  }
}

}  // namespace berth::model
