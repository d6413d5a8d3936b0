// api/encoding/old_version.hpp - requests by an old API version (apps/v1beta1, ...) told to handlers that know the
// current one.
#pragma once

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// Rewrites the body of a request whose `path.old_version` is set, so that it says what it means in the version that is
/// stored: model::convert for whole objects (POST, PUT, server-side apply), apiVersion alone for other patches.
/// 400 when the body names another version than the path, 415 as read_json_body.
ApiResult<bool> to_current_version(HttpRequest& request, const ResourcePath& path);

/// Answers of `respond` carry the path's old version instead; writes also say in a Warning that it is old. Streamed
/// bodies pass: see Presentation::api_version.
Respond from_current_version(Respond respond, const ResourcePath& path, Method method);

/// Appends `raw` as JSON, its apiVersion replaced when `api_version` is not empty.
void append_object(std::string& out, const json::object& raw, std::string_view api_version);

}  // namespace berth::api
