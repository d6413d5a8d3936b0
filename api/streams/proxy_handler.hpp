// api/streams/proxy_handler.hpp - pods/proxy and services/proxy: a pod's own server, asked through ours.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: it is no path of a proxy. Else answers, now or later: with what the other server says, or with why it cannot
/// be asked. Plain HTTP without upgrades; of a Location, its path is made one of ours.
bool handle_proxy(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond);

}  // namespace berth::api
