// api/ui/page_handler.hpp - /ui: the dashboard, read from disk when it is asked for.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not of this page, `respond` was not used. The file is read on the lane and forgotten when it is sent: a
/// dashboard that nobody opens costs no memory. 304 when the browser has it already; 404 when it is not installed.
bool handle_page(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond);

}  // namespace berth::api
