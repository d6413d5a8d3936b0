// api/streams/far_host.hpp - what only another host can answer, asked of its API.
#pragma once

#include <string>
#include <string_view>

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "base/json.hpp"
#include "base/tcp_address.hpp"

namespace berth::api {

/// Where a node's API is, as its Node says: status.addresses' InternalIP and the port of
/// status.daemonEndpoints.kubeletEndpoint. FailedPrecondition: it does not. Pure.
Result<TcpAddress> api_address(const json::object& node);

/// The request as the other host gets it, and not a byte of what the client sent besides: it is made anew from what was
/// understood here, so neither tokens nor headers that would make somebody of the client get there. A body is not
/// passed on: nothing of this has one. Says that `by` passes it on, and that no other request follows. Pure.
std::string passed_on_request(const HttpRequest& request, const TcpAddress& address, std::string_view by);

/// Is `node` another one than ours, and do we know how to ask others?
bool is_far(const ApiContext& context, std::string_view node);

/// Asks the API of `node` the same, and answers with what it answers: a body as it comes, or after an upgrade whatever
/// goes both ways. Who may ask was judged here; there a host asks. What was passed on to us already is not passed on
/// again: 508. 503 with a sentence when the node or its API is not there, or does not answer; 502 when it does not take
/// us for a host. `what` is what that sentence begins with: "pod web-0 is on node n2". API thread.
void ask_far_host(ApiContext& context, const std::string& node, std::string_view what, const HttpRequest& request,
                  Respond respond);

/// For what concerns the containers of a pod: true when that is another host's, which then answers.
bool ask_host_of_pod(ApiContext& context, const ResourcePath& path, const HttpRequest& request, const Respond& respond);

}  // namespace berth::api
