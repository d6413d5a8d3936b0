// api/writes/write_handler.hpp - create, replace and patch.
#pragma once

#include <functional>

#include "api/request/api_context.hpp"
#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "api/writes/write_options.hpp"

namespace berth::api {

/// POST on a collection: defaults, validates, stores. 201 with the object as stored.
void handle_create(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

/// PUT or PATCH on an object or its `status`. 200 with the object as stored; 201 when a server-side apply made it.
void handle_update(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

/// How a write ended: the object as stored (as it would be, for a dry run), and warnings for the answer.
using WriteDone = std::function<void(ApiResult<model::ObjectPtr>, HttpHeaders)>;

/// Stores a new object, its namespace permitting. `raw` says kind, name and namespace as `path` does. `done` runs on
/// the API thread.
void create_object(ApiContext& context, const ResourcePath& path, const WriteOptions& options, json::object raw,
                   WriteDone done);

/// Changes a copy of the stored object's JSON.
using Change = std::function<ApiResult<json::object>(const model::Object& stored)>;

/// Read, change, default, validate, write; again (5 times at most) when somebody was faster and the change named no
/// resourceVersion. `done` runs on the API thread.
void update_object(ApiContext& context, const model::ObjectKey& key, const WriteOptions& options, Change change,
                   WriteDone done);

// The names before there was a WriteOptions.
using UpdateOptions = WriteOptions;
using UpdateDone = WriteDone;

}  // namespace berth::api
