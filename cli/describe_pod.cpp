// cli/describe_pod.cpp - how a pod, its containers and a pod template are described.
#include <algorithm>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/event_text.hpp"
#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli::page {

namespace {

const json::value* named(const json::array& statuses, std::string_view name) {
  for (const auto& status : statuses) {
    if (find_string(status, {"name"}) == name) return &status;
  }
  return nullptr;
}

void state(std::string& out, std::string_view title, const json::value* value) {
  if (value != nullptr && find(*value, {"running"}) != nullptr) {
    out += fmt::format("    {}:\tRunning\n      Started:\t{}\n", title,
                       rfc1123_time(text(*value, {"running", "startedAt"})));
    return;
  }
  const auto* ended = value == nullptr ? nullptr : find(*value, {"terminated"});
  if (ended == nullptr) {
    out += fmt::format("    {}:\tWaiting\n", title);
    const auto reason = value == nullptr ? std::string() : text(*value, {"waiting", "reason"});
    if (!reason.empty()) out += fmt::format("      Reason:\t{}\n", reason);
    // kubectl keeps the message to itself; why a pod does not run is what people look for here.
    const auto message = value == nullptr ? std::string() : text(*value, {"waiting", "message"});
    if (!message.empty()) out += fmt::format("      Message:\t{}\n", message);
    return;
  }
  out += fmt::format("    {}:\tTerminated\n", title);
  if (const auto reason = text(*ended, {"reason"}); !reason.empty()) out += fmt::format("      Reason:\t{}\n", reason);
  if (const auto message = text(*ended, {"message"}); !message.empty())
    out += fmt::format("      Message:\t{}\n", message);
  out += fmt::format("      Exit Code:\t{}\n", number_at(*ended, {"exitCode"}, 0));
  if (const auto signal = number_at(*ended, {"signal"}, 0); signal > 0)
    out += fmt::format("      Signal:\t{}\n", signal);
  out += fmt::format("      Started:\t{}\n", rfc1123_time(text(*ended, {"startedAt"})));
  out += fmt::format("      Finished:\t{}\n", rfc1123_time(text(*ended, {"finishedAt"})));
}

/// What a downward field of this pod says; empty without a pod.
std::string field_value(const json::value* pod, std::string_view path) {
  if (pod == nullptr) return {};
  const auto found = JsonPath::parse_relaxed(path);
  return found ? one_line(found->print(*pod)) : std::string();
}

std::string env_line(const json::value& entry, const json::value* pod) {
  const auto name = text(entry, {"name"});
  const auto optional = [&](const json::value& key) { return is_true(key, {"optional"}) ? "true" : "false"; };
  if (const auto* key = find(entry, {"valueFrom", "configMapKeyRef"}); key != nullptr) {
    return fmt::format("{}:\t<set to the key '{}' of config map '{}'>\tOptional: {}\n", name, text(*key, {"key"}),
                       text(*key, {"name"}), optional(*key));
  }
  if (const auto* key = find(entry, {"valueFrom", "secretKeyRef"}); key != nullptr) {
    return fmt::format("{}:\t<set to the key '{}' in secret '{}'>\tOptional: {}\n", name, text(*key, {"key"}),
                       text(*key, {"name"}), optional(*key));
  }
  if (const auto* field = find(entry, {"valueFrom", "fieldRef"}); field != nullptr) {
    const auto path = text(*field, {"fieldPath"});
    return fmt::format("{}:\t{} ({}:{})\n", name, field_value(pod, path), text(*field, {"apiVersion"}, "v1"), path);
  }
  if (const auto* field = find(entry, {"valueFrom", "resourceFieldRef"}); field != nullptr) {
    return fmt::format("{}:\t({})\n", name, text(*field, {"resource"}));
  }
  return fmt::format("{}:\t{}\n", name, text(entry, {"value"}));
}

std::string probe_text(const json::value& probe) {
  const auto attributes = fmt::format(
      "delay={}s timeout={}s period={}s #success={} #failure={}", number_at(probe, {"initialDelaySeconds"}, 0),
      number_at(probe, {"timeoutSeconds"}, 1), number_at(probe, {"periodSeconds"}, 10),
      number_at(probe, {"successThreshold"}, 1), number_at(probe, {"failureThreshold"}, 3));
  if (find(probe, {"exec"}) != nullptr)
    return fmt::format("exec [{}] {}", joined(list(probe, {"exec", "command"}), " "), attributes);
  if (const auto* get = find(probe, {"httpGet"}); get != nullptr) {
    auto scheme = text(*get, {"scheme"}, "HTTP");
    for (auto& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return fmt::format("http-get {}://{}:{}{} {}", scheme, text(*get, {"host"}), text(*get, {"port"}),
                       text(*get, {"path"}), attributes);
  }
  if (const auto* tcp = find(probe, {"tcpSocket"}); tcp != nullptr) {
    return fmt::format("tcp-socket {}:{} {}", text(*tcp, {"host"}), text(*tcp, {"port"}), attributes);
  }
  if (const auto* grpc = find(probe, {"grpc"}); grpc != nullptr) {
    return fmt::format("grpc <pod>:{} {} {}", text(*grpc, {"port"}), text(*grpc, {"service"}), attributes);
  }
  return fmt::format("unknown {}", attributes);
}

void ports(std::string& out, const json::value& spec) {
  std::string own;
  std::string of_host;
  for (const auto& port : list(spec, {"ports"})) {
    const auto protocol = text(port, {"protocol"}, "TCP");
    own += fmt::format("{}{}/{}", own.empty() ? "" : ", ", text(port, {"containerPort"}), protocol);
    of_host += fmt::format("{}{}/{}", of_host.empty() ? "" : ", ", number_at(port, {"hostPort"}, 0), protocol);
  }
  const auto plural = own.find(',') != std::string::npos ? "s" : "";
  out += fmt::format("    Port{}:\t{}\n", plural, own.empty() ? "<none>" : own);
  out += fmt::format("    Host Port{}:\t{}\n", plural, of_host.empty() ? "<none>" : of_host);
}

void words(std::string& out, std::string_view title, const json::array& all) {
  if (all.empty()) return;
  out += fmt::format("    {}:\n", title);
  for (const auto& word : all) {
    const auto whole = plain_text(word);
    std::string_view rest = whole;
    while (true) {
      const auto end = std::min(rest.find('\n'), rest.size());
      out += fmt::format("      {}\n", one_line(rest.substr(0, end)));
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
  }
}

void amounts(std::string& out, std::string_view title, const json::value* values) {
  if (values == nullptr || !values->is_object() || values->get_object().empty()) return;
  out += fmt::format("    {}:\n", title);
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, value] : values->get_object()) all.emplace_back(std::string(key), plain_text(value));
  std::sort(all.begin(), all.end());
  for (const auto& [key, value] : all) out += fmt::format("      {}:\t{}\n", key, value);
}

void env_from(std::string& out, const json::array& all) {
  if (all.empty()) return;
  out += "    Environment Variables from:\n";
  for (const auto& one : all) {
    for (const auto& [key, title] : {std::pair("configMapRef", "ConfigMap"), std::pair("secretRef", "Secret")}) {
      const auto* from = find(one, {key});
      if (from == nullptr) continue;
      const auto prefix = text(one, {"prefix"});
      out += fmt::format("      {}\t{}{}\tOptional: {}\n", text(*from, {"name"}), title,
                         prefix.empty() ? "" : fmt::format(" with prefix '{}'", prefix), is_true(*from, {"optional"}));
    }
  }
}

void mounts(std::string& out, const json::array& all) {
  out += fmt::format("    Mounts:{}\n", all.empty() ? "\t<none>" : "");
  std::vector<const json::value*> sorted;
  for (const auto& mount : all) sorted.push_back(&mount);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return find_string(*a, {"mountPath"}) < find_string(*b, {"mountPath"});
  });
  for (const auto* mount : sorted) {
    const auto sub_path = text(*mount, {"subPath"});
    out += fmt::format("      {} from {} ({}{})\n", text(*mount, {"mountPath"}), text(*mount, {"name"}),
                       is_true(*mount, {"readOnly"}) ? "ro" : "rw",
                       sub_path.empty() ? "" : fmt::format(",path=\"{}\"", sub_path));
  }
}

void container(std::string& out, std::string_view indent, const json::value& spec, const json::value* status,
               const json::value* pod) {
  out += fmt::format("  {}{}:\n", indent.empty() ? "" : " ", text(spec, {"name"}));
  if (status != nullptr) out += fmt::format("    Container ID:\t{}\n", text(*status, {"containerID"}));
  out += fmt::format("    Image:\t{}\n", text(spec, {"image"}));
  if (status != nullptr) out += fmt::format("    Image ID:\t{}\n", text(*status, {"imageID"}));
  ports(out, spec);
  words(out, "Command", list(spec, {"command"}));
  words(out, "Args", list(spec, {"args"}));
  if (status != nullptr) {
    state(out, "State", find(*status, {"state"}));
    const auto* last = find(*status, {"lastState"});
    if (last != nullptr && find(*last, {"terminated"}) != nullptr) state(out, "Last State", last);
    out += fmt::format("    Ready:\t{}\n", is_true(*status, {"ready"}) ? "True" : "False");
    out += fmt::format("    Restart Count:\t{}\n", number_at(*status, {"restartCount"}, 0));
  }
  amounts(out, "Limits", find(spec, {"resources", "limits"}));
  amounts(out, "Requests", find(spec, {"resources", "requests"}));
  for (const auto& [key, title] : {std::pair("livenessProbe", "Liveness"), std::pair("readinessProbe", "Readiness"),
                                   std::pair("startupProbe", "Startup")}) {
    if (const auto* probe = find(spec, {key}); probe != nullptr)
      out += fmt::format("    {}:\t{}\n", title, probe_text(*probe));
  }
  env_from(out, list(spec, {"envFrom"}));
  const auto& env = list(spec, {"env"});
  out += fmt::format("    Environment:{}\n", env.empty() ? "\t<none>" : "");
  for (const auto& entry : env) out += "      " + env_line(entry, pod);
  mounts(out, list(spec, {"volumeMounts"}));
}

}  // namespace

void containers(std::string& out, std::string_view indent, std::string_view title, const json::array& specs,
                const json::array& statuses, const json::value* pod) {
  out += fmt::format("{}{}:{}\n", indent, title, specs.empty() ? " <none>" : "");
  for (const auto& spec : specs) container(out, indent, spec, named(statuses, find_string(spec, {"name"})), pod);
}

void pod_template(std::string& out, const json::value& from) {
  out += "Pod Template:\n";
  labels(out, "  ", "Labels", find(from, {"metadata", "labels"}));
  const auto* notes = find(from, {"metadata", "annotations"});
  if (notes != nullptr && notes->is_object() && !notes->get_object().empty())
    annotations(out, "  ", "Annotations", notes);
  if (const auto account = text(from, {"spec", "serviceAccountName"}); !account.empty())
    out += fmt::format("  Service Account:\t{}\n", account);
  const auto& init = list(from, {"spec", "initContainers"});
  if (!init.empty()) containers(out, "  ", "Init Containers", init, {}, nullptr);
  containers(out, "  ", "Containers", list(from, {"spec", "containers"}), {}, nullptr);
  volumes(out, "  ", list(from, {"spec", "volumes"}));
  if (const auto priority = text(from, {"spec", "priorityClassName"}); !priority.empty())
    out += fmt::format("  Priority Class Name:\t{}\n", priority);
  labels(out, "  ", "Node-Selectors", find(from, {"spec", "nodeSelector"}));
  tolerations(out, "  ", list(from, {"spec", "tolerations"}));
}

std::string pod(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  if (const auto* priority = find(object, {"spec", "priority"}); priority != nullptr)
    out += fmt::format("Priority:\t{}\n", plain_text(*priority));
  if (const auto name = text(object, {"spec", "priorityClassName"}); !name.empty())
    out += fmt::format("Priority Class Name:\t{}\n", name);
  if (const auto account = text(object, {"spec", "serviceAccountName"}); !account.empty())
    out += fmt::format("Service Account:\t{}\n", account);
  const auto node = text(object, {"spec", "nodeName"});
  out += node.empty() ? "Node:\t<none>\n" : fmt::format("Node:\t{}/{}\n", node, text(object, {"status", "hostIP"}));
  if (const auto start = text(object, {"status", "startTime"}); !start.empty())
    out += fmt::format("Start Time:\t{}\n", rfc1123_time(start));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  const auto phase = text(object, {"status", "phase"});
  if (const auto deleted = text(object, {"metadata", "deletionTimestamp"});
      !deleted.empty() && phase != "Failed" && phase != "Succeeded") {
    out +=
        fmt::format("Status:\tTerminating (lasts {})\nTermination Grace Period:\t{}s\n", age_text(deleted, related.now),
                    number_at(object, {"metadata", "deletionGracePeriodSeconds"}, 0));
  } else {
    out += fmt::format("Status:\t{}\n", phase);
  }
  for (const auto& [key, title] : {std::pair("reason", "Reason"), std::pair("message", "Message")}) {
    if (const auto value = text(object, {"status", key}); !value.empty()) out += fmt::format("{}:\t{}\n", title, value);
  }
  if (const auto profile = text(object, {"spec", "securityContext", "seccompProfile", "type"}); !profile.empty())
    out += fmt::format("SeccompProfile:\t{}\n", profile);
  out += fmt::format("IP:\t{}\n", text(object, {"status", "podIP"}));
  const auto& addresses = list(object, {"status", "podIPs"});
  out += addresses.empty() ? "IPs:\t<none>\n" : "IPs:\n";
  for (const auto& address : addresses) out += fmt::format("  IP:\t{}\n", text(address, {"ip"}));
  for (const auto& owner : list(object, {"metadata", "ownerReferences"})) {
    if (is_true(owner, {"controller"}))
      out += fmt::format("Controlled By:\t{}/{}\n", text(owner, {"kind"}), text(owner, {"name"}));
  }
  const auto& init = list(object, {"spec", "initContainers"});
  if (!init.empty())
    containers(out, "", "Init Containers", init, list(object, {"status", "initContainerStatuses"}), &object);
  containers(out, "", "Containers", list(object, {"spec", "containers"}), list(object, {"status", "containerStatuses"}),
             &object);
  if (const auto& all = list(object, {"status", "conditions"}); !all.empty()) {
    out += "Conditions:\n  Type\tStatus\n";
    for (const auto& condition : all)
      out += fmt::format("  {} \t{} \n", text(condition, {"type"}), text(condition, {"status"}));
  }
  volumes(out, "", list(object, {"spec", "volumes"}));
  out += fmt::format("QoS Class:\t{}\n", text(object, {"status", "qosClass"}));
  labels(out, "", "Node-Selectors", find(object, {"spec", "nodeSelector"}));
  tolerations(out, "", list(object, {"spec", "tolerations"}));
  return out;
}

}  // namespace berth::cli::page
