// cli/describe_command.cpp - berth describe: fetches an object and its events, and prints both.
#include <iostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/describe_text.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

Result<json::value> fetch(const HttpClient& client, std::string target, std::string_view accept) {
  auto reply = client.send(
      {.method = "GET", .target = std::move(target), .accept = std::string(accept), .content_type = {}, .body = {}});
  if (!reply) return reply.error();
  return read_reply(*reply);
}

/// The object's events as a Table; the server words the ages.
Result<json::value> events_of(const HttpClient& client, const model::KindInfo& kind, const json::value& object) {
  const auto ns = find_string(object, {"metadata", "namespace"});
  const auto selector = fmt::format("involvedObject.kind={},involvedObject.name={}", kind.name,
                                    find_string(object, {"metadata", "name"}));
  auto target = resource_path(model::info(model::Kind::Event), ns, "") + "?fieldSelector=" + url_encode(selector);
  return fetch(client, std::move(target), "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
}

Status describe_one(const HttpClient& client, const Global& global, const model::KindInfo& kind,
                    const std::string& name) {
  const auto object = fetch(client, resource_path(kind, global.ns, name), "application/json");
  if (!object) return object.error();
  std::cout << describe_object(kind, *object);
  const auto events = events_of(client, kind, *object);
  std::cout << describe_events(events ? *events : json::value{});
  return Ok{};
}

/// A name that does not exist may be the beginning of several: `describe pod mongo`.
Status describe_prefix(const HttpClient& client, const Global& global, const ResourceRef& ref, const Error& not_found) {
  const auto list = fetch(client, resource_path(*ref.kind, global.ns, ""), "application/json");
  if (!list) return list.error();
  const auto* items = find(*list, {"items"});
  bool any = false;
  if (items != nullptr && items->is_array()) {
    for (const auto& item : items->get_array()) {
      const auto name = std::string(find_string(item, {"metadata", "name"}));
      if (!name.starts_with(ref.name)) continue;
      if (any) std::cout << "\n\n";
      any = true;
      if (auto done = describe_one(client, global, *ref.kind, name); !done) return done;
    }
  }
  if (!any) return not_found;
  return Ok{};
}

}  // namespace

int run_describe(const Global& global, const DescribeOptions& options) {
  const auto refs = parse_resources(options.what);
  if (!refs) return fail(refs.error());
  const HttpClient client(global.socket);
  int code = 0;
  bool first = true;
  for (const auto& ref : *refs) {
    if (!first) std::cout << "\n\n";
    first = false;
    auto done = ref.name.empty()
                    ? describe_prefix(client, global, ref,
                                      Error(ErrorCode::NotFound, fmt::format("no {} found", ref.kind->plural)))
                    : describe_one(client, global, *ref.kind, ref.name);
    if (failed_with(done, ErrorCode::NotFound) && !ref.name.empty())
      done = describe_prefix(client, global, ref, done.error());
    if (!done) code = fail(done.error());
  }
  return code;
}

}  // namespace berth::cli
