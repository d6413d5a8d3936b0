// api/writes/scale_handler.cpp - see scale_handler.hpp.
#include "api/writes/scale_handler.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/writes/apply_body.hpp"
#include "api/writes/write_body.hpp"
#include "api/writes/write_handler.hpp"

namespace berth::api {

namespace {

json::object scale_of(const model::Object& set) {
  json::object metadata{{"name", set.meta.name},
                        {"namespace", set.meta.ns},
                        {"uid", set.meta.uid},
                        {"resourceVersion", std::to_string(set.meta.resource_version)},
                        {"creationTimestamp", set.meta.creation_timestamp}};
  json::object status{{"replicas", number_at(set.raw, {"status", "replicas"})}};
  const auto* selector = field(set.raw, {"spec", "selector"});
  if (selector != nullptr) status["selector"] = selector_text(selector);
  return {{"kind", "Scale"},
          {"apiVersion", "autoscaling/v1"},
          {"metadata", std::move(metadata)},
          {"spec", json::object{{"replicas", number_at(set.raw, {"spec", "replicas"})}}},
          {"status", std::move(status)}};
}

HttpResponse scale_response(const model::Object& set) {
  HttpResponse response;
  response.body = json::serialize(scale_of(set));
  return response;
}

/// The Scale that a request asks for: whole, or for server-side apply what it says of it.
ApiResult<json::object> wanted_scale(const HttpRequest& request, const model::Object& set) {
  if (is_apply(request)) {
    auto parsed = model::parse_yaml(request.body);
    if (!parsed) return bad_request(fmt::format("error decoding YAML: {}", parsed.error().message()));
    if (!parsed->is_object()) return bad_request("error decoding YAML: the configuration must be a mapping");
    return std::move(parsed->get_object());
  }
  if (request.method == Method::Patch) {
    return patch_object(request, {model::info(set.kind), set.meta.name, nullptr}, scale_of(set));
  }
  return read_json_body(request);
}

/// The set with the replicas of the Scale.
ApiResult<json::object> scaled(const HttpRequest& request, const WriteOptions& options, const Clock& clock,
                               const model::Object& set) {
  auto scale = wanted_scale(request, set);
  if (!scale) return scale.error();
  const auto* replicas = field(*scale, {"spec", "replicas"});
  if (replicas != nullptr && !replicas->is_int64()) return bad_request("spec.replicas: must be a whole number");
  auto raw = set.raw;
  if (options.manager.applies) {
    json::object spec;
    if (replicas != nullptr) spec["replicas"] = *replicas;
    auto applied =
        applied_object(set.kind, options, format_rfc3339(clock.wall()), set.raw, {{"spec", std::move(spec)}});
    if (!applied) return applied;
    raw = *std::move(applied);
  } else {
    auto* spec = raw.if_contains("spec");
    if (spec == nullptr || !spec->is_object()) return internal("the stored set has no spec");
    spec->get_object()["replicas"] = replicas != nullptr ? replicas->get_int64() : 0;
  }
  const auto version = text_at(*scale, {"metadata", "resourceVersion"});
  raw["metadata"].get_object()["resourceVersion"] =
      version.empty() ? std::to_string(set.meta.resource_version) : std::string(version);
  const auto uid = text_at(*scale, {"metadata", "uid"});
  if (!uid.empty()) raw["metadata"].get_object()["uid"] = uid;
  return raw;
}

}  // namespace

void handle_scale(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond) {
  const model::ObjectKey key{path.kind, path.ns, path.name};
  if (request.method == Method::Get) {
    const auto set = context.store.get(key);
    return respond(set ? scale_response(*set) : to_response(not_found(model::info(path.kind), path.name)));
  }
  const auto options = read_write_options(context, path, query, request);
  if (!options) return respond(to_response(options.error()));
  const auto change = [request, options = *options, &clock = context.clock](const model::Object& stored) {
    return scaled(request, options, clock, stored);
  };
  update_object(context, key, *options, change, [respond](ApiResult<model::ObjectPtr> done, HttpHeaders) {
    respond(done ? scale_response(**done) : to_response(done.error()));
  });
}

}  // namespace berth::api
