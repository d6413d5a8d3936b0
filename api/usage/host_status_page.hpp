// api/usage/host_status_page.hpp - /berth/v1/status: what the agent says of its host.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not this page, `respond` was not used. The agent is asked on the lane: it looks at disks.
bool handle_host_status(ApiContext& context, const Target& target, Method method, const Respond& respond);

}  // namespace berth::api
