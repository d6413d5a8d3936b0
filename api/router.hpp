// api/router.hpp - from a request to the handler that answers it.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"

namespace berth::api {

/// Answers one request, at once or later. API thread.
void route(ApiContext& context, HttpRequest request, Respond respond);

}  // namespace berth::api
