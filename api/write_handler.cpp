// api/write_handler.cpp - create, replace and patch.
#include "api/write_handler.hpp"

#include <optional>
#include <random>

#include <fmt/format.h>

#include "api/discovery.hpp"
#include "api/tables/field.hpp"
#include "api/write_body.hpp"
#include "model/deletion.hpp"

namespace berth::api {

namespace {

using model::Kind;

constexpr int kMaxAttempts = 5;
constexpr std::size_t kSuffixLength = 5;
constexpr std::size_t kMaxGeneratedBase = 63 - kSuffixLength;

/// As Kubernetes' names generator: no vowels, no look-alikes.
std::string random_suffix() {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  thread_local std::mt19937 engine{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> pick(0, kLetters.size() - 1);
  std::string out;
  for (std::size_t i = 0; i < kSuffixLength; ++i) out += kLetters[pick(engine)];
  return out;
}

ApiResult<UpdateOptions> options_of(const Query& query) {
  UpdateOptions options;
  options.strict = query.get("fieldValidation") == "Strict";
  const auto dry_run = query.get("dryRun");
  if (!dry_run.empty() && dry_run != "All") {
    return bad_request(fmt::format("dryRun: Unsupported value: \"{}\": supported values: \"All\"", dry_run));
  }
  options.dry_run = dry_run == "All";
  return options;
}

/// Status changes come often and can be worked out again; specs must be safe before anybody acts on them.
Durability durability_of(Kind kind, const UpdateOptions& options) {
  return options.status || kind == Kind::Event || kind == Kind::Lease ? Durability::Lazy : Durability::Durable;
}

/// Fields a new object may not bring along.
ApiResult<bool> prepare_new(json::object& raw, const ResourcePath& path) {
  auto metadata = metadata_of(raw);
  if (!metadata) return metadata.error();
  auto& meta = **metadata;
  if (!text_at(meta, {"resourceVersion"}).empty())
    return bad_request("resourceVersion should not be set on objects to be created");
  for (const auto name : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                          "selfLink", "resourceVersion"}) {
    meta.erase(name);
  }
  const auto base = std::string(text_at(meta, {"generateName"}));
  if (text_at(meta, {"name"}).empty() && !base.empty()) {
    meta["name"] = base.substr(0, kMaxGeneratedBase) + random_suffix();
  }
  // A node reports itself with its status; all others begin without one.
  if (has_status(path.kind) && path.kind != Kind::Node) raw.erase("status");
  drop_empty_metadata(raw);
  if (path.kind == Kind::Pod || path.kind == Kind::PersistentVolumeClaim) raw["status"] = {{"phase", "Pending"}};
  if (path.kind == Kind::PersistentVolume) raw["status"] = {{"phase", "Available"}};
  if (path.kind == Kind::Namespace) raw["status"] = {{"phase", "Active"}};
  return true;
}

/// Defaults, checks and decodes; the last stop before the store.
ApiResult<model::Object> finish(const model::KindInfo& kind, json::object raw, const json::object* old) {
  model::apply_defaults(kind.kind, raw);
  // What an older version stored may lack newer defaults: that is no change of a field.
  std::optional<json::object> before;
  if (old != nullptr) model::apply_defaults(kind.kind, before.emplace(*old));
  const auto name = std::string(text_at(raw, {"metadata", "name"}));
  const auto problems = model::validate(kind.kind, raw, before ? &*before : nullptr);
  if (!problems.empty()) return invalid(kind, name, problems);
  auto object = model::make_object(std::move(raw));
  if (!object) {
    return invalid(kind, name,
                   {{.file = {}, .line = 0, .object = {}, .field = {}, .message = object.error().message()}});
  }
  return *std::move(object);
}

HttpResponse object_response(unsigned code, const model::Object& object, HttpHeaders headers) {
  HttpResponse response;
  response.code = code;
  response.headers = std::move(headers);
  response.body = json::serialize(object.raw);
  return response;
}

}  // namespace

void handle_create(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  const auto& kind = model::info(path.kind);
  const auto options = options_of(query);
  if (!options) return respond(to_response(options.error()));
  auto raw = read_json_body(request);
  if (!raw) return respond(to_response(raw.error()));
  if (auto matched = match_path(*raw, path); !matched) return respond(to_response(matched.error()));
  if (auto prepared = prepare_new(*raw, path); !prepared) return respond(to_response(prepared.error()));
  if (kind.namespaced) {
    const auto ns = context.store.get({Kind::Namespace, {}, path.ns});
    if (!ns) return respond(to_response(not_found(model::info(Kind::Namespace), path.ns)));
    if (ns->meta.deleting()) {
      return respond(
          to_response({.code = 403,
                       .reason = "Forbidden",
                       .message = fmt::format("{} \"{}\" is forbidden: unable to create new content in namespace {} "
                                              "because it is being terminated",
                                              qualified_plural(kind), text_at(*raw, {"metadata", "name"}), path.ns),
                       .name = {},
                       .group = {},
                       .kind = {},
                       .causes = {}}));
    }
  }
  auto warnings = check_fields(kind, *raw, options->strict);
  if (!warnings) return respond(to_response(warnings.error()));
  auto object = finish(kind, *std::move(raw), nullptr);
  if (!object) return respond(to_response(object.error()));
  if (options->dry_run) {
    if (context.store.get(object->key())) return respond(to_response(already_exists(kind, object->meta.name)));
    return respond(object_response(201, *object, *std::move(warnings)));
  }
  const auto name = object->meta.name;
  context.store.create(
      *std::move(object), durability_of(kind.kind, *options),
      [post = context.reactor.post(), respond = std::move(respond), headers = *std::move(warnings), &kind,
       name](Result<model::ObjectPtr> done) {
        post([respond, headers, &kind, name, done = std::move(done)] {
          respond(done ? object_response(201, **done, headers) : to_response(from_error(done.error(), kind, name)));
        });
      });
}

namespace {

/// One update under way; kept alive by its callbacks.
struct Update : std::enable_shared_from_this<Update> {
  ApiContext& context;
  model::ObjectKey key;
  UpdateOptions options;
  Change change;
  UpdateDone done;
  int attempts = 0;

  Update(ApiContext& with, model::ObjectKey of, const UpdateOptions& how, Change what, UpdateDone end)
      : context(with), key(std::move(of)), options(how), change(std::move(what)), done(std::move(end)) {}

  void attempt() {
    ++attempts;
    const auto& kind = model::info(key.kind);
    const auto stored = context.store.get(key);
    if (!stored) return done(not_found(kind, key.name), {});
    auto raw = change(*stored);
    if (!raw) return done(raw.error(), {});
    HttpHeaders headers;
    if (!options.system) {
      if (auto prepared = prepare(*raw, *stored, headers); !prepared) return done(prepared.error(), {});
    }
    if (*raw == stored->raw) return done(stored, std::move(headers));  // nothing to write
    // A status does not make a stored spec better or worse: it is neither defaulted nor judged again.
    const bool as_it_is = options.system || options.status;
    auto object = as_it_is ? decode(*std::move(raw)) : finish(kind, *std::move(raw), &stored->raw);
    if (!object) return done(object.error(), {});
    if (object->raw == stored->raw) return done(stored, std::move(headers));
    if (options.dry_run) return done(std::make_shared<const model::Object>(*std::move(object)), std::move(headers));
    context.store.update(*std::move(object), stored->meta.resource_version, durability_of(key.kind, options),
                         [self = shared_from_this(), headers = std::move(headers),
                          post = context.reactor.post()](Result<model::ObjectPtr> result) mutable {
                           post([self = std::move(self), headers = std::move(headers), result = std::move(result)] {
                             self->ended(result, headers);
                           });
                         });
  }

  static ApiResult<model::Object> decode(json::object raw) {
    auto object = model::make_object(std::move(raw));
    if (!object) return internal(object.error().message());
    return *std::move(object);
  }

  ApiResult<bool> prepare(json::object& raw, const model::Object& stored, HttpHeaders& headers) const {
    const auto& kind = model::info(key.kind);
    if (auto matched = match_path(raw, {key.kind, key.ns, key.name, {}}); !matched) return matched.error();
    const auto uid = text_at(raw, {"metadata", "uid"});
    if (!uid.empty() && uid != stored.meta.uid) {
      return conflict(
          kind, key.name,
          fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid, stored.meta.uid));
    }
    const auto version = text_at(raw, {"metadata", "resourceVersion"});
    if (!version.empty() && version != std::to_string(stored.meta.resource_version))
      return stale_object(kind, key.name);
    auto warnings = check_fields(kind, raw, options.strict);
    if (!warnings) return warnings.error();
    headers = *std::move(warnings);
    if (options.status && field(raw, {"status"}) != nullptr && !raw.at("status").is_object()) {
      return bad_request("status: must be an object");
    }
    keep_system_fields(raw, stored.raw, key.kind, options.status);
    drop_empty_metadata(raw);
    return true;
  }

  void ended(const Result<model::ObjectPtr>& result, const HttpHeaders& headers) {
    if (failed_with(result, ErrorCode::Aborted) && attempts < kMaxAttempts) return attempt();
    if (!result) return done(from_error(result.error(), model::info(key.kind), key.name), {});
    done(*result, headers);
  }
};

/// Takes away what was only kept for its finalizers, now that the last is gone. Pods and sets are the agent's to end.
void remove_when_released(ApiContext& context, const model::Object& object) {
  if (!object.meta.deleting() || !object.meta.finalizers.empty() || model::deletes_gracefully(object.kind)) return;
  context.store.remove(object.key(), object.meta.resource_version, Durability::Durable,
                       [](const Result<model::ObjectPtr>&) {});
}

}  // namespace

void update_object(ApiContext& context, const model::ObjectKey& key, const UpdateOptions& options, Change change,
                   UpdateDone done) {
  std::make_shared<Update>(context, key, options, std::move(change), std::move(done))->attempt();
}

void handle_update(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  auto options = options_of(query);
  if (!options) return respond(to_response(options.error()));
  options->status = path.subresource == "status";
  Change change;
  if (request.method == Method::Patch) {
    change = [request, kind = path.kind, name = path.name](const model::Object& stored) {
      return patch_object(request, {model::info(kind), name, &model::schema_type(kind)}, stored.raw);
    };
  } else {
    auto raw = read_json_body(request);
    if (!raw) return respond(to_response(raw.error()));
    change = [raw = *std::move(raw)](const model::Object&) { return ApiResult<json::object>(raw); };
  }
  update_object(context, {path.kind, path.ns, path.name}, *options, std::move(change),
                [&context, respond = std::move(respond), dry_run = options->dry_run](ApiResult<model::ObjectPtr> done,
                                                                                     HttpHeaders headers) {
                  if (!done) return respond(to_response(done.error()));
                  if (!dry_run) remove_when_released(context, **done);
                  respond(object_response(200, **done, std::move(headers)));
                });
}

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

}  // namespace

void handle_scale(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond) {
  const model::ObjectKey key{path.kind, path.ns, path.name};
  if (request.method == Method::Get) {
    const auto set = context.store.get(key);
    return respond(set ? scale_response(*set) : to_response(not_found(model::info(path.kind), path.name)));
  }
  const auto options = options_of(query);
  if (!options) return respond(to_response(options.error()));
  const auto change = [request, &kind = model::info(path.kind),
                       name = path.name](const model::Object& stored) -> ApiResult<json::object> {
    auto scale = request.method == Method::Patch ? patch_object(request, {kind, name}, scale_of(stored))
                                                 : read_json_body(request);
    if (!scale) return scale.error();
    const auto* replicas = field(*scale, {"spec", "replicas"});
    if (replicas != nullptr && !replicas->is_int64()) return bad_request("spec.replicas: must be a whole number");
    auto raw = stored.raw;
    auto* spec = raw.if_contains("spec");
    if (spec == nullptr || !spec->is_object()) return internal("the stored set has no spec");
    spec->get_object()["replicas"] = replicas != nullptr ? replicas->get_int64() : 0;
    const auto version = text_at(*scale, {"metadata", "resourceVersion"});
    raw["metadata"].get_object()["resourceVersion"] =
        version.empty() ? std::to_string(stored.meta.resource_version) : std::string(version);
    return raw;
  };
  update_object(context, key, *options, change, [respond](ApiResult<model::ObjectPtr> done, HttpHeaders) {
    respond(done ? scale_response(**done) : to_response(done.error()));
  });
}

}  // namespace berth::api
