// model/decode_container.cpp - containers: environment, ports, probes, hooks, security.
#include <utility>

#include "base/clock.hpp"
#include "model/decode_internal.hpp"

namespace berth::model {
namespace {

std::chrono::seconds seconds(const Reader& from, std::string_view name, std::int32_t fallback = 0) {
  return bounded_seconds(from.int32(name, fallback));
}

std::optional<KeySelector> read_key_selector(const Reader& parent, std::string_view name) {
  const auto ref = parent.child(name);
  if (!ref.present()) return std::nullopt;
  return KeySelector{ref.text("name"), ref.text("key"), ref.flag("optional")};
}

EnvVar read_env(const Reader& entry) {
  EnvVar env;
  env.name = entry.text("name");
  env.value = entry.text("value");
  const auto from = entry.child("valueFrom");
  env.field_ref = read_field_ref(from);
  env.resource_field_ref = read_resource_field_ref(from);
  env.config_map_key_ref = read_key_selector(from, "configMapKeyRef");
  env.secret_key_ref = read_key_selector(from, "secretKeyRef");
  return env;
}

EnvFrom read_env_from(const Reader& entry) {
  EnvFrom from;
  from.prefix = entry.text("prefix");
  const auto config_map = entry.child("configMapRef");
  const auto secret = entry.child("secretRef");
  from.config_map = config_map.text("name");
  from.secret = secret.text("name");
  from.optional = config_map.flag("optional") || secret.flag("optional");
  return from;
}

HttpGetAction read_http_get(const Reader& action) {
  HttpGetAction http;
  http.path = action.text("path", "/");
  http.port = action.int_or_text("port");
  http.host = action.text("host");
  http.scheme = action.text("scheme", "HTTP");
  for (const auto& header : action.children("httpHeaders")) {
    http.headers.push_back({header.text("name"), header.text("value")});
  }
  return http;
}

/// The actions that probes and hooks share; none when the handler names another one.
template <typename Action>
std::optional<Action> read_common_action(const Reader& handler) {
  if (const auto exec = handler.child("exec"); exec.present()) return ExecAction{exec.texts("command")};
  if (const auto http = handler.child("httpGet"); http.present()) return read_http_get(http);
  if (const auto tcp = handler.child("tcpSocket"); tcp.present()) {
    return TcpSocketAction{tcp.int_or_text("port"), tcp.text("host")};
  }
  return std::nullopt;
}

std::optional<Probe> read_probe(const Reader& container, std::string_view name) {
  const auto from = container.child(name);
  if (!from.present()) return std::nullopt;
  Probe probe;
  if (auto action = read_common_action<ProbeAction>(from)) {
    probe.action = *std::move(action);
  } else if (const auto grpc = from.child("grpc"); grpc.present()) {
    probe.action = GrpcAction{grpc.int32("port"), grpc.text("service")};
  } else {
    from.fail("", "must specify a handler type");
  }
  probe.initial_delay = seconds(from, "initialDelaySeconds");
  probe.timeout = seconds(from, "timeoutSeconds", 1);
  probe.period = seconds(from, "periodSeconds", 10);
  probe.success_threshold = from.int32("successThreshold", 1);
  probe.failure_threshold = from.int32("failureThreshold", 3);
  if (const auto grace = from.maybe_integer("terminationGracePeriodSeconds")) {
    probe.termination_grace_period = bounded_seconds(*grace);
  }
  return probe;
}

std::optional<HookAction> read_hook(const Reader& lifecycle, std::string_view name) {
  const auto from = lifecycle.child(name);
  if (!from.present()) return std::nullopt;
  if (auto action = read_common_action<HookAction>(from)) return action;
  if (const auto sleep = from.child("sleep"); sleep.present()) {
    return SleepAction{bounded_seconds(sleep.integer("seconds"))};
  }
  from.fail("", "must specify a handler type");
  return std::nullopt;
}

ContainerSecurity read_security(const Reader& from) {
  ContainerSecurity security;
  security.run_as_user = from.maybe_integer("runAsUser");
  security.run_as_group = from.maybe_integer("runAsGroup");
  security.run_as_non_root = from.maybe_flag("runAsNonRoot");
  security.privileged = from.maybe_flag("privileged");
  security.read_only_root_filesystem = from.maybe_flag("readOnlyRootFilesystem");
  security.allow_privilege_escalation = from.maybe_flag("allowPrivilegeEscalation");
  const auto capabilities = from.child("capabilities");
  security.capabilities_add = capabilities.texts("add");
  security.capabilities_drop = capabilities.texts("drop");
  security.seccomp = read_seccomp(from);
  security.app_armor = read_app_armor(from);
  security.proc_mount = from.text("procMount");
  return security;
}

ContainerPort read_port(const Reader& from) {
  return {from.text("name"), from.int32("containerPort"), from.int32("hostPort"), from.text("hostIP"),
          from.text("protocol", "TCP")};
}

VolumeMount read_mount(const Reader& from) {
  return {from.text("name"),     from.text("mountPath"),        from.text("subPath"),          from.text("subPathExpr"),
          from.flag("readOnly"), from.text("mountPropagation"), from.text("recursiveReadOnly")};
}

}  // namespace

std::optional<FieldRef> read_field_ref(const Reader& parent) {
  const auto ref = parent.child("fieldRef");
  if (!ref.present()) return std::nullopt;
  return FieldRef{ref.text("fieldPath")};
}

std::optional<ResourceFieldRef> read_resource_field_ref(const Reader& parent) {
  const auto ref = parent.child("resourceFieldRef");
  if (!ref.present()) return std::nullopt;
  return ResourceFieldRef{ref.text("containerName"), ref.text("resource"), ref.quantity("divisor")};
}

std::optional<SeccompProfile> read_seccomp(const Reader& security_context) {
  const auto profile = security_context.child("seccompProfile");
  if (!profile.present()) return std::nullopt;
  return SeccompProfile{profile.text("type"), profile.text("localhostProfile")};
}

std::optional<AppArmorProfile> read_app_armor(const Reader& security_context) {
  const auto profile = security_context.child("appArmorProfile");
  if (!profile.present()) return std::nullopt;
  return AppArmorProfile{profile.text("type"), profile.text("localhostProfile")};
}

Container read_container(const Reader& from) {
  Container container;
  container.name = from.text("name");
  container.image = from.text("image");
  container.command = from.texts("command");
  container.args = from.texts("args");
  container.working_dir = from.text("workingDir");
  for (const auto& port : from.children("ports")) container.ports.push_back(read_port(port));
  for (const auto& entry : from.children("envFrom")) container.env_from.push_back(read_env_from(entry));
  for (const auto& entry : from.children("env")) container.env.push_back(read_env(entry));
  const auto resources = from.child("resources");
  container.resources.limits = resources.quantity_map("limits");
  container.resources.requests = resources.quantity_map("requests");
  const auto& limits = container.resources.limits;
  container.resources.requests.insert(limits.begin(), limits.end());  // only where no request is written
  for (const auto& mount : from.children("volumeMounts")) container.volume_mounts.push_back(read_mount(mount));
  for (const auto& device : from.children("volumeDevices")) {
    container.volume_devices.push_back({device.text("name"), device.text("devicePath")});
  }
  container.liveness = read_probe(from, "livenessProbe");
  container.readiness = read_probe(from, "readinessProbe");
  container.startup = read_probe(from, "startupProbe");
  const auto lifecycle = from.child("lifecycle");
  container.lifecycle = {read_hook(lifecycle, "postStart"), read_hook(lifecycle, "preStop")};
  container.termination_message_path = from.text("terminationMessagePath", "/dev/termination-log");
  container.termination_message_policy = from.text("terminationMessagePolicy", "File");
  container.image_pull_policy = from.text("imagePullPolicy");
  container.security = read_security(from.child("securityContext"));
  container.restart_policy = from.text("restartPolicy");
  container.has_stdin = from.flag("stdin");
  container.stdin_once = from.flag("stdinOnce");
  container.tty = from.flag("tty");
  return container;
}

}  // namespace berth::model
