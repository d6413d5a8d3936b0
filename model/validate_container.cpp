// model/validate_container.cpp - containers: image, environment, ports, mounts, resources, probes, hooks.
#include <fmt/format.h>

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

void check_resource_ref(const Reader& parent) {
  const auto ref = parent.child("resourceFieldRef");
  if (!ref.present() || !require_text(ref, "resource")) return;
  check_choice(ref, "resource",
               {"limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu", "requests.memory",
                "requests.ephemeral-storage"});
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
    check_field_ref(from);
    check_resource_ref(from);
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

void check_resources(const Reader& resources) {
  const auto limits = resources.quantity_map("limits");
  const auto requests = resources.quantity_map("requests");
  const auto check = [&](const char* list, const std::map<std::string, Quantity>& amounts) {
    for (const auto& [name, amount] : amounts) {
      const auto path = resources.child(list);
      if (const auto why = qualified_name_error(name); !why.empty()) path.fail(name, invalid(name, why));
      if (amount < Quantity()) path.fail(name, invalid(amount.text(), "must be greater than or equal to 0"));
    }
  };
  check("limits", limits);
  check("requests", requests);
  for (const auto& [name, request] : requests) {
    const auto limit = limits.find(name);
    if (limit == limits.end() || request <= limit->second) continue;
    resources.child("requests")
        .fail(name, invalid(request.text(), fmt::format("must be less than or equal to {} limit "
                                                        "of {}",
                                                        name, limit->second.text())));
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
    for (const auto& header : http.children("httpHeaders")) require_text(header, "name");
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
  if (const auto profile = security.child("seccompProfile"); profile.present() && require_text(profile, "type")) {
    check_choice(profile, "type", {"Localhost", "RuntimeDefault", "Unconfined"});
    if (profile.text("type") == "Localhost") {
      if (require_text(profile, "localhostProfile")) check_text(profile, "localhostProfile", relative_path_error);
    }
  }
}

}  // namespace

void check_field_ref(const Reader& parent) {
  const auto ref = parent.child("fieldRef");
  if (!ref.present() || !require_text(ref, "fieldPath")) return;
  const auto path = ref.text("fieldPath");
  for (const auto* known : {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels",
                            "metadata.annotations", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
                            "status.hostIPs", "status.podIP", "status.podIPs"}) {
    if (path == known) return;
  }
  for (const auto* map : {"metadata.labels['", "metadata.annotations['"}) {
    const std::string_view prefix(map);
    if (path.starts_with(prefix) && path.ends_with("']") && path.size() > prefix.size() + 2) return;
  }
  ref.fail("fieldPath", invalid(path,
                                "not a field that can be referenced; try metadata.name, metadata.namespace, "
                                "metadata.uid, metadata.labels['key'], metadata.annotations['key'], "
                                "spec.nodeName, status.hostIP or status.podIP"));
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
