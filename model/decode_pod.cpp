// model/decode_pod.cpp - Pod: spec and placement; the parts have files of their own.
#include <utility>

#include "base/clock.hpp"
#include "model/decode_internal.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

PodSecurity read_pod_security(const Reader& from) {
  PodSecurity security;
  security.run_as_user = from.maybe_integer("runAsUser");
  security.run_as_group = from.maybe_integer("runAsGroup");
  security.run_as_non_root = from.maybe_flag("runAsNonRoot");
  security.fs_group = from.maybe_integer("fsGroup");
  security.fs_group_change_policy = from.text("fsGroupChangePolicy");
  security.supplemental_groups = from.integers("supplementalGroups");
  for (const auto& entry : from.children("sysctls")) {
    security.sysctls.push_back({entry.text("name"), entry.text("value")});
  }
  security.seccomp = read_seccomp(from);
  security.app_armor = read_app_armor(from);
  return security;
}

DnsConfig read_dns_config(const Reader& from) {
  DnsConfig config;
  config.nameservers = from.texts("nameservers");
  config.searches = from.texts("searches");
  for (const auto& entry : from.children("options")) {
    DnsOption option{entry.text("name"), std::nullopt};
    if (entry.has("value")) option.value = entry.text("value");
    config.options.push_back(std::move(option));
  }
  return config;
}

std::vector<Toleration> read_tolerations(const Reader& spec) {
  std::vector<Toleration> tolerations;
  for (const auto& from : spec.children("tolerations")) {
    auto op = from.text("operator");
    if (op.empty()) op = "Equal";
    tolerations.push_back({from.text("key"), std::move(op), from.text("value"), from.text("effect"),
                           from.maybe_integer("tolerationSeconds")});
  }
  return tolerations;
}

/// What said it before there was a field (until Kubernetes 1.30): "runtime/default", "unconfined", "localhost/NAME".
std::optional<AppArmorProfile> app_armor_of(const StringMap& annotations, const std::string& container) {
  constexpr std::string_view kLocalhost = "localhost/";
  const auto found = annotations.find("container.apparmor.security.beta.kubernetes.io/" + container);
  if (found == annotations.end()) return std::nullopt;
  if (found->second == "runtime/default") return AppArmorProfile{"RuntimeDefault", ""};
  if (found->second == "unconfined") return AppArmorProfile{"Unconfined", ""};
  if (!found->second.starts_with(kLocalhost)) return std::nullopt;
  return AppArmorProfile{"Localhost", found->second.substr(kLocalhost.size())};
}

/// Fields say more than annotations.
void read_app_armor_annotations(Pod& pod) {
  if (pod.spec.security.app_armor) return;
  for (auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto& one = std::as_const(*list)[i];
      if (one.security.app_armor) continue;
      if (auto profile = app_armor_of(pod.meta.annotations, one.name)) (*list)[i].security.app_armor = *profile;
    }
  }
}

}  // namespace

std::vector<SelectorRequirement> read_requirements(const Reader& parent, std::string_view name) {
  std::vector<SelectorRequirement> requirements;
  for (const auto& from : parent.children(name)) {
    requirements.push_back({from.text("key"), from.text("operator"), from.texts("values")});
  }
  return requirements;
}

std::vector<NodeSelectorTerm> read_node_selector(const Reader& node_selector) {
  std::vector<NodeSelectorTerm> terms;
  for (const auto& term : node_selector.children("nodeSelectorTerms")) {
    terms.push_back({read_requirements(term, "matchExpressions"), read_requirements(term, "matchFields")});
  }
  return terms;
}

PodSpec read_pod_spec(const Reader& from) {
  PodSpec spec;
  spec.volumes = read_volumes(from);
  for (const auto& one : from.children("initContainers")) spec.init_containers.push_back(read_container(one));
  for (const auto& one : from.children("containers")) spec.containers.push_back(read_container(one));
  // Nothing can be done with a pod without containers, and much counts on the first.
  if (spec.containers.empty()) from.fail(from.present() ? "containers" : "", "required");
  spec.restart_policy = from.text("restartPolicy", "Always");
  spec.termination_grace_period_seconds = bounded_seconds(from.integer("terminationGracePeriodSeconds", 30)).count();
  if (const auto deadline = from.maybe_integer("activeDeadlineSeconds")) {
    spec.active_deadline_seconds = bounded_seconds(*deadline).count();
  }
  spec.dns_policy = from.text("dnsPolicy", "ClusterFirst");
  spec.dns_config = read_dns_config(from.child("dnsConfig"));
  spec.node_selector = from.text_map("nodeSelector");
  spec.node_name = from.text("nodeName");
  spec.host_network = from.flag("hostNetwork");
  spec.host_pid = from.flag("hostPID");
  spec.host_ipc = from.flag("hostIPC");
  spec.host_users = from.flag("hostUsers", true);
  spec.share_process_namespace = from.flag("shareProcessNamespace");
  spec.security = read_pod_security(from.child("securityContext"));
  for (const auto& one : from.children("imagePullSecrets")) spec.image_pull_secrets.push_back(one.text("name"));
  spec.hostname = from.text("hostname");
  spec.subdomain = from.text("subdomain");
  spec.set_hostname_as_fqdn = from.flag("setHostnameAsFQDN");
  const auto node_affinity = from.child("affinity").child("nodeAffinity");
  spec.required_node_affinity =
      read_node_selector(node_affinity.child("requiredDuringSchedulingIgnoredDuringExecution"));
  spec.tolerations = read_tolerations(from);
  for (const auto& one : from.children("hostAliases")) {
    spec.host_aliases.push_back({one.text("ip"), one.texts("hostnames")});
  }
  spec.priority_class_name = from.text("priorityClassName");
  spec.enable_service_links = from.flag("enableServiceLinks", true);
  return spec;
}

Result<Pod> decode_pod(const Object& object) {
  return decode<Pod>(object, [](const Reader& root, Pod& pod) {
    pod.spec = read_pod_spec(root.child("spec"));
    read_app_armor_annotations(pod);
    pod.status = read_pod_status(root.child("status"));
  });
}

}  // namespace berth::model
