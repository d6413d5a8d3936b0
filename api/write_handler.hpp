// api/write_handler.hpp - create, replace and patch.
#pragma once

#include <functional>

#include "api/api_context.hpp"
#include "api/api_error.hpp"
#include "api/http_message.hpp"
#include "api/request_path.hpp"

namespace berth::api {

/// POST on a collection: defaults, validates, stores. 201 with the object as stored.
void handle_create(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

/// PUT or PATCH on an object or its `status`. 200 with the object as stored.
void handle_update(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                   Respond respond);

/// GET, PUT or PATCH on `statefulsets/NAME/scale`: autoscaling/v1 Scale.
void handle_scale(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond);

/// Changes a copy of the stored object's JSON.
using Change = std::function<ApiResult<json::object>(const model::Object& stored)>;

/// How one update is made.
struct UpdateOptions {
  bool status = false;   ///< Only `status` is taken from the change, else all but `status`.
  bool strict = false;   ///< fieldValidation=Strict: unknown fields are 400.
  bool dry_run = false;  ///< Compute, do not store.
  bool system = false;  ///< Our own change of system fields (deletion): not defaulted, not validated, nothing restored.
};
using UpdateDone = std::function<void(ApiResult<model::ObjectPtr>, HttpHeaders)>;

/// Read, change, default, validate, write; again (5 times at most) when somebody was faster and the change named no
/// resourceVersion. `done` runs on the API thread.
void update_object(ApiContext& context, const model::ObjectKey& key, const UpdateOptions& options, Change change,
                   UpdateDone done);

}  // namespace berth::api
