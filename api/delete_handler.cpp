// api/delete_handler.cpp - delete: mark what the agent has to end, remove the rest at once.
#include "api/delete_handler.hpp"

#include <optional>

#include <fmt/format.h>

#include "api/tables/field.hpp"
#include "api/write_body.hpp"
#include "api/write_handler.hpp"
#include "model/deletion.hpp"

namespace berth::api {

namespace {

using model::Kind;

constexpr std::string_view kPropagationAnnotation = "berth.io/propagation-policy";
constexpr std::int64_t kMaxGraceSeconds = 10LL * 365 * 24 * 3600;

struct DeleteOptions {
  std::optional<std::int64_t> grace_seconds;
  std::string propagation;
  std::string uid;  ///< preconditions
  std::string resource_version;
  bool dry_run = false;
};

ApiResult<DeleteOptions> options_of(const Query& query, const HttpRequest& request) {
  DeleteOptions options;
  const auto grace = query.number("gracePeriodSeconds");
  if (!grace) return bad_request(grace.error().message());
  options.grace_seconds = *grace;
  options.propagation = query.get("propagationPolicy");
  options.dry_run = query.get("dryRun") == "All";
  if (!request.body.empty()) {
    const auto body = read_json_body(request);
    if (!body) return body.error();
    if (const auto* value = field(*body, {"gracePeriodSeconds"}); value != nullptr && !value->is_null()) {
      if (!value->is_int64()) return bad_request("gracePeriodSeconds: must be a whole number");
      options.grace_seconds = value->get_int64();
    }
    if (const auto policy = text_at(*body, {"propagationPolicy"}); !policy.empty()) options.propagation = policy;
    if (flag_at(*body, {"orphanDependents"})) options.propagation = "Orphan";
    options.uid = text_at(*body, {"preconditions", "uid"});
    options.resource_version = text_at(*body, {"preconditions", "resourceVersion"});
    options.dry_run = options.dry_run || size_at(*body, {"dryRun"}) > 0;
  }
  if (options.grace_seconds && *options.grace_seconds < 0) options.grace_seconds = 1;  // as Kubernetes reads it
  if (options.grace_seconds && *options.grace_seconds > kMaxGraceSeconds) {
    return bad_request(fmt::format("gracePeriodSeconds: must be at most {}", kMaxGraceSeconds));
  }
  const auto& policy = options.propagation;
  if (!policy.empty() && policy != "Orphan" && policy != "Background" && policy != "Foreground") {
    return bad_request(fmt::format(
        "propagationPolicy: Unsupported value: \"{}\": supported values: \"Background\", \"Foreground\", \"Orphan\"",
        policy));
  }
  return options;
}

/// Must somebody else finish it? A pod that no node has taken is nobody's.
bool is_ended_by_agent(const model::Object& object) {
  if (object.kind == Kind::Pod && text_at(object.raw, {"spec", "nodeName"}).empty()) return false;
  return model::deletes_gracefully(object.kind);
}

/// The object with its deletion recorded; unchanged when that was done before.
json::object marked(const model::Object& stored, const DeleteOptions& options, WallTime now) {
  auto raw = stored.raw;
  const auto phase = text_at(raw, {"status", "phase"});
  const bool ended = stored.kind == Kind::Pod && (phase == "Succeeded" || phase == "Failed");
  model::mark_deleted(stored.kind, raw, ended ? std::optional<std::int64_t>(0) : options.grace_seconds, now);
  if (!options.propagation.empty() && (stored.kind == Kind::StatefulSet || stored.kind == Kind::DaemonSet)) {
    auto& annotations = raw["metadata"].get_object()["annotations"];
    if (!annotations.is_object()) annotations.emplace_object();
    annotations.get_object()[kPropagationAnnotation] = options.propagation;
  }
  return raw;
}

HttpResponse success(const model::Object& object) {
  const auto& kind = model::info(object.kind);
  json::object details{{"name", object.meta.name}, {"kind", kind.plural}, {"uid", object.meta.uid}};
  if (!kind.group.empty()) details["group"] = kind.group;
  HttpResponse response;
  response.body = json::serialize(json::object{{"kind", "Status"},
                                               {"apiVersion", "v1"},
                                               {"metadata", json::object{}},
                                               {"status", "Success"},
                                               {"details", std::move(details)}});
  return response;
}

std::optional<ApiError> failed_precondition(const model::Object& object, const DeleteOptions& options) {
  const auto& kind = model::info(object.kind);
  if (!options.uid.empty() && options.uid != object.meta.uid) {
    return conflict(kind, object.meta.name,
                    fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", options.uid,
                                object.meta.uid));
  }
  const auto version = std::to_string(object.meta.resource_version);
  if (!options.resource_version.empty() && options.resource_version != version) {
    return conflict(
        kind, object.meta.name,
        fmt::format("Precondition failed: ResourceVersion in precondition: {}, ResourceVersion in object meta: {}",
                    options.resource_version, version));
  }
  return std::nullopt;
}

/// A namespace goes only when nothing lives in it: what is inside would be left without a home.
std::optional<ApiError> still_in_use(ApiContext& context, const model::Object& object) {
  if (object.kind != Kind::Namespace) return std::nullopt;
  for (const auto& kind : model::all_kinds()) {
    if (!kind.namespaced || kind.kind == Kind::Event) continue;
    const auto inside = context.store.list(kind.kind, object.meta.name).objects;
    if (inside.empty()) continue;
    return conflict(model::info(object.kind), object.meta.name,
                    fmt::format("the namespace is not empty: delete its {} first", kind.plural));
  }
  return std::nullopt;
}

}  // namespace

void handle_delete(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  const auto& kind = model::info(path.kind);
  auto options = options_of(query, request);
  if (!options) return respond(to_response(options.error()));
  const model::ObjectKey key{path.kind, path.ns, path.name};
  const auto stored = context.store.get(key);
  if (!stored) return respond(to_response(not_found(kind, path.name)));
  if (const auto failed = failed_precondition(*stored, *options)) return respond(to_response(*failed));
  if (const auto in_use = still_in_use(context, *stored)) return respond(to_response(*in_use));
  if (is_ended_by_agent(*stored) || !stored->meta.finalizers.empty()) {
    UpdateOptions how;
    how.system = true;
    how.dry_run = options->dry_run;
    const auto mark = [options = *options,
                       &clock = context.clock](const model::Object& object) -> ApiResult<json::object> {
      if (auto failed = failed_precondition(object, options)) return *std::move(failed);
      return marked(object, options, clock.wall());
    };
    update_object(context, key, how, mark, [respond](ApiResult<model::ObjectPtr> done, HttpHeaders) {
      if (!done) return respond(to_response(done.error()));
      HttpResponse response;
      response.body = json::serialize((*done)->raw);
      respond(std::move(response));
    });
    return;
  }
  if (options->dry_run) return respond(success(*stored));
  context.store.remove(
      key, options->resource_version.empty() ? 0 : stored->meta.resource_version, Durability::Durable,
      [post = context.reactor.post(), respond = std::move(respond), stored, &kind](Result<model::ObjectPtr> done) {
        post([respond, stored, &kind, done = std::move(done)] {
          respond(done ? success(*stored) : to_response(from_error(done.error(), kind, stored->meta.name)));
        });
      });
}

}  // namespace berth::api
