// api/delete_handler.hpp - delete: mark what the agent has to end, remove the rest at once.
#pragma once

#include "api/api_context.hpp"
#include "api/http_message.hpp"
#include "api/request_path.hpp"

namespace berth::api {

/// DELETE of one object. Pods bound to a node, StatefulSets and DaemonSets get a deletionTimestamp (pods also
/// deletionGracePeriodSeconds; the timestamp is then, as in Kubernetes, when the grace ends) and the agent removes them
/// when their containers are gone; so does anything with finalizers. All else is removed. Deleting again may only
/// shorten the grace. DeleteOptions come from the body, then the query. 200 with the object, or Status Success with
/// details.uid.
void handle_delete(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

}  // namespace berth::api
