// api/writes/eviction.hpp - a pod is deleted, if its disruption budget has room.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// POST on pods/NAME/eviction: a graceful deletion, 201 with Status Success. The body is a policy/v1 or v1beta1
/// Eviction, or empty.
///
/// A PodDisruptionBudget that takes the pod must allow it: its status loses one in the transaction that marks the pod,
/// so that two evictions at once never both use the last one. 429 when it does not, with a cause that says what it
/// needs; with retryAfterSeconds while the budget's own numbers are not there yet. 500 when several budgets take the
/// pod. Pods that are pending, over or on their way out need no budget; one that is not ready needs none as its
/// unhealthyPodEvictionPolicy says.
void handle_evict(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond);

}  // namespace berth::api
