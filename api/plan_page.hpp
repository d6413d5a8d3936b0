// api/plan_page.hpp - /berth/v1/plan: what would happen if these objects were applied, in order. Nothing is stored.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not this page, `respond` was not used.
///
/// POST {"applies": [{"path": ..., "object": {...}}, ...]}: each is what PATCH with application/apply-patch+yaml would
/// have as path (with its query) and body. They are carried out on a copy of the store, by the handlers that do it
/// always, and then the agent's controllers play on that copy. The answer has "objects", one for each:
/// {"kind", "namespace", "name", "result": "create" | "update" | "unchanged" | "refuse", "code", "message"}, and
/// "steps": [{"kind", "namespace", "name", "step"}].
bool handle_plan(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond);

}  // namespace berth::api
