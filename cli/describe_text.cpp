// cli/describe_text.cpp - one object as readable text.
#include "cli/describe_text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "cli/table_text.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

namespace {

using model::Kind;
using Path = std::initializer_list<std::string_view>;

std::string plain(const json::value& value) {
  return value.is_string() ? std::string(view(value.get_string())) : json::serialize(value);
}

std::string text(const json::value& from, Path path, std::string_view fallback = "<none>") {
  const auto* value = find(from, path);
  if (value == nullptr || value->is_null()) return std::string(fallback);
  auto out = plain(*value);
  return out.empty() ? std::string(fallback) : out;
}

const json::array& list(const json::value& from, Path path) {
  static const json::array kEmpty;
  const auto* value = find(from, path);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

/// Lines of "Label:   value", the values aligned within one level.
class Page {
 public:
  std::string out;

  static std::size_t column_of(std::size_t indent) { return indent < 4 ? 18 : 20; }

  void line(std::size_t indent, std::string_view label, std::string_view value) {
    const auto column = column_of(indent);
    out.append(indent, ' ');
    out += fmt::format("{}:", label);
    const auto used = indent + label.size() + 1;
    if (!value.empty()) {
      out.append(used < column ? column - used : 1, ' ');
      out += value;
    }
    out += '\n';
  }

  /// A map, one pair a line: `a=1`.
  void pairs(std::size_t indent, std::string_view label, const json::value* map, std::string_view between) {
    std::vector<std::string> terms;
    if (map != nullptr && map->is_object()) {
      for (const auto& [key, value] : map->get_object()) {
        const std::string_view name(key.data(), key.size());
        if (name == "kubectl.kubernetes.io/last-applied-configuration") continue;
        terms.push_back(fmt::format("{}{}{}", name, between, plain(value)));
      }
    }
    std::sort(terms.begin(), terms.end());
    if (terms.empty()) return line(indent, label, "<none>");
    line(indent, label, terms[0]);
    const auto column = column_of(indent);
    for (std::size_t i = 1; i < terms.size(); ++i) {
      out.append(column, ' ');
      out += terms[i] + "\n";
    }
  }
};

std::string joined(const json::array& values, std::string_view separator) {
  std::string out;
  for (const auto& value : values) {
    if (!out.empty()) out += separator;
    out += plain(value);
  }
  return out.empty() ? "<none>" : out;
}

void state(Page& page, std::string_view label, const json::value* value) {
  if (value == nullptr || !value->is_object() || value->get_object().empty()) return;
  const auto& [name, detail] = *value->get_object().begin();
  std::string title(name.data(), name.size());
  title[0] = static_cast<char>(title[0] - 'a' + 'A');
  page.line(4, label, title);
  for (const auto& [key, shown] :
       {std::pair("reason", "Reason"), std::pair("message", "Message"), std::pair("exitCode", "Exit Code"),
        std::pair("signal", "Signal"), std::pair("startedAt", "Started"), std::pair("finishedAt", "Finished")}) {
    const auto entry = text(detail, {key}, "");
    if (!entry.empty() && entry != "0") page.line(6, shown, entry);
    if (entry == "0" && std::string_view(key) == "exitCode") page.line(6, shown, entry);
  }
}

const json::value* named(const json::array& statuses, std::string_view name) {
  for (const auto& status : statuses) {
    if (find_string(status, {"name"}) == name) return &status;
  }
  return nullptr;
}

std::string env_value(const json::value& entry) {
  if (const auto* key = find(entry, {"valueFrom", "configMapKeyRef"}); key != nullptr) {
    return fmt::format("<set to the key '{}' of config map '{}'>", text(*key, {"key"}), text(*key, {"name"}));
  }
  if (const auto* key = find(entry, {"valueFrom", "secretKeyRef"}); key != nullptr) {
    return fmt::format("<set to the key '{}' in secret '{}'>", text(*key, {"key"}), text(*key, {"name"}));
  }
  if (find(entry, {"valueFrom", "fieldRef"}) != nullptr) {
    return fmt::format("({}:{})", text(entry, {"valueFrom", "fieldRef", "apiVersion"}, "v1"),
                       text(entry, {"valueFrom", "fieldRef", "fieldPath"}));
  }
  return text(entry, {"value"}, "");
}

std::string probe_text(const json::value& probe) {
  std::string action = "unknown";
  if (find(probe, {"exec"}) != nullptr)
    action = fmt::format("exec [{}]", joined(list(probe, {"exec", "command"}), " "));
  if (find(probe, {"httpGet"}) != nullptr) {
    action = fmt::format("http-get {}://{}:{}{}", text(probe, {"httpGet", "scheme"}, "HTTP"),
                         text(probe, {"httpGet", "host"}, ""), text(probe, {"httpGet", "port"}),
                         text(probe, {"httpGet", "path"}, "/"));
  }
  if (find(probe, {"tcpSocket"}) != nullptr) action = fmt::format("tcp-socket :{}", text(probe, {"tcpSocket", "port"}));
  if (find(probe, {"grpc"}) != nullptr) action = fmt::format("grpc <pod>:{}", text(probe, {"grpc", "port"}));
  return fmt::format("{} delay={}s timeout={}s period={}s #success={} #failure={}", action,
                     text(probe, {"initialDelaySeconds"}, "0"), text(probe, {"timeoutSeconds"}, "1"),
                     text(probe, {"periodSeconds"}, "10"), text(probe, {"successThreshold"}, "1"),
                     text(probe, {"failureThreshold"}, "3"));
}

void container(Page& page, const json::value& spec, const json::value* status) {
  page.line(2, text(spec, {"name"}), "");
  if (status != nullptr) page.line(4, "Container ID", text(*status, {"containerID"}, ""));
  page.line(4, "Image", text(spec, {"image"}));
  if (status != nullptr) page.line(4, "Image ID", text(*status, {"imageID"}, ""));
  std::string ports;
  for (const auto& port : list(spec, {"ports"})) {
    ports += fmt::format("{}{}/{}", ports.empty() ? "" : ", ", text(port, {"containerPort"}),
                         text(port, {"protocol"}, "TCP"));
  }
  page.line(4, "Port", ports.empty() ? "<none>" : ports);
  for (const auto& [key, label] : {std::pair("command", "Command"), std::pair("args", "Args")}) {
    if (list(spec, {key}).empty()) continue;
    page.line(4, label, "");
    for (const auto& word : list(spec, {key})) page.out += fmt::format("      {}\n", plain(word));
  }
  if (status != nullptr) {
    state(page, "State", find(*status, {"state"}));
    state(page, "Last State", find(*status, {"lastState"}));
    page.line(4, "Ready", text(*status, {"ready"}) == "true" ? "True" : "False");
    page.line(4, "Restart Count", text(*status, {"restartCount"}, "0"));
  }
  for (const auto& [key, label] : {std::pair("limits", "Limits"), std::pair("requests", "Requests")}) {
    const auto* values = find(spec, {"resources", key});
    if (values == nullptr || !values->is_object() || values->get_object().empty()) continue;
    page.line(4, label, "");
    for (const auto& [name, value] : values->get_object()) {
      page.line(6, std::string_view(name.data(), name.size()), plain(value));
    }
  }
  for (const auto& [key, label] : {std::pair("livenessProbe", "Liveness"), std::pair("readinessProbe", "Readiness"),
                                   std::pair("startupProbe", "Startup")}) {
    if (const auto* probe = find(spec, {key}); probe != nullptr) page.line(4, label, probe_text(*probe));
  }
  page.line(4, "Environment", list(spec, {"env"}).empty() ? "<none>" : "");
  for (const auto& entry : list(spec, {"env"})) page.line(6, text(entry, {"name"}), env_value(entry));
  page.line(4, "Mounts", list(spec, {"volumeMounts"}).empty() ? "<none>" : "");
  for (const auto& mount : list(spec, {"volumeMounts"})) {
    const auto sub_path = text(mount, {"subPath"}, "");
    page.out += fmt::format("      {} from {} ({}{})\n", text(mount, {"mountPath"}), text(mount, {"name"}),
                            text(mount, {"readOnly"}, "false") == "true" ? "ro" : "rw",
                            sub_path.empty() ? "" : fmt::format(",path=\"{}\"", sub_path));
  }
}

void containers(Page& page, std::string_view label, const json::array& specs, const json::array& statuses) {
  if (specs.empty()) return;
  page.line(0, label, "");
  for (const auto& spec : specs) container(page, spec, named(statuses, find_string(spec, {"name"})));
}

void volumes(Page& page, const json::array& all) {
  page.line(0, "Volumes", all.empty() ? "<none>" : "");
  for (const auto& volume : all) {
    page.line(2, text(volume, {"name"}), "");
    if (!volume.is_object()) continue;
    for (const auto& [key, detail] : volume.get_object()) {
      const std::string_view type(key.data(), key.size());
      if (type == "name") continue;
      page.line(4, "Type", type);
      if (!detail.is_object()) continue;
      for (const auto& [name, value] : detail.get_object()) {
        page.line(4, std::string_view(name.data(), name.size()), plain(value));
      }
    }
  }
}

void conditions(Page& page, const json::array& all) {
  if (all.empty()) return;
  page.line(0, "Conditions", "");
  page.out += fmt::format("  {:<18}{:<9}{:<26}{}\n", "Type", "Status", "Reason", "Message");
  for (const auto& condition : all) {
    page.out += fmt::format("  {:<18}{:<9}{:<26}{}\n", text(condition, {"type"}), text(condition, {"status"}),
                            text(condition, {"reason"}, ""), text(condition, {"message"}, ""));
  }
}

void pod(Page& page, const json::value& object) {
  page.line(0, "Node", text(object, {"spec", "nodeName"}));
  page.line(0, "Start Time", text(object, {"status", "startTime"}, ""));
  const auto phase = text(object, {"status", "phase"}, "Pending");
  const auto deleted = text(object, {"metadata", "deletionTimestamp"}, "");
  page.line(0, "Status", deleted.empty() ? phase : fmt::format("Terminating (until {})", deleted));
  for (const auto& [key, label] : {std::pair("reason", "Reason"), std::pair("message", "Message")}) {
    if (const auto value = text(object, {"status", key}, ""); !value.empty()) page.line(0, label, value);
  }
  page.line(0, "IP", text(object, {"status", "podIP"}, ""));
  for (const auto& owner : list(object, {"metadata", "ownerReferences"})) {
    if (text(owner, {"controller"}) == "true") {
      page.line(0, "Controlled By", fmt::format("{}/{}", text(owner, {"kind"}), text(owner, {"name"})));
    }
  }
  containers(page, "Init Containers", list(object, {"spec", "initContainers"}),
             list(object, {"status", "initContainerStatuses"}));
  containers(page, "Containers", list(object, {"spec", "containers"}), list(object, {"status", "containerStatuses"}));
  conditions(page, list(object, {"status", "conditions"}));
  volumes(page, list(object, {"spec", "volumes"}));
  page.line(0, "QoS Class", text(object, {"status", "qosClass"}));
  page.pairs(0, "Node-Selectors", find(object, {"spec", "nodeSelector"}), "=");
}

void pod_template(Page& page, const json::value& object) {
  page.line(0, "Pod Template", "");
  page.pairs(2, "Labels", find(object, {"spec", "template", "metadata", "labels"}), "=");
  containers(page, "  Init Containers", list(object, {"spec", "template", "spec", "initContainers"}), {});
  containers(page, "  Containers", list(object, {"spec", "template", "spec", "containers"}), {});
  volumes(page, list(object, {"spec", "template", "spec", "volumes"}));
}

void stateful_set(Page& page, const json::value& object) {
  page.pairs(0, "Selector", find(object, {"spec", "selector", "matchLabels"}), "=");
  page.line(0, "Replicas",
            fmt::format("{} desired | {} total | {} ready", text(object, {"spec", "replicas"}, "1"),
                        text(object, {"status", "replicas"}, "0"), text(object, {"status", "readyReplicas"}, "0")));
  page.line(0, "Update Strategy", text(object, {"spec", "updateStrategy", "type"}));
  page.line(0, "Service Name", text(object, {"spec", "serviceName"}));
  pod_template(page, object);
  const auto& claims = list(object, {"spec", "volumeClaimTemplates"});
  page.line(0, "Volume Claims", claims.empty() ? "<none>" : "");
  for (const auto& claim : claims) {
    page.line(2, "Name", text(claim, {"metadata", "name"}));
    page.line(2, "StorageClass", text(claim, {"spec", "storageClassName"}, ""));
    page.line(2, "Capacity", text(claim, {"spec", "resources", "requests", "storage"}));
    page.line(2, "Access Modes", fmt::format("[{}]", joined(list(claim, {"spec", "accessModes"}), " ")));
  }
}

void daemon_set(Page& page, const json::value& object) {
  page.pairs(0, "Selector", find(object, {"spec", "selector", "matchLabels"}), "=");
  page.pairs(0, "Node-Selector", find(object, {"spec", "template", "spec", "nodeSelector"}), "=");
  page.line(0, "Desired", text(object, {"status", "desiredNumberScheduled"}, "0"));
  page.line(0, "Current", text(object, {"status", "currentNumberScheduled"}, "0"));
  page.line(0, "Up-to-date", text(object, {"status", "updatedNumberScheduled"}, "0"));
  page.line(0, "Ready", text(object, {"status", "numberReady"}, "0"));
  page.line(0, "Misscheduled", text(object, {"status", "numberMisscheduled"}, "0"));
  pod_template(page, object);
}

void service(Page& page, const json::value& object) {
  page.pairs(0, "Selector", find(object, {"spec", "selector"}), "=");
  page.line(0, "Type", text(object, {"spec", "type"}));
  page.line(0, "IP", text(object, {"spec", "clusterIP"}));
  for (const auto& port : list(object, {"spec", "ports"})) {
    page.line(0, "Port",
              fmt::format("{} {}/{}", text(port, {"name"}, "<unset>"), text(port, {"port"}),
                          text(port, {"protocol"}, "TCP")));
    page.line(0, "TargetPort", fmt::format("{}/{}", text(port, {"targetPort"}), text(port, {"protocol"}, "TCP")));
    if (const auto node_port = text(port, {"nodePort"}, ""); !node_port.empty()) page.line(0, "NodePort", node_port);
  }
  page.line(0, "Session Affinity", text(object, {"spec", "sessionAffinity"}, "None"));
}

void claim(Page& page, const json::value& object) {
  page.line(0, "StorageClass", text(object, {"spec", "storageClassName"}, ""));
  page.line(0, "Status",
            text(object, {"metadata", "deletionTimestamp"}, "").empty() ? text(object, {"status", "phase"}, "")
                                                                        : "Terminating");
  page.line(0, "Volume", text(object, {"spec", "volumeName"}, ""));
  page.line(0, "Finalizers", fmt::format("[{}]", joined(list(object, {"metadata", "finalizers"}), " ")));
  page.line(0, "Capacity", text(object, {"status", "capacity", "storage"}, ""));
  page.line(0, "Requested", text(object, {"spec", "resources", "requests", "storage"}, ""));
  page.line(0, "Access Modes", joined(list(object, {"spec", "accessModes"}), ","));
  page.line(0, "VolumeMode", text(object, {"spec", "volumeMode"}, "Filesystem"));
}

void node(Page& page, const json::value& object) {
  std::string taints;
  for (const auto& taint : list(object, {"spec", "taints"})) {
    taints += fmt::format("{}{}={}:{}", taints.empty() ? "" : ", ", text(taint, {"key"}), text(taint, {"value"}, ""),
                          text(taint, {"effect"}));
  }
  page.line(0, "Taints", taints.empty() ? "<none>" : taints);
  page.line(0, "Unschedulable", text(object, {"spec", "unschedulable"}, "false"));
  conditions(page, list(object, {"status", "conditions"}));
  page.line(0, "Addresses", "");
  for (const auto& address : list(object, {"status", "addresses"})) {
    page.line(2, text(address, {"type"}), text(address, {"address"}));
  }
  for (const auto& [key, label] : {std::pair("capacity", "Capacity"), std::pair("allocatable", "Allocatable")}) {
    const auto* values = find(object, {"status", key});
    if (values == nullptr || !values->is_object()) continue;
    page.line(0, label, "");
    for (const auto& [name, value] : values->get_object())
      page.line(2, std::string_view(name.data(), name.size()), plain(value));
  }
  page.line(0, "System Info", "");
  const auto* info = find(object, {"status", "nodeInfo"});
  if (info != nullptr && info->is_object()) {
    for (const auto& [name, value] : info->get_object())
      page.line(2, std::string_view(name.data(), name.size()), plain(value));
  }
}

void others(Page& page, const json::value& object) {
  if (!object.is_object()) return;
  json::object rest;
  for (const auto& [key, value] : object.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (name != "metadata" && name != "kind" && name != "apiVersion") rest[key] = value;
  }
  if (!rest.empty()) page.out += to_yaml(rest);
}

}  // namespace

std::string describe_object(const model::KindInfo& kind, const json::value& object) {
  Page page;
  page.line(0, "Name", text(object, {"metadata", "name"}));
  if (kind.namespaced) page.line(0, "Namespace", text(object, {"metadata", "namespace"}));
  page.line(0, "CreationTimestamp", text(object, {"metadata", "creationTimestamp"}, ""));
  page.pairs(0, "Labels", find(object, {"metadata", "labels"}), "=");
  page.pairs(0, "Annotations", find(object, {"metadata", "annotations"}), ": ");
  if (kind.kind == Kind::Pod) {
    pod(page, object);
  } else if (kind.kind == Kind::StatefulSet) {
    stateful_set(page, object);
  } else if (kind.kind == Kind::DaemonSet) {
    daemon_set(page, object);
  } else if (kind.kind == Kind::Service) {
    service(page, object);
  } else if (kind.kind == Kind::PersistentVolumeClaim) {
    claim(page, object);
  } else if (kind.kind == Kind::Node) {
    node(page, object);
  } else if (kind.kind == Kind::Secret) {
    page.line(0, "Type", text(object, {"type"}));
    const auto* data = find(object, {"data"});
    page.line(0, "Data", "");
    if (data != nullptr && data->is_object()) {  // what is secret stays so: names and sizes only
      for (const auto& [name, value] : data->get_object()) {
        page.line(2, std::string_view(name.data(), name.size()), fmt::format("{} bytes (base64)", plain(value).size()));
      }
    }
  } else {
    others(page, object);
  }
  return std::move(page.out);
}

std::string describe_events(const json::value& table) {
  // Age, Type, Reason, From, Message out of the server's columns.
  const auto& rows = list(table, {"rows"});
  if (rows.empty()) return "Events:           <none>\n";
  json::object shown;
  json::array columns;
  for (const auto name : {"Type", "Reason", "Age", "From", "Message"})
    columns.push_back({{"name", name}, {"priority", 0}});
  shown["columnDefinitions"] = std::move(columns);
  std::vector<std::string> names;
  for (const auto& column : list(table, {"columnDefinitions"})) names.push_back(text(column, {"name"}));
  const auto cell = [&](const json::value& row, std::string_view name) {
    const auto& cells = list(row, {"cells"});
    const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    return at < cells.size() ? cells[at] : json::value("");
  };
  auto& out_rows = shown["rows"].emplace_array();
  for (const auto& row : rows) {
    out_rows.push_back(
        json::object{{"cells", json::array{cell(row, "Type"), cell(row, "Reason"), cell(row, "Last Seen"),
                                           cell(row, "Source"), cell(row, "Message")}}});
  }
  TableText lines({});
  lines.add(shown);
  std::string out = "Events:\n";
  const auto body = lines.take();
  std::size_t start = 0;
  for (auto end = body.find('\n'); end != std::string::npos; end = body.find('\n', start)) {
    out += "  " + body.substr(start, end - start + 1);
    start = end + 1;
  }
  return out;
}

}  // namespace berth::cli
