// api/streams/port_forward_spdy.hpp - port-forward over SPDY: an error and a data stream for each connection.
#pragma once

#include <memory>

#include "api/request/api_context.hpp"
#include "api/request/peer_socket.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// `portforward.k8s.io`: streams with the headers `streamtype` (error or data), `port`, and `requestid`, which pairs
/// them. A pair whose second stream does not come within 30 s is dropped. At most 256 connections at once.
std::shared_ptr<PeerSession> make_port_forward_spdy(ApiContext& context, const model::Object& pod);

}  // namespace berth::api
