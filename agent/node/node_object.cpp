// agent/node/node_object.cpp - see node_object.hpp.
#include "agent/node/node_object.hpp"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/atomic_file.hpp"
#include "runtime/platform.hpp"

namespace berth::agent {
namespace {

/// PRETTY_NAME of os-release(5).
std::string os_name() {
  const auto text = read_file("/etc/os-release").value_or("");
  constexpr std::string_view kKey = "PRETTY_NAME=\"";
  const auto begin = text.find(kKey);
  if (begin == std::string::npos) return "Linux";
  const auto from = begin + kKey.size();
  return text.substr(from, text.find('"', from) - from);
}

/// statvfs(3) of where images' writable layers, volumes and logs go.
std::uint64_t disk_kib(const std::filesystem::path& dir) {
  struct statvfs disk {};
  return ::statvfs(dir.c_str(), &disk) == 0 ? std::uint64_t{disk.f_blocks} * disk.f_frsize / 1024 : 0;
}

/// Which labels and taints came from the configuration, a line each: so that one that is taken out of it goes.
constexpr std::string_view kConfiguredAnnotation = "berth.io/configured";

std::string taint_name(const json::value& taint) {
  return "taint " + std::string(find_string(taint, {"key"})) + " " + std::string(find_string(taint, {"effect"}));
}

std::string configured_names(const Config& config) {
  std::string names;
  for (const auto& [key, value] : config.node_labels) names += "label " + key + "\n";
  for (const auto& taint : config.node_taints) names += "taint " + taint.key + " " + taint.effect + "\n";
  return names;
}

/// One line of a file of the kernel's or of systemd's, without its newline.
std::string line_of(const char* path) {
  auto text = read_file(path).value_or("");
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

/// The transition time of a condition that was there before with the same status, else `now`.
std::string transition_time(const json::array& old, std::string_view type, std::string_view status,
                            const std::string& now) {
  for (const auto& condition : old) {
    if (find_string(condition, {"type"}) != type || find_string(condition, {"status"}) != status) continue;
    return std::string(find_string(condition, {"lastTransitionTime"}, now));
  }
  return now;
}

json::array node_conditions(const NodeHealth& health, const json::array& old, WallTime wall) {
  const auto now = format_rfc3339(wall);
  json::array out;
  const auto add = [&](std::string_view type, bool status, std::string_view reason, std::string_view message) {
    const std::string_view text = status ? "True" : "False";
    out.push_back(json::object{{"type", type},
                               {"status", text},
                               {"lastHeartbeatTime", now},
                               {"lastTransitionTime", transition_time(old, type, text, now)},
                               {"reason", reason},
                               {"message", message}});
  };
  // The kubelet's words: dashboards know them.
  if (health.memory_pressure) {
    add("MemoryPressure", true, "KubeletHasInsufficientMemory", "less than 100Mi of memory is available");
  } else {
    add("MemoryPressure", false, "KubeletHasSufficientMemory", "sufficient memory is available");
  }
  if (health.disk_pressure) {
    add("DiskPressure", true, "KubeletHasDiskPressure", "less than 10% of the state directory's disk is available");
  } else {
    add("DiskPressure", false, "KubeletHasNoDiskPressure", "the state directory's disk has room");
  }
  if (health.pid_pressure) {
    add("PIDPressure", true, "KubeletHasInsufficientPID", "more than 75% of all process ids are in use");
  } else {
    add("PIDPressure", false, "KubeletHasSufficientPID", "sufficient process ids are available");
  }
  const bool cut_off = std::any_of(health.troubles.begin(), health.troubles.end(),
                                   [](const auto& each) { return each.type == kNetworkUnavailable; });
  if (health.among_others && !cut_off) {
    add(kNetworkUnavailable, false, "NoHostOutOfReach", "pods here are not known to be cut off from other hosts'");
  }
  for (const auto& each : health.troubles) add(each.type, true, each.reason, each.message);
  if (!health.runtime_error.empty()) {
    add("Ready", false, "RuntimeNotReady",
        "containerd is not usable, containers run on, none is started or stopped: " + health.runtime_error);
  } else if (!health.silent_shims.empty()) {
    add("Ready", false, "ShimsNotAnswering", health.silent_shims);
  } else {
    add("Ready", true, "AgentReady", "berthd is posting ready status");
  }
  return out;
}

}  // namespace

std::string silent_shims_sentence(const std::vector<model::HostProblem>& silent) {
  if (silent.empty()) return {};
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> named;
  for (const auto& each : silent) {
    if (named.size() == kNamed) {
      named.push_back(fmt::format("{} more", silent.size() - kNamed));
      break;
    }
    named.push_back(each.since ? fmt::format("{} since {}", each.subject, format_rfc3339(*each.since)) : each.subject);
  }
  return fmt::format(
      "containerd answers, and the shims of some pods do not: {}; their containers run on, none of them is started, "
      "stopped or looked at; other pods go on",
      fmt::join(named, ", "));
}

void merge_node(json::object& stored, const json::object& fresh) {
  // Values are taken out, changed and put back: an insertion into an object moves what references point to.
  const auto take_object = [](json::object& from, std::string_view key) {
    auto* value = from.if_contains(key);
    return value != nullptr && value->is_object() ? std::move(value->get_object()) : json::object();
  };
  auto meta = take_object(stored, "metadata");
  auto labels = take_object(meta, "labels");
  auto annotations = take_object(meta, "annotations");
  auto spec = take_object(stored, "spec");
  json::array taints;
  if (const auto* value = spec.if_contains("taints"); value != nullptr && value->is_array())
    taints = value->get_array();
  const auto drop_taint = [&taints](std::string_view name) {
    for (auto* it = taints.begin(); it != taints.end();) it = taint_name(*it) == name ? taints.erase(it) : it + 1;
  };

  // What an earlier configuration set and this one does not goes; what people added stays.
  const auto before = std::string(find_string(json::value(annotations), {kConfiguredAnnotation}));
  for (std::size_t at = 0; at < before.size();) {
    const auto end = std::min(before.find('\n', at), before.size());
    const auto name = before.substr(at, end - at);
    at = end + 1;
    if (name.starts_with("label ")) labels.erase(name.substr(6));
    drop_taint(name);
  }
  for (const auto& entry : fresh.at("metadata").at("labels").get_object()) labels[entry.key()] = entry.value();
  annotations[kConfiguredAnnotation] = fresh.at("metadata").at("annotations").at(kConfiguredAnnotation);
  if (const auto* ours = fresh.at("spec").get_object().if_contains("taints")) {
    for (const auto& taint : ours->get_array()) {
      drop_taint(taint_name(taint));
      taints.push_back(taint);
    }
  }
  spec["podCIDR"] = fresh.at("spec").at("podCIDR");
  spec["podCIDRs"] = fresh.at("spec").at("podCIDRs");
  spec.erase("taints");
  if (!taints.empty()) spec["taints"] = std::move(taints);
  meta["labels"] = std::move(labels);
  meta["annotations"] = std::move(annotations);
  stored["metadata"] = std::move(meta);
  stored["spec"] = std::move(spec);
}

json::object make_node_object(const Config& config, const std::string& address, const std::string& runtime_version,
                              WallTime now) {
  utsname system{};
  ::uname(&system);
  struct sysinfo memory {};
  ::sysinfo(&memory);
  const auto arch = runtime::host_platform().architecture;

  json::object labels{{"kubernetes.io/hostname", config.node_name},
                      {"kubernetes.io/arch", arch},
                      {"kubernetes.io/os", "linux"},
                      {"beta.kubernetes.io/arch", arch},
                      {"beta.kubernetes.io/os", "linux"}};
  for (const auto& [key, value] : config.node_labels) labels[key] = value;

  json::object spec{{"podCIDR", config.pod_cidr}, {"podCIDRs", json::array{json::value(config.pod_cidr)}}};
  json::array taints;
  for (const auto& taint : config.node_taints) {
    json::object entry{{"key", taint.key}, {"effect", taint.effect}};
    if (!taint.value.empty()) entry["value"] = taint.value;
    taints.push_back(std::move(entry));
  }
  if (!taints.empty()) spec["taints"] = std::move(taints);

  const auto total_kib = static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit / 1024;
  const json::object capacity{{"cpu", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
                              {"ephemeral-storage", fmt::format("{}Ki", disk_kib(config.state_dir))},
                              {"memory", fmt::format("{}Ki", total_kib)},
                              {"pods", "110"}};
  json::array addresses;
  // Where other hosts ask for logs and the like: the place where Kubernetes' API server finds a kubelet.
  const auto& cluster = config.cluster;
  addresses.push_back(json::object{{"type", "InternalIP"}, {"address", cluster ? cluster->advertise.host : address}});
  addresses.push_back(json::object{{"type", "Hostname"}, {"address", config.node_name}});

  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", config.node_name},
            {"labels", std::move(labels)},
            {"annotations", {{kConfiguredAnnotation, configured_names(config)}}}}},
          {"spec", std::move(spec)},
          {"status",
           {{"addresses", std::move(addresses)},
            {"capacity", capacity},
            {"allocatable", capacity},
            {"conditions", node_conditions({}, {}, now)},
            {"daemonEndpoints", {{"kubeletEndpoint", {{"Port", cluster ? cluster->advertise.port : 0}}}}},
            {"nodeInfo",
             {{"architecture", arch},
              {"operatingSystem", "linux"},
              {"osImage", os_name()},
              {"kernelVersion", system.release},
              {"kubeletVersion", "v1.32.0+berth." BERTH_VERSION},
              {"containerRuntimeVersion", runtime_version},
              {"kubeProxyVersion", ""},
              {"machineID", line_of("/etc/machine-id")},
              {"systemUUID", line_of("/sys/class/dmi/id/product_uuid")},
              {"bootID", line_of("/proc/sys/kernel/random/boot_id")}}}}}};
}

void update_node_status(json::object& node, const NodeHealth& health, const std::string& runtime_version,
                        WallTime now) {
  auto& status = node["status"];
  if (!status.is_object()) status = json::object();
  auto& fields = status.get_object();
  json::array old;
  if (const auto* value = fields.if_contains("conditions"); value != nullptr && value->is_array()) {
    old = value->get_array();
  }
  fields["conditions"] = node_conditions(health, old, now);
  if (runtime_version.empty()) return;
  auto& info = fields["nodeInfo"];
  if (!info.is_object()) info = json::object();
  info.get_object()["containerRuntimeVersion"] = runtime_version;
}

bool tells_of_network(const json::object& node) {
  const auto* status = node.if_contains("status");
  const auto* conditions = status == nullptr ? nullptr : find(*status, {"conditions"});
  if (conditions == nullptr || !conditions->is_array()) return false;
  const auto& all = conditions->get_array();
  return std::any_of(all.begin(), all.end(),
                     [](const auto& each) { return find_string(each, {"type"}) == kNetworkUnavailable; });
}

json::object make_node_lease(const std::string& node_name, WallTime now) {
  // Renewed each minute: three misses in a row mean that nobody is there.
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata", {{"name", node_name}, {"namespace", kNodeLeaseNamespace}}},
          {"spec",
           {{"holderIdentity", node_name},
            {"leaseDurationSeconds", 180},
            {"acquireTime", format_rfc3339_micro(now)},
            {"renewTime", format_rfc3339_micro(now)}}}};
}

}  // namespace berth::agent
