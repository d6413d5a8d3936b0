// api/encoding/json_body.hpp - a request's body as JSON, however it was sent.
#pragma once

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "base/json.hpp"

namespace berth::api {

/// The body as one JSON object, also when it is protobuf. 415 for another content type (none counts as JSON), 400 when
/// it does not parse.
ApiResult<json::object> read_json_body(const HttpRequest& request);

}  // namespace berth::api
