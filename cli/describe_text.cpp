// cli/describe_text.cpp - one object as readable text: chooses the layout, and has the short ones.
#include "cli/describe_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/event_text.hpp"
#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {

namespace {

using model::Kind;

std::vector<std::pair<std::string, const json::value*>> sorted(const json::value* map) {
  std::vector<std::pair<std::string, const json::value*>> out;
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [key, value] : map->get_object()) out.emplace_back(std::string(key), &value);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

/// How many bytes base64 text stands for.
std::size_t decoded_size(std::string_view text) {
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  return text.size() / 4 * 3 - std::min(padding, text.size() / 4 * 3);
}

std::string space(const json::value& object) {
  std::string out;
  page::head(out, object, false);
  return out + fmt::format("Status:\t{}\n", page::text(object, {"status", "phase"}));
}

std::string config_map(const json::value& object) {
  std::string out;
  page::head(out, object, true);
  out += "\nData\n====\n";
  for (const auto& [key, value] : sorted(find(object, {"data"}))) {
    out += fmt::format("{}:\n----\n", key);
    auto text = plain_text(*value);
    for (auto& c : text) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = ' ';
    }
    out += fmt::format("{}\n\n", text);
  }
  out += "\nBinaryData\n====\n";
  for (const auto& [key, value] : sorted(find(object, {"binaryData"}))) {
    out += fmt::format("{}: {} bytes\n", key, decoded_size(plain_text(*value)));
  }
  return out + "\n";
}

std::string secret(const json::value& object) {
  std::string out;
  page::head(out, object, true);
  out += fmt::format("\nType:\t{}\n\nData\n====\n", page::text(object, {"type"}));
  for (const auto& [key, value] : sorted(find(object, {"data"}))) {
    out += fmt::format("{}:\t{} bytes\n", key, decoded_size(plain_text(*value)));
  }
  return out;
}

std::string service_account(const json::value& object) {
  std::string out;
  page::head(out, object, true);
  for (const auto& [title, field] :
       {std::pair("Image pull secrets", "imagePullSecrets"), std::pair("Mountable secrets", "secrets")}) {
    std::string names;
    for (const auto& one : page::list(object, {field}))
      names += fmt::format("{}{}\n", names.empty() ? "" : "\t", page::text(one, {"name"}));
    out += fmt::format("{}:\t{}", title, names.empty() ? "<none>\n" : names);
  }
  return out + "Tokens:\t<none>\n";
}

std::string endpoints(const json::value& object) {
  std::string out;
  page::head(out, object, true);
  const auto& subsets = page::list(object, {"subsets"});
  out += subsets.empty() ? "Subsets:\t<none>\n" : "Subsets:\n";
  const auto addresses = [](const json::array& all) {
    std::string text;
    for (const auto& one : all) text += fmt::format("{}{}", text.empty() ? "" : ",", page::text(one, {"ip"}));
    return text.empty() ? "<none>" : text;
  };
  for (const auto& subset : subsets) {
    out += fmt::format("  Addresses:\t{}\n", addresses(page::list(subset, {"addresses"})));
    out += fmt::format("  NotReadyAddresses:\t{}\n", addresses(page::list(subset, {"notReadyAddresses"})));
    if (const auto& ports = page::list(subset, {"ports"}); !ports.empty()) {
      out += "  Ports:\n    Name\tPort\tProtocol\n    ----\t----\t--------\n";
      for (const auto& port : ports) {
        out += fmt::format("    {}\t{}\t{}\n", page::text(port, {"name"}, "<unset>"), number_at(port, {"port"}, 0),
                           page::text(port, {"protocol"}, "TCP"));
      }
    }
    out += '\n';
  }
  return out;
}

/// "controllerRevision" → "Controller Revision", as kubectl titles fields it has no layout for.
std::string title_of(std::string_view field) {
  std::string out;
  for (const char c : field) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper && !out.empty() && !(out.back() >= 'A' && out.back() <= 'Z')) out += ' ';
    out += out.empty() && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (out == "Uid") return "UID";
  if (out.starts_with("Api ")) out.replace(0, 3, "API");
  return out;
}

void fields(std::string& out, const json::value& from, std::size_t level, bool top) {
  const std::string indent(level * 2, ' ');
  for (const auto& [key, value] : sorted(&from)) {
    const bool shown_already =
        key == "name" || key == "namespace" || key == "labels" || key == "annotations" || key == "managedFields";
    if (top && shown_already) continue;
    const auto title = title_of(key);
    if (value->is_object()) {
      out += fmt::format("{}{}:\n", indent, title);
      fields(out, *value, level + 1, level == 0 && key == "metadata");
    } else if (value->is_array()) {
      out += fmt::format("{}{}:\n", indent, title);
      for (const auto& item : value->get_array()) {
        if (item.is_object()) {
          fields(out, item, level + 1, false);
        } else {
          out += fmt::format("{}  {}\n", indent, one_line(plain_text(item)));
        }
      }
    } else {
      out += fmt::format("{}{}:\t{}\n", indent, title, one_line(plain_text(*value)));
    }
  }
}

std::string others(const json::value& object, bool namespaced) {
  std::string out;
  page::head(out, object, namespaced);
  fields(out, object, 0, false);
  return out;
}

/// The kinds that have a page of their own; others() does for the rest.
struct Page {
  Kind kind;
  std::string (*write)(const json::value& object, const Related& related);
};

template <std::string (*Write)(const json::value& object)>
std::string alone(const json::value& object, const Related& /*related*/) {
  return Write(object);
}

constexpr Page kPages[] = {
    {Kind::Pod, page::pod},
    {Kind::StatefulSet, page::stateful_set},
    {Kind::DaemonSet, page::daemon_set},
    {Kind::Job, page::job},
    {Kind::CronJob, page::cron_job},
    {Kind::Deployment, page::deployment},
    {Kind::ReplicaSet, page::replica_set},
    {Kind::ReplicationController, page::replica_set},
    {Kind::HorizontalPodAutoscaler, page::autoscaler},
    {Kind::Service, page::service},
    {Kind::PersistentVolumeClaim, page::claim},
    {Kind::PersistentVolume, page::volume},
    {Kind::StorageClass, page::storage_class},
    {Kind::Node, page::node},
    {Kind::Namespace, alone<space>},
    {Kind::ConfigMap, alone<config_map>},
    {Kind::Secret, alone<secret>},
    {Kind::ServiceAccount, alone<service_account>},
    {Kind::Endpoints, alone<endpoints>},
};

std::string layout(const model::KindInfo& kind, const json::value& object, const Related& related) {
  for (const auto& one : kPages) {
    if (one.kind == kind.kind) return one.write(object, related);
  }
  return others(object, kind.namespaced);
}

/// kubectl ends these without events.
bool has_events(Kind kind) { return kind != Kind::Namespace && kind != Kind::Secret; }

}  // namespace

std::string describe_object(const model::KindInfo& kind, const json::value& object, const Related& related) {
  auto out = layout(kind, object, related);
  if (!has_events(kind.kind)) return align_tabs(out, 0, 2);
  // Events are a table of their own, unless there are none.
  if (related.events.empty()) return align_tabs(out + event_section({}, related.now), 0, 2);
  return align_tabs(out, 0, 2) + align_tabs(event_section(related.events, related.now), 0, 2);
}

std::string describe_pod_template(const json::value& pod_template) {
  std::string out;
  page::pod_template(out, pod_template);
  return align_tabs(out, 0, 2);
}

}  // namespace berth::cli
