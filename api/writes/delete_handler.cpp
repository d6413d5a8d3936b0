// api/writes/delete_handler.cpp - see delete_handler.hpp.
#include "api/writes/delete_handler.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/reads/list_body.hpp"
#include "api/writes/write_body.hpp"
#include "model/deletion.hpp"
#include "model/node_facts.hpp"

namespace berth::api {

namespace {

using model::Kind;

constexpr std::string_view kPropagationAnnotation = "berth.io/propagation-policy";
constexpr int kMaxAttempts = 5;
/// Deletions of one collection that are under way at once: the store's queue is everybody's.
constexpr std::size_t kBatch = 256;

/// Is nothing heard of the node, by its object? Of our own we are what is heard.
bool is_silent(const ApiContext& context, std::string_view node) {
  if (node == context.config.node_name) return false;
  const auto stored = context.store.get({Kind::Node, "", std::string(node)});
  if (stored == nullptr) return true;
  return model::is_unheard_of(stored->raw);
}

/// Must somebody else finish it? A pod that no node has taken is nobody's; and on a node of which nothing is heard
/// nobody does, where a person wants it gone at once (--force).
bool is_ended_by_agent(const ApiContext& context, const model::Object& object, const DeleteOptions& options) {
  if (object.kind == Kind::Pod) {
    const auto node = text_at(object.raw, {"spec", "nodeName"});
    if (node.empty() || (options.grace_seconds == 0 && is_silent(context, node))) return false;
  }
  return model::deletes_gracefully(object.kind);
}

bool is_set(Kind kind) { return kind == Kind::StatefulSet || kind == Kind::DaemonSet; }

/// Does a pod of the claim's namespace mount it?
bool claim_is_used(const store::Store& store, const model::Object& claim) {
  bool found = false;
  store.visit(Kind::Pod, claim.meta.ns, [&](const model::ObjectPtr& pod) {
    const auto* volumes = field(pod->raw, {"spec", "volumes"});
    if (found || volumes == nullptr || !volumes->is_array()) return;
    const auto& list = volumes->get_array();
    found = std::any_of(list.begin(), list.end(), [&](const auto& volume) {
      return find_string(volume, {"persistentVolumeClaim", "claimName"}) == claim.meta.name;
    });
  });
  return found;
}

/// The policy as finalizers, as Kubernetes keeps it; no policy leaves what is there.
void set_policy(Kind kind, json::object& raw, const std::string& policy) {
  if (policy.empty()) return;
  if (is_set(kind)) {
    auto& annotations = raw["metadata"].get_object()["annotations"];
    if (!annotations.is_object()) annotations.emplace_object();
    annotations.get_object()[kPropagationAnnotation] = policy;
    return;
  }
  model::drop_finalizer(raw, model::kForegroundFinalizer);
  model::drop_finalizer(raw, model::kOrphanFinalizer);
  if (policy == "Foreground") model::add_finalizer(raw, model::kForegroundFinalizer);
  if (policy == "Orphan") model::add_finalizer(raw, model::kOrphanFinalizer);
}

/// The object with its deletion recorded; unchanged when that was done before.
json::object marked(const store::Store& store, const model::Object& stored, const DeleteOptions& options,
                    WallTime now) {
  auto raw = stored.raw;
  const auto phase = text_at(raw, {"status", "phase"});
  const bool ended = stored.kind == Kind::Pod && model::is_terminal_phase(phase);
  set_policy(stored.kind, raw, options.propagation);
  if (!stored.meta.deleting()) {
    if (stored.kind == Kind::PersistentVolumeClaim && claim_is_used(store, stored)) {
      model::add_finalizer(raw, model::kClaimProtection);
    }
    if (model::is_bound_volume(stored)) model::add_finalizer(raw, model::kVolumeProtection);
  }
  model::mark_deleted(stored.kind, raw, ended ? std::optional<std::int64_t>(0) : options.grace_seconds, now);
  return raw;
}

HttpResponse removed(const model::Object& object) {
  const auto& kind = model::info(object.kind);
  json::object details{{"name", object.meta.name}, {"kind", kind.plural}, {"uid", object.meta.uid}};
  if (!kind.group.empty()) details["group"] = kind.group;
  return success(200, "details", std::move(details));
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

/// Namespaces that every cluster has (Kubernetes' NamespaceLifecycle admission).
std::optional<ApiError> is_immortal(const model::ObjectKey& key) {
  if (key.kind != Kind::Namespace) return std::nullopt;
  if (key.name != "default" && key.name != "kube-system" && key.name != "kube-public") return std::nullopt;
  return not_permitted(model::info(key.kind), key.name, "this namespace may not be deleted");
}

/// One deletion under way; kept alive by its callbacks.
struct OneDeletion : std::enable_shared_from_this<OneDeletion> {
  OneDeletion(ApiContext& with, model::ObjectKey of, DeleteOptions how, DeletionDone end, Companion beside)
      : context(with),
        key(std::move(of)),
        options(std::move(how)),
        done(std::move(end)),
        companion(std::move(beside)) {}

  ApiContext& context;
  model::ObjectKey key;
  DeleteOptions options;
  DeletionDone done;
  Companion companion;
  int attempts = 0;

  void attempt() {
    ++attempts;
    const auto stored = context.store.get(key);
    if (!stored) return done(not_found(model::info(key.kind), key.name));
    if (auto failed = failed_precondition(*stored, options)) return done(*std::move(failed));
    if (auto immortal = is_immortal(key)) return done(*std::move(immortal));
    store::Txn txn;
    if (companion.write) {
      auto beside = companion.write(*stored);
      if (!beside) return done(beside.error());
      if (*beside) {
        txn.conditions.push_back(store::Condition::at((*beside)->key(), (*beside)->meta.resource_version));
        txn.writes.push_back(store::Write::put(**std::move(beside)));
      }
    }
    // What was looked at, and nothing newer: somebody may just have added a finalizer.
    txn.conditions.push_back(store::Condition::at(key, stored->meta.resource_version));
    auto raw = marked(context.store, *stored, options, context.clock.wall());
    if (companion.edit && !stored->meta.deleting()) companion.edit(raw);
    auto object = model::make_object(std::move(raw));
    if (!object) return done(internal(object.error().message()));
    if (!is_ended_by_agent(context, *stored, options) && object->meta.finalizers.empty())
      return remove(stored, std::move(txn));
    if (object->raw == stored->raw) return done(Deletion{stored, false});
    if (options.dry_run) return done(Deletion{std::make_shared<const model::Object>(*std::move(object)), false});
    txn.writes.push_back(store::Write::put(*std::move(object)));
    context.store.commit(std::move(txn), Durability::Durable, ended([](model::ObjectPtr now) {
                           return Deletion{std::move(now), false};
                         }));
  }

  void remove(const model::ObjectPtr& stored, store::Txn txn) {
    if (options.dry_run) return done(Deletion{stored, true});
    txn.writes.push_back(store::Write::remove(key));
    context.store.commit(std::move(txn), Durability::Durable, ended([stored](const model::ObjectPtr&) {
                           return Deletion{stored, true};
                         }));
  }

  template <typename Make>
  store::Committed ended(Make make) {
    return
        [self = shared_from_this(), post = context.reactor.post(), make](Result<std::vector<model::ObjectPtr>> result) {
          post([self, make, result = std::move(result)] {
            if (failed_with(result, ErrorCode::Aborted) && self->attempts < kMaxAttempts) return self->attempt();
            if (!result) return self->done(from_error(result.error(), model::info(self->key.kind), self->key.name));
            self->done(make(result->back()));
          });
        };
  }
};

/// A collection's deletion under way.
struct ManyDeletions : std::enable_shared_from_this<ManyDeletions> {
  ManyDeletions(ApiContext& with, store::Listing what, DeleteOptions how, Respond end)
      : context(with), listing(std::move(what)), options(std::move(how)), respond(std::move(end)) {}

  ApiContext& context;
  store::Listing listing;  ///< What the selectors took.
  DeleteOptions options;
  Respond respond;
  const model::KindInfo* kind = nullptr;
  std::string api_version;  ///< An old one that the client asked by; empty: as stored.
  std::size_t next = 0;
  std::size_t waiting = 0;
  std::optional<ApiError> failure;

  void begin_batch() {
    const auto end = failure ? next : std::min(next + kBatch, listing.objects.size());
    if (next == end) return answer();
    const auto first = std::exchange(next, end);
    waiting = end - first;
    for (auto i = first; i < end; ++i) {
      delete_object(context, listing.objects[i]->key(), options,
                    [self = shared_from_this()](const ApiResult<Deletion>& deleted) {
                      if (!deleted && deleted.error().code != 404 && !self->failure) self->failure = deleted.error();
                      // Never deeper on the stack than one batch.
                      if (--self->waiting == 0) self->context.reactor.post()([self] { self->begin_batch(); });
                    });
    }
  }

  void answer() {
    if (failure) return respond(to_response(*failure));
    HttpResponse response;
    Presentation whole;
    whole.api_version = api_version;
    response.stream = make_list_body(*kind, {.listing = std::move(listing), .next = {}, .left = {}}, Selection(), whole,
                                     context.clock.wall());
    respond(std::move(response));
  }
};

}  // namespace

void delete_object(ApiContext& context, const model::ObjectKey& key, const DeleteOptions& options, DeletionDone done,
                   Companion companion) {
  std::make_shared<OneDeletion>(context, key, options, std::move(done), std::move(companion))->attempt();
}

void handle_delete(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond) {
  const auto options = read_delete_options(query, request);
  if (!options) return respond(to_response(options.error()));
  delete_object(context, {path.kind, path.ns, path.name}, *options,
                [respond = std::move(respond)](const ApiResult<Deletion>& deleted) {
                  if (!deleted) return respond(to_response(deleted.error()));
                  if (deleted->removed) return respond(removed(*deleted->object));
                  HttpResponse response;
                  response.body = json::serialize(deleted->object->raw);
                  respond(std::move(response));
                });
}

bool deletes_collections(Kind kind) { return kind != Kind::Namespace; }

void handle_delete_collection(ApiContext& context, const ResourcePath& path, const Query& query,
                              const HttpRequest& request, Respond respond) {
  const auto& kind = model::info(path.kind);
  auto options = read_delete_options(query, request);
  if (!options) return respond(to_response(options.error()));
  const auto selection = Selection::parse(kind, query.get("labelSelector"), query.get("fieldSelector"));
  if (!selection) return respond(to_response(selection.error()));
  auto listing = context.store.list(path.kind, path.ns);
  std::erase_if(listing.objects, [&](const auto& object) { return !selection->matches(*object); });
  auto all = std::make_shared<ManyDeletions>(context, std::move(listing), *std::move(options), std::move(respond));
  all->kind = &kind;
  all->api_version = path.old_version;
  all->begin_batch();
}

}  // namespace berth::api
