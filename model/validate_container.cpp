// model/validate_container.cpp - containers: image, environment, ports, mounts, resources, probes, hooks.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_ports(const Reader& container) {
  std::set<std::string> names;
  for (const auto& port : container.children("ports")) {
    check_text(port, "name", port_name_error);
    check_unique(port, "name", port.text("name"), names);
    check_port_number(port, "containerPort");
    if (port.integer("hostPort") != 0) check_range(port, "hostPort", 1, 65535);
    check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
    const auto ip = port.text("hostIP");
    if (!ip.empty() && !is_ip_address(ip)) port.fail("hostIP", invalid(ip, "must be a valid IP address"));
  }
}

/// The members of `from` that are set, of those that Kubernetes allows there.
std::size_t count_set(const Reader& from, std::initializer_list<std::string_view> names) {
  std::size_t count = 0;
  for (const auto name : names) count += from.has(name) ? 1U : 0U;
  return count;
}

void check_key_ref(const Reader& parent, std::string_view name) {
  const auto ref = parent.child(name);
  if (!ref.present()) return;
  require_text(ref, "name");
  if (require_text(ref, "key")) check_text(ref, "key", config_key_error);
}

void check_env(const Reader& container) {
  for (const auto& env : container.children("env")) {
    if (require_text(env, "name")) check_text(env, "name", env_var_name_error);
    const auto from = env.child("valueFrom");
    if (!from.present()) continue;
    const auto sources = count_set(from, {"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"});
    if (!env.text("value").empty()) from.fail("", "invalid value: may not be specified when `value` is not empty");
    if (sources == 0) {
      from.fail("",
                "invalid value: must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                "`secretKeyRef`");
    }
    if (sources > 1) from.fail("", "invalid value: may not have more than one field specified at a time");
    check_field_ref(from, FieldUse::Environment);
    check_resource_ref(from, FieldUse::Environment);
    check_key_ref(from, "configMapKeyRef");
    check_key_ref(from, "secretKeyRef");
  }
  for (const auto& from : container.children("envFrom")) {
    check_text(from, "prefix", env_var_name_error);
    const auto sources = count_set(from, {"configMapRef", "secretRef"});
    if (sources != 1) from.fail("", "invalid value: must specify exactly one of: `configMapRef` or `secretRef`");
    for (const auto* name : {"configMapRef", "secretRef"}) {
      if (const auto ref = from.child(name); ref.present()) require_text(ref, "name");
    }
  }
}

/// KEP-3857.
void check_recursive_read_only(const Reader& mount) {
  constexpr auto kField = "recursiveReadOnly";
  check_choice(mount, kField, {"Disabled", "IfPossible", "Enabled"});
  const auto asked = mount.text(kField);
  if (asked != "IfPossible" && asked != "Enabled") return;
  if (!mount.flag("readOnly")) mount.fail(kField, "forbidden: may only be specified when readOnly is true");
  const auto propagation = mount.text("mountPropagation");
  if (!propagation.empty() && propagation != "None") {
    mount.fail(kField, "forbidden: may only be specified when mountPropagation is None or not specified");
  }
}

void check_mounts(const Reader& container, const VolumeNames& volumes) {
  std::set<std::string> devices;
  std::set<std::string> device_paths;
  for (const auto& device : container.children("volumeDevices")) {
    devices.insert(device.text("name"));
    device_paths.insert(device.text("devicePath"));
  }
  std::set<std::string> paths;
  const bool privileged = container.child("securityContext").flag("privileged");
  for (const auto& mount : container.children("volumeMounts")) {
    const auto name = mount.text("name");
    if (require_text(mount, "name") && !volumes.contains(name)) {
      mount.fail("name", fmt::format("not found: \"{}\"", name));
    }
    if (!name.empty() && devices.contains(name)) {
      mount.fail("name", invalid(name, "must not already exist in volumeDevices"));
    }
    if (require_text(mount, "mountPath")) {
      const auto path = mount.text("mountPath");
      check_unique(mount, "mountPath", path, paths);
      check_text(mount, "mountPath", absolute_path_error);
      if (device_paths.contains(path)) {
        mount.fail("mountPath", invalid(path, "must not already exist as a path in volumeDevices"));
      }
    }
    check_text(mount, "subPath", relative_path_error);
    check_text(mount, "subPathExpr", relative_path_error);
    if (!mount.text("subPath").empty() && !mount.text("subPathExpr").empty()) {
      mount.fail("subPathExpr", invalid(mount.text("subPathExpr"), "subPathExpr and subPath are mutually exclusive"));
    }
    check_recursive_read_only(mount);
    check_choice(mount, "mountPropagation", {"None", "HostToContainer", "Bidirectional"});
    if (mount.text("mountPropagation") == "Bidirectional" && !privileged) {
      mount.fail("mountPropagation",
                 "forbidden: Bidirectional mount propagation is available only to privileged "
                 "containers");
    }
  }
}

/// Raw block volumes. A volume is either mounted or a device: check_mounts complains about those that are both.
void check_devices(const Reader& container, const VolumeNames& volumes) {
  std::set<std::string> names;
  std::set<std::string> paths;
  for (const auto& device : container.children("volumeDevices")) {
    if (require_text(device, "name")) {
      const auto name = device.text("name");
      if (!names.insert(name).second) device.fail("name", invalid(name, "must be unique"));
      const auto volume = volumes.find(name);
      if (volume == volumes.end()) {
        device.fail("name", fmt::format("not found: \"{}\"", name));
      } else if (!volume->second) {
        device.fail("name", invalid(name,
                                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block "
                                    "mode"));
      }
    }
    if (require_text(device, "devicePath")) {
      const auto path = device.text("devicePath");
      if (!paths.insert(path).second) device.fail("devicePath", invalid(path, "must be unique"));
      if (path.find("/../") != std::string::npos || path.starts_with("../") || path.ends_with("/..") || path == "..") {
        device.fail("devicePath", invalid(path, "can not contain backsteps ('..')"));
      } else {
        check_text(device, "devicePath", absolute_path_error);
      }
    }
  }
}

constexpr std::string_view kHugePages = "hugepages-";

/// cpu, memory and ephemeral storage, of which more may be promised than there is.
bool is_shared_resource(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage";
}

void check_amounts(const Reader& resources, const char* list, const std::map<std::string, Quantity>& amounts) {
  const auto path = resources.child(list);
  for (const auto& [name, amount] : amounts) {
    if (const auto why = resource_name_error(name); !why.empty()) {
      path.fail(name, invalid(name, why));
    } else if (amount < Quantity()) {
      path.fail(name, invalid(amount.text(), "must be greater than or equal to 0"));
    } else if (!is_shared_resource(name) && amount.milli() % 1000 != 0) {
      path.fail(name, invalid(amount.text(), "must be an integer"));
    }
  }
}

void check_resources(const Reader& resources) {
  const auto limits = resources.quantity_map("limits");
  const auto requests = resources.quantity_map("requests");
  check_amounts(resources, "limits", limits);
  check_amounts(resources, "requests", requests);
  const auto wrong = resources.child("requests");
  for (const auto& [name, request] : requests) {
    const auto limit = limits.find(name);
    if (limit == limits.end()) {
      if (!is_shared_resource(name)) {
        resources.child("limits").fail(name, "required: limit must be set for non overcommitable resources");
      }
    } else if (!is_shared_resource(name) && request != limit->second) {
      wrong.fail(name,
                 invalid(request.text(), fmt::format("must be equal to {} limit of {}", name, limit->second.text())));
    } else if (request > limit->second) {
      wrong.fail(name, invalid(request.text(), fmt::format("must be less than or equal to {} limit of {}", name,
                                                           limit->second.text())));
    }
  }
  const auto huge = [](const auto& entry) { return entry.first.starts_with(kHugePages); };
  const bool has_huge = std::any_of(limits.begin(), limits.end(), huge);
  const auto named = [&](const char* name) { return limits.contains(name) || requests.contains(name); };
  if (has_huge && !named("cpu") && !named("memory")) {
    resources.fail("", "forbidden: HugePages require cpu or memory");
  }
}

void check_action(const Reader& handler, bool hook) {
  const auto actions = hook ? count_set(handler, {"exec", "httpGet", "tcpSocket", "sleep"})
                            : count_set(handler, {"exec", "httpGet", "tcpSocket", "grpc"});
  if (actions == 0) handler.fail("", "required: must specify a handler type");
  if (actions > 1) handler.fail("", "forbidden: may not specify more than 1 handler type");
  if (const auto exec = handler.child("exec"); exec.present() && exec.texts("command").empty()) {
    exec.fail("command", "required");
  }
  if (const auto http = handler.child("httpGet"); http.present()) {
    check_port_or_name(http, "port");
    check_choice(http, "scheme", {"HTTP", "HTTPS"});
    for (const auto& header : http.children("httpHeaders")) {
      if (require_text(header, "name")) check_text(header, "name", http_header_error);
    }
  }
  if (const auto tcp = handler.child("tcpSocket"); tcp.present()) check_port_or_name(tcp, "port");
  if (const auto grpc = handler.child("grpc"); grpc.present()) check_port_number(grpc, "port");
  if (const auto sleep = handler.child("sleep"); sleep.present()) check_range(sleep, "seconds", 0);
}

void check_probe(const Reader& container, std::string_view name) {
  const auto probe = container.child(name);
  if (!probe.present()) return;
  check_action(probe, /*hook=*/false);
  check_range(probe, "initialDelaySeconds", 0);
  for (const auto* field : {"timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"}) {
    check_range(probe, field, 0);
  }
  check_range(probe, "terminationGracePeriodSeconds", 1);
  if (name != "readinessProbe" && probe.integer("successThreshold", 1) != 1) {
    probe.fail("successThreshold", fmt::format("invalid value: {}: must be 1", probe.integer("successThreshold")));
  }
  if (name == "readinessProbe" && probe.has("terminationGracePeriodSeconds")) {
    probe.fail("terminationGracePeriodSeconds", "invalid value: must not be set for readinessProbes");
  }
}

void check_security(const Reader& security) {
  constexpr std::int64_t kMostId = 2147483647;
  check_range(security, "runAsUser", 0, kMostId);
  check_range(security, "runAsGroup", 0, kMostId);
  check_choice(security, "procMount", {"Default", "Unmasked"});
  if (!security.flag("allowPrivilegeEscalation", true) && security.flag("privileged")) {
    security.fail("", "invalid value: cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
  const auto added = security.child("capabilities").texts("add");
  if (!security.flag("allowPrivilegeEscalation", true) &&
      std::find(added.begin(), added.end(), "CAP_SYS_ADMIN") != added.end()) {
    security.fail("",
                  "invalid value: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
  }
  check_profiles(security);
}

}  // namespace

std::string resource_name_error(std::string_view name) {
  if (auto why = qualified_name_error(name); !why.empty()) return why;
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) {
    const bool known = is_shared_resource(name) || name.starts_with(kHugePages);
    return known ? std::string() : "must be a standard resource for containers";
  }
  if (name.starts_with("requests.") || name.substr(0, slash).ends_with("kubernetes.io")) {
    return "doesn't follow extended resource name standard";
  }
  return {};
}

void check_profiles(const Reader& security) {
  if (const auto profile = security.child("seccompProfile"); profile.present() && require_text(profile, "type")) {
    check_choice(profile, "type", {"Localhost", "RuntimeDefault", "Unconfined"});
    if (profile.text("type") == "Localhost") {
      if (require_text(profile, "localhostProfile")) check_text(profile, "localhostProfile", relative_path_error);
    } else if (profile.has("localhostProfile")) {
      profile.fail("localhostProfile",
                   invalid(profile.text("localhostProfile"), "can only be set when seccomp type is 'Localhost'"));
    }
  }
  if (const auto profile = security.child("appArmorProfile"); profile.present() && require_text(profile, "type")) {
    check_choice(profile, "type", {"Localhost", "RuntimeDefault", "Unconfined"});
    if (profile.text("type") == "Localhost") require_text(profile, "localhostProfile");
  }
}

void check_field_ref(const Reader& parent, FieldUse use) {
  const auto ref = parent.child("fieldRef");
  if (!ref.present() || !require_text(ref, "fieldPath")) return;
  const auto path = ref.text("fieldPath");
  if (const auto version = ref.text("apiVersion"); !version.empty() && version != "v1") {
    return ref.fail("apiVersion", invalid(version, "unsupported pod version"));
  }
  for (const auto* map : {"metadata.labels", "metadata.annotations"}) {
    const auto prefix = std::string(map) + "['";
    if (!path.starts_with(prefix) || !path.ends_with("']") || path.size() < prefix.size() + 2) continue;
    const auto key = path.substr(prefix.size(), path.size() - prefix.size() - 2);
    if (const auto why = qualified_name_error(key); !why.empty()) ref.fail("fieldPath", invalid(path, why));
    return;
  }
  if (use == FieldUse::File) {
    return check_choice(
        ref, "fieldPath",
        {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"});
  }
  check_choice(ref, "fieldPath",
               {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"});
}

void check_resource_ref(const Reader& parent, FieldUse use) {
  const auto ref = parent.child("resourceFieldRef");
  if (!ref.present()) return;
  if (use == FieldUse::File) require_text(ref, "containerName");
  if (!require_text(ref, "resource")) return;
  const auto resource = ref.text("resource");
  const auto dot = resource.find('.');
  const bool huge = dot != std::string::npos && resource.substr(dot + 1).starts_with(kHugePages) &&
                    (resource.starts_with("limits.") || resource.starts_with("requests."));
  const auto known = dot != std::string::npos && is_shared_resource(resource.substr(dot + 1));
  if (!huge) {
    check_choice(ref, "resource",
                 {"limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu", "requests.memory",
                  "requests.ephemeral-storage"});
    if (!known) return;
  }
  const auto divisor = ref.quantity("divisor");
  if (divisor.is_zero()) return;
  if (resource.ends_with(".cpu")) {
    if (divisor.milli() != 1 && divisor.milli() != 1000) {
      ref.fail("divisor",
               invalid(divisor.text(), "only divisor's values 1m and 1 are supported with the cpu resource"));
    }
    return;
  }
  constexpr std::string_view kUnits[] = {"1",   "1k",  "1M",  "1G",  "1T",  "1P", "1E",
                                         "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
  if (std::find(std::begin(kUnits), std::end(kUnits), divisor.text()) == std::end(kUnits)) {
    ref.fail("divisor", invalid(divisor.text(),
                                "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are "
                                "supported with the memory resource"));
  }
}

void check_container(const Reader& container, const VolumeNames& volumes, bool init) {
  if (require_text(container, "name")) check_text(container, "name", dns_label_error);
  if (require_text(container, "image")) {
    const auto image = container.text("image");
    if (image.find_first_of(" \t\r\n") != std::string::npos) {
      container.fail("image", invalid(image, "must not contain white space"));
    }
  }
  check_choice(container, "imagePullPolicy", {"Always", "IfNotPresent", "Never"});
  check_choice(container, "terminationMessagePolicy", {"File", "FallbackToLogsOnError"});
  check_text(container, "terminationMessagePath", absolute_path_error);
  check_ports(container);
  check_env(container);
  check_mounts(container, volumes);
  check_devices(container, volumes);
  check_resources(container.child("resources"));
  for (const auto& policy : container.children("resizePolicy")) {
    if (require_text(policy, "resourceName")) check_choice(policy, "resourceName", {"cpu", "memory"});
    if (require_text(policy, "restartPolicy"))
      check_choice(policy, "restartPolicy", {"NotRequired", "RestartContainer"});
  }
  check_security(container.child("securityContext"));

  const bool sidecar = init && container.text("restartPolicy") == "Always";
  if (init) {
    check_choice(container, "restartPolicy", {"Always"});
  } else if (container.has("restartPolicy")) {
    container.fail("restartPolicy", "forbidden: may not be set for non-init containers");
  }
  for (const auto* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    if (init && !sidecar && container.has(probe)) {
      container.fail(probe, "forbidden: may not be set for init containers without restartPolicy=Always");
    } else {
      check_probe(container, probe);
    }
  }
  const auto lifecycle = container.child("lifecycle");
  if (init && !sidecar && lifecycle.present()) {
    container.fail("lifecycle", "forbidden: may not be set for init containers without restartPolicy=Always");
  }
  for (const auto* hook : {"postStart", "preStop"}) {
    if (const auto handler = lifecycle.child(hook); handler.present()) check_action(handler, /*hook=*/true);
  }
}

}  // namespace berth::model
