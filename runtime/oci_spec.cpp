// runtime/oci_spec.cpp - see oci_spec.hpp.
#include "runtime/oci_spec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "runtime/oci_mounts.hpp"
#include "runtime/oci_resources.hpp"

namespace berth::runtime {
namespace {

constexpr std::string_view kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

json::array to_array(const std::vector<std::string>& from) { return json::array(from.begin(), from.end()); }

void set_variable(std::vector<std::string>& env, std::string_view variable, bool replace) {
  const auto found =
      std::find_if(env.begin(), env.end(), [&](const auto& entry) { return name_of(entry) == name_of(variable); });
  if (found == env.end()) {
    env.emplace_back(variable);
  } else if (replace) {
    *found = variable;
  }
}

bool is_privileged(const ContainerSpec& container) { return container.security.privileged.value_or(false); }

json::object process(const SpecInput& input, const std::vector<std::string>& argv, std::vector<std::string>& notes) {
  const auto& container = input.container;
  json::array groups;
  for (const auto gid : input.user.groups) groups.emplace_back(gid);
  const auto capabilities = to_array(capability_names(input.capabilities));

  json::object out;
  out["terminal"] = container.tty;
  out["user"] = json::object{{"uid", input.user.uid}, {"gid", input.user.gid}, {"additionalGids", std::move(groups)}};
  out["args"] = to_array(argv);
  out["env"] = to_array(container_env(container, input.image));
  const auto& cwd = container.working_dir.empty() ? input.image.working_dir : container.working_dir;
  out["cwd"] = cwd.empty() ? "/" : cwd;
  // Nothing inheritable: CVE-2022-24769.
  out["capabilities"] =
      json::object{{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}};
  out["noNewPrivileges"] = !is_privileged(container) && !container.security.allow_privilege_escalation.value_or(true);
  if (!input.app_armor.empty()) out["apparmorProfile"] = input.app_armor;
  const auto score = oom_score_adj(container.qos_class, container.resources, input.host);
  if (container.qos_class == "Guaranteed" && score != -997) {
    notes.push_back(fmt::format("oom_score_adj {} instead of -997: containerd has no CAP_SYS_RESOURCE", score));
  }
  out["oomScoreAdj"] = score;
  return out;
}

json::array namespaces(const SpecInput& input) {
  const auto& container = input.container;
  json::array out{json::object{{"type", "mount"}}};
  if (!container.host_ipc) {
    json::object ipc{{"type", "ipc"}};
    if (!input.ipc.ns.empty()) ipc["path"] = input.ipc.ns;
    out.emplace_back(std::move(ipc));
  }
  if (!container.hostname.empty()) out.emplace_back(json::object{{"type", "uts"}});
  if (!container.host_pid) out.emplace_back(json::object{{"type", "pid"}});
  if (!container.netns_path.empty()) {
    out.emplace_back(json::object{{"type", "network"}, {"path", container.netns_path}});
  }
  if (input.host.cgroup_v2 && !is_privileged(container)) out.emplace_back(json::object{{"type", "cgroup"}});
  return out;
}

json::object linux_part(const SpecInput& input) {
  const auto& container = input.container;
  json::object out;
  out["namespaces"] = namespaces(input);
  out["cgroupsPath"] = input.pod_cgroup + "/" + container_id(container.pod.uid, container.name, container.attempt);
  out["resources"] = oci_resources(container.resources, is_privileged(container), input.devices,
                                   {.swap = input.limits_swap, .version_2 = input.host.cgroup_v2});
  if (const auto propagation = root_propagation(container.mounts); !propagation.empty()) {
    out["rootfsPropagation"] = propagation;
  }
  if (!is_privileged(container) && container.security.proc_mount != "Unmasked") {
    out["maskedPaths"] = {"/proc/acpi",
                          "/proc/asound",
                          "/proc/kcore",
                          "/proc/keys",
                          "/proc/latency_stats",
                          "/proc/scsi",
                          "/proc/timer_stats",
                          "/proc/timer_list",
                          "/sys/firmware",
                          "/proc/sched_debug",
                          "/sys/devices/virtual/powercap"};
    out["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  }
  if (!container.pod_security.sysctls.empty()) {
    json::object sysctl;
    for (const auto& entry : container.pod_security.sysctls) sysctl[entry.name] = entry.value;
    out["sysctl"] = std::move(sysctl);
  }
  if (!input.devices.empty()) {
    json::array devices;
    for (const auto& device : input.devices) {
      devices.emplace_back(json::object{{"path", device.path},
                                        {"type", std::string(1, device.type)},
                                        {"major", device.major},
                                        {"minor", device.minor},
                                        {"fileMode", device.mode},
                                        {"uid", device.uid},
                                        {"gid", device.gid}});
    }
    out["devices"] = std::move(devices);
  }
  return out;
}

/// `object` as text with one more member, whose value is text already.
std::string with_member(const json::object& object, std::string_view name, std::string_view value) {
  auto text = json::serialize(object);
  text.pop_back();
  return fmt::format("{},\"{}\":{}}}", text, name, value);
}

}  // namespace

std::vector<std::string> container_argv(const ContainerSpec& container, const ImageConfig& image) {
  auto argv = container.command;
  auto rest = container.args;
  if (argv.empty()) {
    argv = image.entrypoint;
    if (rest.empty()) rest = image.cmd;
  }
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

std::vector<std::string> container_env(const ContainerSpec& container, const ImageConfig& image) {
  std::vector<std::string> env;
  for (const auto& variable : image.env) set_variable(env, variable, /*replace=*/true);
  if (!container.hostname.empty()) set_variable(env, "HOSTNAME=" + container.hostname, /*replace=*/true);
  for (const auto& variable : container.env) set_variable(env, variable, /*replace=*/true);
  set_variable(env, kPath, /*replace=*/false);
  if (container.tty) set_variable(env, "TERM=xterm", /*replace=*/false);
  return env;
}

Result<OciSpec> make_oci_spec(const SpecInput& input) {
  const auto& container = input.container;
  const auto argv = container_argv(container, input.image);
  if (argv.empty()) {
    return Error(ErrorCode::InvalidArgument, "no command: neither the container nor its image says what to run");
  }
  auto mounts = oci_mounts(container, input.host, input.ipc.shm);
  if (!mounts) return mounts.error();

  OciSpec spec;
  json::object out;
  out["ociVersion"] = "1.0.2";
  out["process"] = process(input, argv, spec.notes);
  out["root"] =
      json::object{{"path", "rootfs"}, {"readonly", container.security.read_only_root_filesystem.value_or(false)}};
  if (!container.hostname.empty()) out["hostname"] = container.hostname;
  out["mounts"] = *std::move(mounts);
  // One shim for all containers of a pod: 14 MB instead of 13 MB each.
  out["annotations"] = json::object{{"io.containerd.runc.v2.group", container.pod.uid}};

  // The filter is the bulk of a specification and is text already: no tree is made of it.
  const auto linux_object = linux_part(input);
  const auto linux_text =
      input.seccomp.empty() ? json::serialize(linux_object) : with_member(linux_object, "seccomp", input.seccomp);
  spec.json = with_member(out, "linux", linux_text);
  return spec;
}

Result<std::string> make_exec_process(std::string_view spec_json, const std::vector<std::string>& command,
                                      bool terminal) {
  const auto spec = parse_json(spec_json);
  if (!spec) return Error(ErrorCode::Internal, "read container specification: " + spec.error().message());
  const auto* own = find(*spec, {"process"});
  if (!own || !own->is_object()) return Error(ErrorCode::Internal, "read container specification: no process");
  auto out = own->get_object();
  out["args"] = to_array(command);
  out["terminal"] = terminal;
  return json::serialize(out);
}

std::int32_t oom_score_adj(const std::string& qos_class, const model::Resources& resources, const HostFacts& host) {
  std::int32_t score = 1000;
  if (qos_class == "Guaranteed") {
    score = -997;
  } else if (qos_class == "Burstable" && host.memory_bytes > 0) {
    const auto request = resources.requests.find("memory");
    const auto bytes = request == resources.requests.end() ? 0 : request->second.value();
    const auto share =
        static_cast<std::int64_t>(1000.0 * static_cast<double>(bytes) / static_cast<double>(host.memory_bytes));
    score = static_cast<std::int32_t>(std::clamp<std::int64_t>(1000 - share, 3, 999));
  }
  return std::max(score, host.oom_score_floor);
}

}  // namespace berth::runtime
