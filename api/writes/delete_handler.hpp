// api/writes/delete_handler.hpp - delete: mark what the agent or a finalizer has to end, remove the rest at once.
#pragma once

#include <functional>
#include <optional>

#include "api/request/api_context.hpp"
#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "api/writes/delete_options.hpp"

namespace berth::api {

/// What a deletion came to.
struct Deletion {
  model::ObjectPtr object;  ///< As it is now; when removed, its last state.
  bool removed = false;     ///< False: it is marked, and goes when the agent and its finalizers are done.
};
using DeletionDone = std::function<void(ApiResult<Deletion>)>;

/// What else happens when an object is marked.
struct Companion {
  /// What is written in the same transaction, if anything: asked at each attempt, with the object as it is stored. An
  /// error ends the deletion.
  std::function<ApiResult<std::optional<model::Object>>(const model::Object& stored)> write = {};
  /// What it says of its end, beside the mark.
  std::function<void(json::object& raw)> edit = {};
};

/// Begins or makes the deletion of one object. Pods bound to a node, StatefulSets, DaemonSets and namespaces get a
/// deletionTimestamp (pods also deletionGracePeriodSeconds; the timestamp is then, as in Kubernetes, when the grace
/// ends) and the agent removes them when what they own is gone; so does anything with finalizers. Foreground and Orphan
/// are finalizers; sets, which go in their own order, keep Orphan as an annotation. A claim that a pod uses and a bound
/// volume get their protection's finalizer. All else is removed. Deleting again may only shorten the grace.
/// 404 when there is none, 403 for the namespaces that every cluster has, 409 for a precondition that does not hold.
/// `done` runs on the API thread.
void delete_object(ApiContext& context, const model::ObjectKey& key, const DeleteOptions& options, DeletionDone done,
                   Companion companion = {});

/// DELETE of one object: 200 with the object, or Status Success with details.uid.
void handle_delete(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

/// DELETE on a collection: every object that the selectors take. 200 with the list as it was before; the first failure
/// otherwise. What was removed by somebody else meanwhile is no failure.
void handle_delete_collection(ApiContext& context, const ResourcePath& path, const Query& query,
                              const HttpRequest& request, Respond respond);

/// Is DELETE offered on the kind's collection? As in Kubernetes, not on namespaces.
bool deletes_collections(model::Kind kind);

}  // namespace berth::api
