// api/usage/ailments_page.hpp - /berth/v1/ailments: what is not well, in the sentences of `berth status`.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not this page, `respond` was not used. Put together on the lane.
bool handle_ailments(ApiContext& context, const Target& target, Method method, const Respond& respond);

}  // namespace berth::api
