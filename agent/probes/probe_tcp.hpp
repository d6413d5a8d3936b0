// agent/probes/probe_tcp.hpp - tcpSocket: does somebody accept connections there?
#pragma once

#include <memory>

#include "agent/probes/probe_io.hpp"

namespace berth::agent {

/// Success once connected; the connection is reset at once.
std::unique_ptr<NetProbe> make_tcp_probe(ProbeAddress address);

}  // namespace berth::agent
