// cli/describe_sets.cpp - how StatefulSets, DaemonSets and Services are described.
#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/json_path.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"

namespace berth::cli::page {

namespace {

std::string selector(const json::value& object) {
  const auto* found = find(object, {"spec", "selector"});
  const auto out = found == nullptr ? std::string() : selector_text(*found);
  return out.empty() ? "<none>" : out;
}

void claim_templates(std::string& out, const json::array& all) {
  out += fmt::format("Volume Claims:{}\n", all.empty() ? "\t<none>" : "");
  for (const auto& one : all) {
    out += fmt::format("  Name:\t{}\n", name_of(one));
    out += fmt::format("  StorageClass:\t{}\n", text(one, {"spec", "storageClassName"}));
    labels(out, "  ", "Labels", find(one, {"metadata", "labels"}));
    labels(out, "  ", "Annotations", find(one, {"metadata", "annotations"}));
    out += fmt::format("  Capacity:\t{}\n", text(one, {"spec", "resources", "requests", "storage"}, "<default>"));
    out += fmt::format("  Access Modes:\t[{}]\n", joined(list(one, {"spec", "accessModes"}), " "));
  }
}

/// "10.98.0.4:80,10.98.0.5:80 + 2 more...", the ready addresses behind one port of a Service.
std::string endpoints_of(const Related& related, std::string_view port_name) {
  constexpr std::size_t kShown = 3;
  std::string out;
  std::size_t count = 0;
  for (const auto& object : related.endpoints) {
    for (const auto& subset : list(object, {"subsets"})) {
      for (const auto& port : list(subset, {"ports"})) {
        if (find_string(port, {"name"}) != port_name) continue;
        for (const auto& address : list(subset, {"addresses"})) {
          if (++count > kShown) continue;
          const auto ip = text(address, {"ip"});
          const bool is_v6 = ip.find(':') != std::string::npos;
          out += fmt::format("{}{}{}{}:{}", out.empty() ? "" : ",", is_v6 ? "[" : "", ip, is_v6 ? "]" : "",
                             number_at(port, {"port"}, 0));
        }
      }
    }
  }
  if (count > kShown) out += fmt::format(" + {} more...", count - kShown);
  return out.empty() ? "<none>" : out;
}

}  // namespace

std::string stateful_set(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  out += fmt::format("CreationTimestamp:\t{}\n", rfc1123_time(text(object, {"metadata", "creationTimestamp"})));
  out += fmt::format("Selector:\t{}\n", selector(object));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  out += fmt::format("Replicas:\t{} desired | {} total\n", number_at(object, {"spec", "replicas"}, 1),
                     number_at(object, {"status", "replicas"}, 0));
  out += fmt::format("Update Strategy:\t{}\n", text(object, {"spec", "updateStrategy", "type"}));
  if (const auto* partition = find(object, {"spec", "updateStrategy", "rollingUpdate", "partition"});
      partition != nullptr) {
    out += fmt::format("  Partition:\t{}\n", plain_text(*partition));
  }
  pods_status(out, related);
  const auto* pods = find(object, {"spec", "template"});
  pod_template(out, pods == nullptr ? json::value{} : *pods);
  claim_templates(out, list(object, {"spec", "volumeClaimTemplates"}));
  return out;
}

std::string daemon_set(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  out += fmt::format("Selector:\t{}\n", selector(object));
  out += fmt::format("Node-Selector:\t{}\n", label_text(find(object, {"spec", "template", "spec", "nodeSelector"})));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  for (const auto& [title, field] :
       {std::pair("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        std::pair("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        std::pair("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        std::pair("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        std::pair("Number of Nodes Misscheduled", "numberMisscheduled")}) {
    out += fmt::format("{}: {}\n", title, number_at(object, {"status", field}, 0));
  }
  pods_status(out, related);
  const auto* pods = find(object, {"spec", "template"});
  pod_template(out, pods == nullptr ? json::value{} : *pods);
  return out;
}

std::string service(const json::value& object, const Related& related) {
  std::string out;
  head(out, object, true);
  out += fmt::format("Selector:\t{}\n", label_text(find(object, {"spec", "selector"})));
  out += fmt::format("Type:\t{}\n", text(object, {"spec", "type"}));
  if (const auto policy = text(object, {"spec", "ipFamilyPolicy"}); !policy.empty())
    out += fmt::format("IP Family Policy:\t{}\n", policy);
  const auto& families = list(object, {"spec", "ipFamilies"});
  out += fmt::format("IP Families:\t{}\n", families.empty() ? "<none>" : joined(families, ","));
  out += fmt::format("IP:\t{}\n", text(object, {"spec", "clusterIP"}));
  const auto& addresses = list(object, {"spec", "clusterIPs"});
  out += fmt::format("IPs:\t{}\n", addresses.empty() ? "<none>" : joined(addresses, ","));
  if (const auto& external = list(object, {"spec", "externalIPs"}); !external.empty())
    out += fmt::format("External IPs:\t{}\n", joined(external, ","));
  if (const auto name = text(object, {"spec", "externalName"}); !name.empty())
    out += fmt::format("External Name:\t{}\n", name);
  for (const auto& port : list(object, {"spec", "ports"})) {
    const auto protocol = text(port, {"protocol"}, "TCP");
    const auto name = text(port, {"name"}, "<unset>");
    out += fmt::format("Port:\t{}\t{}/{}\n", name, number_at(port, {"port"}, 0), protocol);
    out += fmt::format("TargetPort:\t{}/{}\n", text(port, {"targetPort"}, text(port, {"port"})), protocol);
    if (const auto node_port = number_at(port, {"nodePort"}, 0); node_port != 0)
      out += fmt::format("NodePort:\t{}\t{}/{}\n", name, node_port, protocol);
    out += fmt::format("Endpoints:\t{}\n", endpoints_of(related, find_string(port, {"name"})));
  }
  out += fmt::format("Session Affinity:\t{}\n", text(object, {"spec", "sessionAffinity"}));
  if (const auto policy = text(object, {"spec", "externalTrafficPolicy"}); !policy.empty())
    out += fmt::format("External Traffic Policy:\t{}\n", policy);
  if (const auto policy = text(object, {"spec", "internalTrafficPolicy"}); !policy.empty())
    out += fmt::format("Internal Traffic Policy:\t{}\n", policy);
  if (const auto port = number_at(object, {"spec", "healthCheckNodePort"}, 0); port != 0)
    out += fmt::format("HealthCheck NodePort:\t{}\n", port);
  if (const auto& ranges = list(object, {"spec", "loadBalancerSourceRanges"}); !ranges.empty())
    out += fmt::format("LoadBalancer Source Ranges:\t{}\n", joined(ranges, ","));
  return out;
}

}  // namespace berth::cli::page
