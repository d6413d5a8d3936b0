// cli/describe_node.cpp - how a node is described: its state, its pods and what they ask for.
#include <algorithm>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "model/quantity.hpp"

namespace berth::cli::page {

namespace {

constexpr std::int64_t kMebi = 1024 * 1024;

model::Quantity amount(const json::value& from, Path path) {
  const auto* value = find(from, path);
  return value == nullptr ? model::Quantity() : model::Quantity::parse(plain_text(*value)).value_or({});
}

/// What a pod asks for: the sum of its containers, or its largest init container when that is more.
std::int64_t asked(const json::value& pod, std::string_view which, std::string_view resource) {
  const auto of = [&](const json::value& container) {
    const auto quantity = amount(container, {"resources", which, resource});
    return resource == "cpu" ? quantity.milli() : quantity.value();
  };
  std::int64_t sum = 0;
  for (const auto& container : list(pod, {"spec", "containers"})) sum += of(container);
  for (const auto& container : list(pod, {"spec", "initContainers"})) sum = std::max(sum, of(container));
  return sum;
}

std::string cpu_text(std::int64_t milli) {
  return milli % 1000 == 0 ? std::to_string(milli / 1000) : fmt::format("{}m", milli);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes != 0 && bytes % kMebi == 0)
    return bytes % (1024 * kMebi) == 0 ? fmt::format("{}Gi", bytes / kMebi / 1024) : fmt::format("{}Mi", bytes / kMebi);
  if (bytes != 0 && bytes % 1024 == 0) return fmt::format("{}Ki", bytes / 1024);
  return std::to_string(bytes);
}

std::int64_t percent(std::int64_t part, std::int64_t whole) { return whole > 0 ? part * 100 / whole : 0; }

std::string roles(const json::value& object) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::vector<std::string> out;
  const auto* all = find(object, {"metadata", "labels"});
  if (all != nullptr && all->is_object()) {
    for (const auto& [key, value] : all->get_object()) {
      const std::string_view name(key.data(), key.size());
      if (name.starts_with(kPrefix)) out.emplace_back(name.substr(kPrefix.size()));
    }
  }
  std::sort(out.begin(), out.end());
  return out.empty() ? "<none>" : fmt::format("{}", fmt::join(out, ","));
}

void taints(std::string& out, const json::array& all) {
  out += "Taints:\t";
  if (all.empty()) out += "<none>\n";
  bool first = true;
  for (const auto& one : all) {
    const auto value = text(one, {"value"});
    out += fmt::format("{}{}{}{}:{}\n", first ? "" : "\t", text(one, {"key"}), value.empty() ? "" : "=", value,
                       text(one, {"effect"}));
    first = false;
  }
}

void amounts(std::string& out, std::string_view title, const json::value* values) {
  if (values == nullptr || !values->is_object() || values->get_object().empty()) return;
  out += fmt::format("{}:\n", title);
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, value] : values->get_object()) all.emplace_back(std::string(key), plain_text(value));
  std::sort(all.begin(), all.end());
  for (const auto& [key, value] : all) out += fmt::format("  {}:\t{}\n", key, value);
}

void system_info(std::string& out, const json::value& object) {
  out += "System Info:\n";
  for (const auto& [title, field] :
       {std::pair("Machine ID", "machineID"), std::pair("System UUID", "systemUUID"), std::pair("Boot ID", "bootID"),
        std::pair("Kernel Version", "kernelVersion"), std::pair("OS Image", "osImage"),
        std::pair("Operating System", "operatingSystem"), std::pair("Architecture", "architecture"),
        std::pair("Container Runtime Version", "containerRuntimeVersion"),
        std::pair("Kubelet Version", "kubeletVersion"), std::pair("Kube-Proxy Version", "kubeProxyVersion")}) {
    out += fmt::format("  {}:\t{}\n", title, text(object, {"status", "nodeInfo", field}));
  }
}

void pods_of(std::string& out, const json::value& object, const Related& related) {
  const auto cpu = amount(object, {"status", "allocatable", "cpu"}).milli();
  const auto memory = amount(object, {"status", "allocatable", "memory"}).value();
  std::vector<const json::value*> live;
  for (const auto& one : related.pods) {
    const auto phase = find_string(one, {"status", "phase"});
    if (phase != "Succeeded" && phase != "Failed") live.push_back(&one);
  }
  std::int64_t cpu_requests = 0, cpu_limits = 0, memory_requests = 0, memory_limits = 0;
  out += fmt::format("Non-terminated Pods:\t({} in total)\n", live.size());
  out += "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n";
  out += "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n";
  for (const auto* one : live) {
    const auto cr = asked(*one, "requests", "cpu"), cl = asked(*one, "limits", "cpu");
    const auto mr = asked(*one, "requests", "memory"), ml = asked(*one, "limits", "memory");
    cpu_requests += cr;
    cpu_limits += cl;
    memory_requests += mr;
    memory_limits += ml;
    out += fmt::format("  {}\t{}\t\t{} ({}%)\t{} ({}%)\t{} ({}%)\t{} ({}%)\t{}\n", namespace_of(*one), name_of(*one),
                       cpu_text(cr), percent(cr, cpu), cpu_text(cl), percent(cl, cpu), bytes_text(mr),
                       percent(mr, memory), bytes_text(ml), percent(ml, memory),
                       age_text(find_string(*one, {"metadata", "creationTimestamp"}), related.now));
  }
  out +=
      "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n  "
      "Resource\tRequests\tLimits\n  --------\t--------\t------\n";
  out += fmt::format("  cpu\t{} ({}%)\t{} ({}%)\n", cpu_text(cpu_requests), percent(cpu_requests, cpu),
                     cpu_text(cpu_limits), percent(cpu_limits, cpu));
  out += fmt::format("  memory\t{} ({}%)\t{} ({}%)\n", bytes_text(memory_requests), percent(memory_requests, memory),
                     bytes_text(memory_limits), percent(memory_limits, memory));
  out += "  ephemeral-storage\t0 (0%)\t0 (0%)\n";
}

}  // namespace

std::string node(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nRoles:\t{}\n", name_of(object), roles(object));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  out += fmt::format("CreationTimestamp:\t{}\n", rfc1123_time(text(object, {"metadata", "creationTimestamp"})));
  taints(out, list(object, {"spec", "taints"}));
  out += fmt::format("Unschedulable:\t{}\n", is_true(object, {"spec", "unschedulable"}));
  if (const auto& all = list(object, {"status", "conditions"}); !all.empty()) {
    out += "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n";
    out += "  ----\t------\t-----------------\t------------------\t------\t-------\n";
    for (const auto& one : all) {
      out +=
          fmt::format("  {} \t{} \t{} \t{} \t{} \t{}\n", text(one, {"type"}), text(one, {"status"}),
                      rfc1123_time(text(one, {"lastHeartbeatTime"})), rfc1123_time(text(one, {"lastTransitionTime"})),
                      text(one, {"reason"}), text(one, {"message"}));
    }
  }
  out += "Addresses:\n";
  for (const auto& address : list(object, {"status", "addresses"}))
    out += fmt::format("  {}:\t{}\n", text(address, {"type"}), text(address, {"address"}));
  amounts(out, "Capacity", find(object, {"status", "capacity"}));
  amounts(out, "Allocatable", find(object, {"status", "allocatable"}));
  system_info(out, object);
  if (const auto range = text(object, {"spec", "podCIDR"}); !range.empty()) out += fmt::format("PodCIDR:\t{}\n", range);
  if (const auto& ranges = list(object, {"spec", "podCIDRs"}); !ranges.empty())
    out += fmt::format("PodCIDRs:\t{}\n", joined(ranges, ","));
  pods_of(out, object, related);
  return out;
}

}  // namespace berth::cli::page
