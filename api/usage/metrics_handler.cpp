// api/usage/metrics_handler.cpp - see metrics_handler.hpp.
#include "api/usage/metrics_handler.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/reads/selection.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/far_host.hpp"
#include "api/streams/pod_containers.hpp"
#include "api/usage/far_usage.hpp"
#include "api/usage/usage_sampler.hpp"
#include "model/node_facts.hpp"

namespace berth::api {
namespace {

using model::Kind;

constexpr std::string_view kGroup = "metrics.k8s.io";
constexpr std::string_view kVersion = "metrics.k8s.io/v1beta1";

/// What is asked for.
struct Asked {
  Kind kind = Kind::Pod;
  std::string ns;
  std::string name;  ///< Empty: a list.
  Selection selection;
};

ApiError no_metrics(const Asked& asked) {
  const bool pod = asked.kind == Kind::Pod;
  const auto kind = pod ? "podmetrics" : "nodemetrics";
  const auto name = pod ? fmt::format("{}/{}", asked.ns, asked.name) : asked.name;
  return {.code = 404,
          .reason = "NotFound",
          .message = fmt::format("{}.{} \"{}\" not found", kind, kGroup, name),
          .name = name,
          .group = std::string(kGroup),
          .kind = kind};
}

json::object usage_object(std::uint64_t cpu_nanocores, std::uint64_t memory_bytes) {
  return {{"cpu", fmt::format("{}n", cpu_nanocores)}, {"memory", fmt::format("{}Ki", memory_bytes / 1024)}};
}

/// What all of them begin with.
json::object head(const model::Object& object, std::string_view kind, const UsageWindow& window) {
  json::object meta{{"name", object.meta.name}};
  if (!object.meta.ns.empty()) meta["namespace"] = object.meta.ns;
  meta["creationTimestamp"] = format_rfc3339(window.after->at);
  if (const auto* labels = field(object.raw, {"metadata", "labels"})) meta["labels"] = *labels;
  return {{"kind", kind},
          {"apiVersion", kVersion},
          {"metadata", std::move(meta)},
          {"timestamp", format_rfc3339(window.after->at)},
          {"window", fmt::format("{:.3f}s", std::chrono::duration<double>(window.length()).count())}};
}

std::optional<json::object> pod_metrics(const model::Object& pod, const UsageWindow& window) {
  json::array containers;
  for (const auto* list : {"containers", "initContainers"}) {
    for (const auto& entry : array_at(pod.raw, {"spec", list})) {
      if (!entry.is_object()) continue;
      const auto name = text_at(entry.get_object(), {"name"});
      const auto id = container_view(pod, name).id;
      const auto before = window.before->containers.find(id);
      const auto after = window.after->containers.find(id);
      if (before == window.before->containers.end() || after == window.after->containers.end()) continue;
      const auto& [then, now] = std::tie(before->second, after->second);
      containers.push_back(json::object{{"name", name},
                                        {"usage", usage_object(nanocores(then.cpu_nanoseconds, now.cpu_nanoseconds,
                                                                         now.measured_at - then.measured_at),
                                                               now.memory_bytes)}});
    }
  }
  if (containers.empty()) return std::nullopt;
  auto out = head(pod, "PodMetrics", window);
  out["containers"] = std::move(containers);
  return out;
}

std::optional<json::object> metrics_of(const ApiContext& context, const model::Object& object,
                                       const UsageWindow& window) {
  if (object.kind == Kind::Pod) return pod_metrics(object, window);
  if (object.meta.name != context.config.node_name) return std::nullopt;  // we measure this host only
  auto out = head(object, "NodeMetrics", window);
  out["usage"] =
      usage_object(nanocores(window.before->node.cpu_nanoseconds, window.after->node.cpu_nanoseconds, window.length()),
                   window.after->node.memory_bytes);
  return out;
}

HttpResponse answer_one(const ApiContext& context, const Asked& asked, const UsageWindow& window) {
  HttpResponse response;
  const auto object = context.store.get({asked.kind, asked.ns, asked.name});
  const auto metrics = object ? metrics_of(context, *object, window) : std::nullopt;
  if (!metrics) return to_response(no_metrics(asked));
  response.body = json::serialize(*metrics);
  return response;
}

/// `far`: what other hosts told.
HttpResponse answer_list(const ApiContext& context, const Asked& asked, const UsageWindow& window,
                         std::vector<UsageItem> far) {
  auto items = std::move(far);
  const bool is_whole = items.empty();
  context.store.visit(asked.kind, asked.ns, [&](const model::ObjectPtr& object) {
    if (!asked.selection.matches(*object)) return;
    const auto metrics = metrics_of(context, *object, window);
    if (metrics) items.push_back({object->meta.ns, object->meta.name, json::serialize(*metrics)});
  });
  if (!is_whole) {
    std::sort(items.begin(), items.end(),
              [](const auto& a, const auto& b) { return std::tie(a.ns, a.name) < std::tie(b.ns, b.name); });
  }
  HttpResponse response;
  response.body = fmt::format(R"({{"kind":"{}MetricsList","apiVersion":"{}","metadata":{{}},"items":[)",
                              asked.kind == Kind::Pod ? "Pod" : "Node", kVersion);
  for (const auto& item : items) {
    if (&item != &items.front()) response.body += ',';
    response.body += item.text;
  }
  response.body += "]}";
  return response;
}

std::string node_of(const model::Object& object) {
  return object.kind == Kind::Node ? object.meta.name : std::string(text_at(object.raw, {"spec", "nodeName"}));
}

bool is_silent(const ApiContext& context, const std::string& name) {
  const auto node = context.store.get({Kind::Node, "", name});
  return node && model::is_unheard_of(node->raw);
}

/// Other hosts that know of what is asked for, but for those of which nothing is heard.
std::set<std::string> far_nodes(const ApiContext& context, const Asked& asked) {
  std::set<std::string> out;
  if (!context.dial_host) return out;
  context.store.visit(asked.kind, asked.ns, [&](const model::ObjectPtr& object) {
    if (auto node = node_of(*object); is_far(context, node) && asked.selection.matches(*object)) {
      out.insert(std::move(node));
    }
  });
  std::erase_if(out, [&](const std::string& node) { return is_silent(context, node); });
  return out;
}

/// Here and there at the same time.
void answer_list_of_all(ApiContext& context, Asked asked, const std::set<std::string>& nodes,
                        const HttpRequest& request, const Respond& respond) {
  struct Halves {
    std::optional<Result<UsageWindow>> here;
    std::optional<std::vector<UsageItem>> there;
  };
  const auto halves = std::make_shared<Halves>();
  const auto look = [&context, asked = std::move(asked), respond, halves] {
    if (!halves->here || !halves->there) return;
    const auto& window = *halves->here;
    respond(window ? answer_list(context, asked, *window, std::move(*halves->there))
                   : to_response(internal(window.error().message())));
  };
  ask_far_usage(context, nodes, request, context.config.usage_window + context.config.usage_patience,
                [halves, look](auto items) {
                  halves->there = std::move(items);
                  look();
                });
  context.usage->window([halves, look](const Result<UsageWindow>& window) {
    halves->here = window;
    look();
  });
}

/// Nullopt: nothing of this group is there.
std::optional<Asked> parse(const std::vector<std::string>& segments) {
  Asked asked;
  std::size_t at = 3;  // behind apis/metrics.k8s.io/v1beta1
  if (segments.size() > at + 2 && segments[at] == "namespaces") {
    asked.ns = segments[at + 1];
    at += 2;
  }
  if (segments.size() <= at || segments.size() > at + 2) return std::nullopt;
  if (segments[at] == "nodes" && asked.ns.empty()) {
    asked.kind = Kind::Node;
  } else if (segments[at] != "pods") {
    return std::nullopt;
  }
  if (segments.size() > at + 1) asked.name = segments[at + 1];
  if (asked.kind == Kind::Pod && !asked.name.empty() && asked.ns.empty()) return std::nullopt;
  return asked;
}

}  // namespace

bool handle_metrics(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond) {
  const auto& segments = target.segments;
  if (segments.size() < 4 || segments[0] != "apis" || segments[1] != kGroup || segments[2] != "v1beta1") return false;
  auto asked = parse(segments);
  if (!asked) return false;
  if (request.method != Method::Get) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  auto selection =
      Selection::parse(model::info(asked->kind), target.query.get("labelSelector"), target.query.get("fieldSelector"));
  if (!selection) {
    respond(to_response(selection.error()));
    return true;
  }
  asked->selection = *std::move(selection);
  const bool passed_on = !request.passed_on_by.empty();  // then we are asked for what we measure
  if (!asked->name.empty() && !passed_on) {
    const auto object = context.store.get({asked->kind, asked->ns, asked->name});
    if (const auto node = object ? node_of(*object) : std::string(); is_far(context, node)) {
      ask_far_host(
          context, node,
          fmt::format("{} {} is measured by node {}", asked->kind == Kind::Pod ? "pod" : "node", asked->name, node),
          request, respond);
      return true;
    }
  }
  if (asked->name.empty() && !passed_on) {
    if (const auto nodes = far_nodes(context, *asked); !nodes.empty()) {
      answer_list_of_all(context, *std::move(asked), nodes, request, respond);
      return true;
    }
  }
  context.usage->window([&context, asked = *std::move(asked), respond](const Result<UsageWindow>& window) {
    if (!window) return respond(to_response(internal(window.error().message())));
    respond(asked.name.empty() ? answer_list(context, asked, *window, {}) : answer_one(context, asked, *window));
  });
  return true;
}

}  // namespace berth::api
