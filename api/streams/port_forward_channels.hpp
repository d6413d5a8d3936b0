// api/streams/port_forward_channels.hpp - port-forward over WebSocket channels, as client libraries other than Go's do
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "api/request/api_context.hpp"
#include "api/request/peer_socket.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// `v4.channel.k8s.io`: for the n-th of `ports` (at most 128), channel 2n carries data and channel 2n+1 errors; the
/// first message on each is the port, two octets, little endian. Closes when every port has ended. With the base64
/// protocol everything behind the first octet is base64.
std::shared_ptr<PeerSession> make_port_forward_channels(ApiContext& context, const model::Object& pod,
                                                        const std::vector<std::uint16_t>& ports,
                                                        std::string_view protocol);

}  // namespace berth::api
