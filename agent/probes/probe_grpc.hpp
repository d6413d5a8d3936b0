// agent/probes/probe_grpc.hpp - grpc: one call of grpc.health.v1.Health/Check, by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/probes/probe_io.hpp"

namespace berth::agent {

/// Success when the service answers SERVING. One unary call over HTTP/2 without TLS (RFC 9113, gRPC over HTTP/2); a
/// few hundred bytes each way, so neither flow control nor a channel of the library is needed.
std::unique_ptr<NetProbe> make_grpc_probe(ProbeAddress address, std::string service);

/// All that the client ever sends before it has seen an answer: preface, SETTINGS, HEADERS, DATA. Pure.
std::string grpc_health_request(const ProbeAddress& address, std::string_view service);

/// One HTTP/2 frame at the front of `text`; none: more is needed.
struct Http2Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string_view payload;
};
std::optional<Http2Frame> parse_http2_frame(std::string_view text);

/// HealthCheckResponse.status in a length-prefixed message; none when it is not complete. 1 is SERVING.
std::optional<std::uint64_t> parse_health_status(std::string_view message);

}  // namespace berth::agent
