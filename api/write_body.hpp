// api/write_body.hpp - request bodies and what the API does to an object before it is stored. Pure.
#pragma once

#include "api/api_error.hpp"
#include "api/http_message.hpp"
#include "api/request_path.hpp"
#include "model/model.hpp"

namespace berth::api {

/// The body as one JSON object. 415 for another content type (none counts as JSON), 400 when it does not parse.
ApiResult<json::object> read_json_body(const HttpRequest& request);

/// The stored object after PATCH; 415 for a patch type we do not speak, 422 when the patch does not apply.
ApiResult<json::object> patch_object(const HttpRequest& request, const json::object& stored,
                                     const model::KindInfo& kind, std::string_view name);

/// metadata, made when it is missing. 400 when it is not an object.
ApiResult<json::object*> metadata_of(json::object& raw);

/// apiVersion, kind, name and namespace must be what the path says, or missing: then they are filled in.
/// An empty `path.name` (create) accepts any name.
ApiResult<bool> match_path(json::object& raw, const ResourcePath& path);

/// What only the system may set is taken from `stored`: uid, times, generation, and `status` (or all but `status`).
void keep_system_fields(json::object& raw, const json::object& stored, model::Kind kind, bool status_update);

/// 400 when strict and a field is unknown, else one Warning header per finding (10 at most).
ApiResult<HttpHeaders> check_fields(const model::KindInfo& kind, const json::object& raw, bool strict);

}  // namespace berth::api
