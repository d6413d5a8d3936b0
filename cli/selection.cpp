// cli/selection.cpp - which objects a command line means, and which pods belong to a workload.
#include "cli/selection.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/json_path.hpp"
#include "cli/manifests.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

using model::Kind;

bool is_ready(const json::value& pod) {
  const auto* conditions = find(pod, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return false;
  return std::any_of(conditions->get_array().begin(), conditions->get_array().end(), [](const json::value& condition) {
    return find_string(condition, {"type"}) == "Ready" && find_string(condition, {"status"}) == "True";
  });
}

std::string terms(const json::value* labels) {
  std::string out;
  if (labels == nullptr || !labels->is_object()) return out;
  for (const auto& [key, value] : labels->get_object()) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", std::string_view(key.data(), key.size()), plain_text(value));
  }
  return out;
}

void append(std::string& out, std::string_view term) { out += fmt::format("{}{}", out.empty() ? "" : ",", term); }

Status add_selected(const Server& server, const Global& global, const Choice& choice, const model::KindInfo& kind,
                    std::vector<Chosen>& out) {
  const auto list =
      server.list(kind, choice.all_namespaces || !kind.namespaced ? "" : global.ns, {choice.labels, choice.fields});
  if (!list) return list.error();
  for (const auto& item : items_of(*list)) out.push_back(chosen_of(kind, item));
  return Ok{};
}

}  // namespace

void add_choice_flags(Flags& flags, Choice& choice) {
  add_file_flags(flags, choice.files, "Files, folders, URLs or - whose objects are meant");
  flags.add(choice.labels, "selector", 'l', "SELECTOR", "Objects with these labels: app=web,tier!=front");
  flags.add(choice.fields, "field-selector", 0, "SELECTOR", "Objects with these fields: status.phase=Running");
  flags.add(choice.all, "all", 0, "All objects of the kind in the namespace");
}

std::string Chosen::path() const { return resource_path(*kind, ns, name); }
std::string Chosen::display() const { return display_name(*kind, name); }
std::string Chosen::resource() const {
  return kind->group.empty() ? std::string(kind->singular) : fmt::format("{}.{}", kind->singular, kind->group);
}

Chosen chosen_of(const model::KindInfo& kind, const json::value& object) {
  return {&kind, std::string(namespace_of(object)), std::string(name_of(object))};
}

Result<std::vector<Chosen>> choose(const Server& server, const Global& global, const Choice& choice, bool allow_bare) {
  std::vector<Chosen> out;
  if (choice.files.given()) {
    if (!choice.words.empty()) {
      return Error(ErrorCode::InvalidArgument,
                   "when paths, URLs, or stdin is provided as resource input, you may not "
                   "specify resource arguments as well");
    }
    auto objects = read_manifests(global, choice.files);
    if (!objects) return objects.error();
    for (auto& object : objects->objects) out.push_back({object.kind, std::move(object.ns), std::move(object.name)});
    return out;
  }
  if (choice.words.empty()) {
    return Error(ErrorCode::InvalidArgument,
                 "You must provide one or more resources by argument or filename.\n"
                 "Example resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n"
                 "   '<resource> <name>'\n   '<resource>'");
  }
  const auto refs = parse_resources(choice.words);
  if (!refs) return refs.error();
  const bool selecting = choice.all || !choice.labels.empty() || !choice.fields.empty();
  for (const auto& ref : *refs) {
    if (!ref.name.empty()) {
      if (selecting) {
        return Error(ErrorCode::InvalidArgument, choice.all
                                                     ? "setting 'all' parameter but found a non empty selector or name"
                                                     : "name cannot be provided when a selector is specified");
      }
      out.push_back({ref.kind, ref.kind->namespaced ? global.ns : "", ref.name});
      continue;
    }
    if (!selecting && !allow_bare) {
      return Error(ErrorCode::InvalidArgument, "resource(s) were provided, but no name was specified");
    }
    if (auto done = add_selected(server, global, choice, *ref.kind, out); !done) return done.error();
  }
  return out;
}

std::string selector_text(const json::value& selector) {
  auto out = terms(find(selector, {"matchLabels"}));
  const auto* expressions = find(selector, {"matchExpressions"});
  if (expressions == nullptr || !expressions->is_array()) return out;
  for (const auto& expression : expressions->get_array()) {
    const auto key = find_string(expression, {"key"});
    const auto sign = find_string(expression, {"operator"});
    std::string values;
    if (const auto* list = find(expression, {"values"}); list != nullptr && list->is_array()) {
      for (const auto& value : list->get_array()) append(values, plain_text(value));
    }
    if (sign == "Exists") append(out, key);
    if (sign == "DoesNotExist") append(out, fmt::format("!{}", key));
    if (sign == "In") append(out, fmt::format("{} in ({})", key, values));
    if (sign == "NotIn") append(out, fmt::format("{} notin ({})", key, values));
  }
  return out;
}

bool makes_pods(const model::KindInfo& kind) {
  return kind.has_scale || kind.kind == Kind::DaemonSet || kind.kind == Kind::Job;
}

Result<std::string> pod_selector(const model::KindInfo& kind, const json::value& object) {
  // A plain map of labels; the others have matchLabels.
  const bool plain = kind.kind == Kind::Service || kind.kind == Kind::ReplicationController;
  const auto* selector = find(object, {"spec", "selector"});
  if (selector == nullptr || !(plain || makes_pods(kind))) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("cannot get the pods of {}: it has no selector", display_name(kind, name_of(object))));
  }
  return plain ? terms(selector) : selector_text(*selector);
}

Result<std::vector<json::value>> pods_behind(const Server& server, const Global& global, const std::string& word) {
  const auto& pod_kind = model::info(Kind::Pod);
  const auto refs = word.find('/') == std::string::npos ? Result<std::vector<ResourceRef>>({{&pod_kind, word}})
                                                        : parse_resources({word});
  if (!refs) return refs.error();
  const auto& ref = refs->front();
  auto object = server.get(*ref.kind, global.ns, ref.name);
  if (!object) return object.error();
  std::vector<json::value> out;
  if (ref.kind->kind == Kind::Pod) {
    out.push_back(*std::move(object));
    return out;
  }
  const auto labels = pod_selector(*ref.kind, *object);
  if (!labels) return labels.error();
  const auto list = server.list(pod_kind, global.ns, {*labels, ""});
  if (!list) return list.error();
  for (const auto& pod : items_of(*list)) out.push_back(pod);
  std::stable_sort(out.begin(), out.end(), [](const json::value& a, const json::value& b) {
    return std::pair(!is_ready(a), name_of(a)) < std::pair(!is_ready(b), name_of(b));
  });
  return out;
}

Result<json::value> pod_behind(const Server& server, const Global& global, const std::string& word) {
  auto pods = pods_behind(server, global, word);
  if (!pods) return pods.error();
  if (pods->empty()) return Error(ErrorCode::InvalidArgument, fmt::format("no pods found for {}", word));
  return std::move(pods->front());
}

std::string default_container(const json::value& pod) {
  std::vector<std::string> names;
  std::string all;
  for (const auto& [list, suffix] : {std::pair("containers", ""), std::pair("initContainers", " (init)")}) {
    const auto* containers = find(pod, {"spec", list});
    if (containers == nullptr || !containers->is_array()) continue;
    for (const auto& container : containers->get_array()) {
      names.emplace_back(find_string(container, {"name"}));
      all += fmt::format("{}{}{}", all.empty() ? "" : ", ", names.back(), suffix);
    }
  }
  if (names.empty()) return {};
  const auto* annotations = find(pod, {"metadata", "annotations"});
  if (annotations != nullptr && annotations->is_object()) {
    const auto* wanted = annotations->get_object().if_contains("kubectl.kubernetes.io/default-container");
    if (wanted != nullptr) {
      const auto name = plain_text(*wanted);
      if (std::find(names.begin(), names.end(), name) != names.end()) return name;
      std::cerr << fmt::format("Default container name \"{}\" not found in pod {}\n", name, name_of(pod));
    }
  }
  if (names.size() > 1) std::cerr << fmt::format("Defaulted container \"{}\" out of: {}\n", names[0], all);
  return names[0];
}

}  // namespace berth::cli
