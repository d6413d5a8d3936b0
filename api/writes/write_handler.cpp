// api/writes/write_handler.cpp - create, replace and patch.
#include "api/writes/write_handler.hpp"

#include <optional>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/openapi/discovery.hpp"
#include "api/writes/apply_body.hpp"
#include "api/writes/claim_resize.hpp"
#include "api/writes/write_body.hpp"
#include "model/admission.hpp"
#include "model/deletion.hpp"
#include "model/generated_name.hpp"

namespace berth::api {

namespace {

using model::Kind;

constexpr int kMaxAttempts = 5;

/// Status changes come often and can be worked out again; specs must be safe before anybody acts on them.
Durability durability_of(Kind kind, const WriteOptions& options) {
  return options.status || kind == Kind::Event || kind == Kind::Lease ? Durability::Lazy : Durability::Durable;
}

/// Whoever signs it has to know who asks, and not who the body says that asks.
void set_requester(json::object& raw, const User& user) {
  auto* stored = raw.if_contains("spec");
  if (stored == nullptr || !stored->is_object()) return;
  auto& spec = stored->get_object();
  for (const auto* name : {"username", "uid", "groups", "extra"}) spec.erase(name);
  if (!user.name.empty()) spec["username"] = user.name;
  if (!user.uid.empty()) spec["uid"] = user.uid;
  if (!user.groups.empty()) spec["groups"] = json::array(user.groups.begin(), user.groups.end());
}

/// Fields a new object may not bring along.
ApiResult<bool> prepare_new(json::object& raw, const ResourcePath& path, const WriteOptions& options) {
  auto metadata = metadata_of(raw);
  if (!metadata) return metadata.error();
  auto& meta = **metadata;
  if (!text_at(meta, {"resourceVersion"}).empty())
    return bad_request("resourceVersion should not be set on objects to be created");
  for (const auto name : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                          "selfLink", "resourceVersion"}) {
    meta.erase(name);
  }
  if (!options.manager.applies) meta.erase("managedFields");
  const auto base = std::string(text_at(meta, {"generateName"}));
  if (text_at(meta, {"name"}).empty() && !base.empty()) {
    meta["name"] = model::generated_name(base);
  }
  // A node reports itself with its status; all others begin without one.
  if (model::info(path.kind).has_status && path.kind != Kind::Node) raw.erase("status");
  drop_empty_metadata(raw);
  if (path.kind == Kind::Pod || path.kind == Kind::PersistentVolumeClaim) raw["status"] = {{"phase", "Pending"}};
  if (path.kind == Kind::PersistentVolume) raw["status"] = {{"phase", "Available"}};
  if (path.kind == Kind::Namespace) raw["status"] = {{"phase", "Active"}};
  if (path.kind == Kind::CertificateSigningRequest) set_requester(raw, options.user);
  return true;
}

/// Defaults and checks: after this only the store may refuse it.
ApiResult<json::object> judged(const model::KindInfo& kind, json::object raw, const json::object* old) {
  model::apply_defaults(kind.kind, raw);
  if (old != nullptr) model::keep_filled(kind.kind, raw, *old);
  // What an older version stored may lack newer defaults: that is no change of a field.
  std::optional<json::object> before;
  if (old != nullptr) model::apply_defaults(kind.kind, before.emplace(*old));
  const auto problems = model::validate(kind.kind, raw, before ? &*before : nullptr);
  if (!problems.empty()) return invalid(kind, text_at(raw, {"metadata", "name"}), problems);
  return raw;
}

/// The marks that came with a status. What an older version stored beside them is not judged by it.
std::optional<ApiError> wrong_marks(const model::KindInfo& kind, const json::object& raw, const json::object& old) {
  const auto* marks = raw.if_contains("metadata");
  const auto* before = old.if_contains("metadata");
  if (marks == nullptr || (before != nullptr && *marks == *before)) return std::nullopt;
  auto problems = model::validate(kind.kind, raw, &old);
  std::erase_if(problems, [](const auto& problem) { return !problem.field.starts_with("metadata."); });
  if (problems.empty()) return std::nullopt;
  return invalid(kind, text_at(raw, {"metadata", "name"}), problems);
}

ApiResult<model::Object> decoded(const model::KindInfo& kind, json::object raw) {
  const auto name = std::string(text_at(raw, {"metadata", "name"}));
  auto object = model::make_object(std::move(raw));
  if (object) return *std::move(object);
  return invalid(kind, name, {{.file = {}, .line = 0, .object = {}, .field = {}, .message = object.error().message()}});
}

HttpResponse object_response(unsigned code, const model::Object& object, HttpHeaders headers) {
  HttpResponse response;
  response.code = code;
  response.headers = std::move(headers);
  response.body = json::serialize(object.raw);
  return response;
}

WriteDone answer(unsigned code, Respond respond) {
  return [code, respond = std::move(respond)](ApiResult<model::ObjectPtr> done, HttpHeaders headers) {
    respond(done ? object_response(code, **done, std::move(headers)) : to_response(done.error()));
  };
}

/// 404 without the namespace, 403 when it is going.
std::optional<ApiError> namespace_refuses(ApiContext& context, const ResourcePath& path, std::string_view name) {
  const auto& kind = model::info(path.kind);
  if (!kind.namespaced) return std::nullopt;
  const auto ns = context.store.get({Kind::Namespace, {}, path.ns});
  if (!ns) return not_found(model::info(Kind::Namespace), path.ns);
  if (!ns->meta.deleting()) return std::nullopt;
  auto error = not_permitted(
      kind, name, fmt::format("unable to create new content in namespace {} because it is being terminated", path.ns));
  error.causes.push_back(
      {"NamespaceTerminating", fmt::format("namespace {} is being terminated", path.ns), "metadata.namespace"});
  return error;
}

/// A dry run shows what the store would have filled in, or why it would have refused.
Status fill_as_the_store_would(Kind kind, json::object& raw, const ApiContext& context) {
  if (auto admitted = model::admit_new(kind, raw, store::AsStored(context.store)); !admitted) return admitted;
  auto metadata = metadata_of(raw);
  if (!metadata) return Ok{};
  (**metadata)["uid"] = model::new_uid();
  (**metadata)["creationTimestamp"] = format_rfc3339(context.clock.wall());
  (**metadata)["generation"] = 1;
  model::complete_new(kind, raw);
  return Ok{};
}

}  // namespace

void create_object(ApiContext& context, const ResourcePath& path, const WriteOptions& options, json::object raw,
                   WriteDone done) {
  const auto& kind = model::info(path.kind);
  if (auto prepared = prepare_new(raw, path, options); !prepared) return done(prepared.error(), {});
  if (auto refused = namespace_refuses(context, path, text_at(raw, {"metadata", "name"}))) {
    return done(*std::move(refused), {});
  }
  auto warnings = check_fields(kind, raw, options.fields, nullptr);
  if (!warnings) return done(warnings.error(), {});
  auto complete = judged(kind, std::move(raw), nullptr);
  if (!complete) return done(complete.error(), {});
  if (options.dry_run) {
    if (auto filled = fill_as_the_store_would(kind.kind, *complete, context); !filled) {
      return done(from_error(filled.error(), kind, text_at(*complete, {"metadata", "name"})), {});
    }
  }
  auto object = decoded(kind, *std::move(complete));
  if (!object) return done(object.error(), {});
  const auto name = object->meta.name;
  if (options.dry_run) {
    if (context.store.get(object->key())) return done(already_exists(kind, name), {});
    return done(std::make_shared<const model::Object>(*std::move(object)), *std::move(warnings));
  }
  context.store.create(*std::move(object), durability_of(kind.kind, options),
                       [post = context.reactor.post(), done = std::move(done), headers = *std::move(warnings), &kind,
                        name](Result<model::ObjectPtr> result) {
                         post([done, headers, &kind, name, result = std::move(result)] {
                           if (!result) return done(from_error(result.error(), kind, name), {});
                           done(*result, headers);
                         });
                       });
}

void handle_create(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  const auto options = read_write_options(context, path, query, request);
  if (!options) return respond(to_response(options.error()));
  auto raw = read_json_body(request);
  if (!raw) return respond(to_response(raw.error()));
  if (auto matched = match_path(*raw, path); !matched) return respond(to_response(matched.error()));
  create_object(context, path, *options, *std::move(raw), answer(201, std::move(respond)));
}

namespace {

/// Was it only kept for its finalizers, and is the last now gone? Pods and sets are the agent's to end.
bool is_released(const model::Object& object) {
  return object.meta.deleting() && object.meta.finalizers.empty() && !model::deletes_gracefully(object.kind);
}

/// One update under way; kept alive by its callbacks.
struct Update : std::enable_shared_from_this<Update> {
  ApiContext& context;
  model::ObjectKey key;
  WriteOptions options;
  Change change;
  WriteDone done;
  int attempts = 0;

  Update(ApiContext& with, model::ObjectKey of, const WriteOptions& how, Change what, WriteDone end)
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
    if (!options.system && !options.status) {
      raw = judged(kind, *std::move(raw), &stored->raw);
      if (!raw) return done(raw.error(), {});
      if (auto refused = refuse_resize(context.store, *stored, *raw)) return done(*std::move(refused), {});
    }
    if (options.status) {
      if (auto refused = wrong_marks(kind, *raw, stored->raw)) return done(*std::move(refused), {});
    }
    if (!options.system && !options.manager.applies) {
      model::record_update(key.kind, options.manager, format_rfc3339(context.clock.wall()), stored->raw, *raw);
    }
    if (*raw == stored->raw) return done(stored, std::move(headers));
    auto object = decoded(kind, *std::move(raw));
    if (!object) return done(object.error(), {});
    if (options.dry_run) {
      const store::AsStored all(context.store);
      if (auto admitted = model::admit_change(key.kind, object->raw, stored->raw, all); !admitted) {
        return done(from_error(admitted.error(), model::info(key.kind), key.name), {});
      }
      return done(std::make_shared<const model::Object>(*std::move(object)), std::move(headers));
    }
    if (is_released(*object)) return remove(*std::move(object), stored->meta.resource_version, std::move(headers));
    context.store.update(*std::move(object), stored->meta.resource_version, durability_of(key.kind, options),
                         [self = shared_from_this(), headers = std::move(headers),
                          post = context.reactor.post()](Result<model::ObjectPtr> result) mutable {
                           post([self = std::move(self), headers = std::move(headers), result = std::move(result)] {
                             self->ended(result, headers);
                           });
                         });
  }

  /// In one write, as Kubernetes does it: two would leave, when the second is refused, what nobody ends any more.
  void remove(model::Object last, store::Revision expected, HttpHeaders headers) {
    context.store.remove(key, expected, Durability::Durable,
                         [self = shared_from_this(), headers = std::move(headers), post = context.reactor.post(),
                          last = std::make_shared<const model::Object>(std::move(last))](
                             const Result<model::ObjectPtr>& result) mutable {
                           auto shown = result ? Result<model::ObjectPtr>(std::move(last)) : result;
                           post([self = std::move(self), headers = std::move(headers), shown = std::move(shown)] {
                             self->ended(shown, headers);
                           });
                         });
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
    auto warnings = check_fields(kind, raw, options.fields, &stored.raw);
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

}  // namespace

void update_object(ApiContext& context, const model::ObjectKey& key, const WriteOptions& options, Change change,
                   WriteDone done) {
  std::make_shared<Update>(context, key, options, std::move(change), std::move(done))->attempt();
}

namespace {

/// What the request makes of the stored object.
ApiResult<Change> change_of(const HttpRequest& request, const ResourcePath& path) {
  if (request.method != Method::Patch) {
    auto raw = read_json_body(request);
    if (!raw) return raw.error();
    return Change([raw = *std::move(raw)](const model::Object&) { return ApiResult<json::object>(raw); });
  }
  return Change([request, kind = path.kind, name = path.name](const model::Object& stored) {
    return patch_object(request, {model::info(kind), name, &model::schema_type(kind)}, stored.raw);
  });
}

/// Server-side apply: makes the object when there is none.
void apply(ApiContext& context, const ResourcePath& path, const WriteOptions& options, json::object config,
           Respond respond) {
  const model::ObjectKey key{path.kind, path.ns, path.name};
  if (context.store.get(key) || !path.subresource.empty()) {
    const auto change = [kind = path.kind, options, &clock = context.clock,
                         config = std::move(config)](const model::Object& stored) {
      return applied_object(kind, options, format_rfc3339(clock.wall()), stored.raw, config);
    };
    return update_object(context, key, options, change, answer(200, std::move(respond)));
  }
  auto raw = applied_object(path.kind, options, format_rfc3339(context.clock.wall()), {}, config);
  if (!raw) return respond(to_response(raw.error()));
  auto done = [&context, path, options, config, respond = std::move(respond)](ApiResult<model::ObjectPtr> made,
                                                                              HttpHeaders headers) {
    // Somebody else was faster: then it is an update.
    const bool lost = !made && made.error().reason == "AlreadyExists" && !options.dry_run;
    if (lost) return apply(context, path, options, config, respond);
    respond(made ? object_response(201, **made, std::move(headers)) : to_response(made.error()));
  };
  create_object(context, path, options, *std::move(raw), std::move(done));
}

}  // namespace

void handle_update(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  const auto options = read_write_options(context, path, query, request);
  if (!options) return respond(to_response(options.error()));
  if (options->manager.applies) {
    auto config = read_apply_body(path, request);
    if (!config) return respond(to_response(config.error()));
    return apply(context, path, *options, *std::move(config), std::move(respond));
  }
  auto change = change_of(request, path);
  if (!change) return respond(to_response(change.error()));
  update_object(context, {path.kind, path.ns, path.name}, *options, *std::move(change),
                answer(200, std::move(respond)));
}

}  // namespace berth::api
