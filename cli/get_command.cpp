// cli/get_command.cpp - berth get: objects as tables, YAML or JSON, once or as they change.
#include <iostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/table_text.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

namespace {

constexpr std::string_view kTableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

struct Context {
  const Global& global;
  const GetOptions& options;
  HttpClient client;
  bool several_kinds = false;

  bool as_table() const { return options.output.empty() || options.output == "wide"; }

  std::string target(const ResourceRef& ref) const {
    auto out = resource_path(*ref.kind, global.all_namespaces ? "" : global.ns, ref.name);
    char separator = '?';
    const auto add = [&](std::string_view name, std::string_view value) {
      if (value.empty()) return;
      out += fmt::format("{}{}={}", separator, name, url_encode(value));
      separator = '&';
    };
    if (ref.name.empty()) {
      add("labelSelector", options.label_selector);
      add("fieldSelector", options.field_selector);
    }
    return out;
  }

  TableStyle style(const ResourceRef& ref) const {
    TableStyle style;
    style.wide = options.output == "wide";
    style.headers = !options.no_headers;
    style.namespaces = global.all_namespaces && ref.kind->namespaced;
    style.labels = options.show_labels;
    if (several_kinds) style.name_prefix = display_name(*ref.kind, "");
    return style;
  }
};

Result<json::value> fetch(const Context& context, const ResourceRef& ref, std::string_view accept) {
  auto reply = context.client.send(
      {.method = "GET", .target = context.target(ref), .accept = std::string(accept), .content_type = {}, .body = {}});
  if (!reply) return reply.error();
  return read_reply(*reply);
}

void say_none(const Context& context) {
  if (context.global.all_namespaces) {
    std::cerr << "No resources found\n";
  } else {
    std::cerr << "No resources found in " << context.global.ns << " namespace.\n";
  }
}

/// Every run of refs of one kind is one table.
int print_tables(const Context& context, const std::vector<ResourceRef>& refs) {
  int code = 0;
  bool printed = false;
  for (std::size_t i = 0; i < refs.size();) {
    const auto* kind = refs[i].kind;
    TableText table(context.style(refs[i]));
    for (; i < refs.size() && refs[i].kind == kind; ++i) {
      auto answer = fetch(context, refs[i], kTableAccept);
      if (!answer) {
        code = fail(answer.error());
        if (answer.error().code() == ErrorCode::Unavailable) return code;
        continue;
      }
      table.add(*answer);
    }
    if (table.empty()) continue;
    if (printed) std::cout << '\n';
    std::cout << table.take();
    printed = true;
  }
  if (!printed && code == 0) say_none(context);
  return code;
}

int print_objects(const Context& context, const std::vector<ResourceRef>& refs) {
  json::array items;
  int code = 0;
  for (const auto& ref : refs) {
    auto answer = fetch(context, ref, "application/json");
    if (!answer) {
      code = fail(answer.error());
      if (answer.error().code() == ErrorCode::Unavailable) return code;
      continue;
    }
    if (!ref.name.empty()) {
      items.push_back(*std::move(answer));
    } else if (auto* list = answer->is_object() ? answer->get_object().if_contains("items") : nullptr;
               list != nullptr && list->is_array()) {
      for (auto& item : list->get_array()) items.push_back(std::move(item));
    }
  }
  if (context.options.output == "name") {
    for (const auto& item : items) {
      const auto* kind = model::find_kind(find_string(item, {"kind"}));
      if (kind != nullptr) std::cout << display_name(*kind, find_string(item, {"metadata", "name"})) << '\n';
    }
    return code;
  }
  const bool single = refs.size() == 1 && !refs[0].name.empty();
  if (single && items.empty()) return code;
  const json::value out = single ? std::move(items[0])
                                 : json::object{{"apiVersion", "v1"},
                                                {"kind", "List"},
                                                {"metadata", json::object{{"resourceVersion", ""}}},
                                                {"items", std::move(items)}};
  std::cout << (context.options.output == "yaml" ? to_yaml(out) : to_pretty_json(out));
  return code;
}

/// One JSON line of a watch. False: the watch is over.
bool print_event(const Context& context, std::string_view line, TableText& table) {
  const auto event = parse_json(line);
  if (!event) return true;
  const auto* object = find(*event, {"object"});
  if (object == nullptr || find_string(*event, {"type"}) == "BOOKMARK") return true;
  if (find_string(*event, {"type"}) == "ERROR") {
    std::cerr << "error: " << find_string(*object, {"message"}) << '\n';
    return false;
  }
  if (context.as_table()) {
    table.add(*object);
    std::cout << table.take();
  } else if (context.options.output == "yaml") {
    std::cout << "---\n" << to_yaml(*object);
  } else if (context.options.output == "json") {
    std::cout << to_pretty_json(*object);
  } else {
    const auto* kind = model::find_kind(find_string(*object, {"kind"}));
    if (kind != nullptr) std::cout << display_name(*kind, find_string(*object, {"metadata", "name"})) << '\n';
  }
  std::cout.flush();
  return true;
}

int watch(const Context& context, const ResourceRef& ref) {
  if (!ref.name.empty()) {  // a missing object is an error, not an endless wait
    if (auto there = fetch(context, ref, "application/json"); !there) return fail(there.error());
  }
  auto target = context.target({ref.kind, {}});
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += "watch=true";
  if (!ref.name.empty()) target += "&fieldSelector=" + url_encode("metadata.name=" + ref.name);
  TableText table(context.style(ref));
  std::string pending;
  bool ended_badly = false;
  const auto take = [&](std::string_view piece) {
    pending += piece;
    std::size_t start = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', start)) {
      if (!print_event(context, std::string_view(pending).substr(start, end - start), table)) {
        ended_badly = true;
        return false;
      }
      start = end + 1;
    }
    pending.erase(0, start);
    return true;
  };
  auto reply = context.client.stream({.method = "GET",
                                      .target = target,
                                      .accept = std::string(context.as_table() ? kTableAccept : "application/json"),
                                      .content_type = {},
                                      .body = {}},
                                     take);
  if (!reply) return fail(reply.error());
  if (reply->code >= 300) {
    if (auto read = read_reply(*reply); !read) return fail(read.error());
  }
  return ended_badly ? 1 : 0;
}

}  // namespace

int run_get(const Global& global, const GetOptions& options) {
  auto refs = parse_resources(options.what);
  if (!refs) return fail(refs.error());
  for (const auto word : {"", "wide", "yaml", "json", "name"}) {
    if (options.output != word) continue;
    Context context{global, options, HttpClient(global.socket), false};
    for (const auto& ref : *refs) context.several_kinds = context.several_kinds || ref.kind != refs->front().kind;
    context.several_kinds = context.several_kinds || (!options.what.empty() && options.what[0] == "all");
    if (global.all_namespaces && !refs->front().name.empty() && refs->front().kind->namespaced) {
      return fail({ErrorCode::InvalidArgument, "a resource cannot be retrieved by name across all namespaces"});
    }
    if (options.watch) {
      if (refs->size() != 1) {
        return fail(
            {ErrorCode::InvalidArgument, "you may only specify a single resource or type of resource with --watch"});
      }
      return watch(context, refs->front());
    }
    return context.as_table() ? print_tables(context, *refs) : print_objects(context, *refs);
  }
  return fail({ErrorCode::InvalidArgument,
               fmt::format("unable to match a printer suitable for the output format \"{}\", allowed formats are: "
                           "json,name,wide,yaml",
                           options.output)});
}

}  // namespace berth::cli
