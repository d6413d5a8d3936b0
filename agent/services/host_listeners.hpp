// agent/services/host_listeners.hpp - which ports processes of the host listen on.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/services/service_route.hpp"

namespace berth::agent {

/// From the text of /proc/net/tcp, udp and their kind of IPv6, whose lines look alike: sockets in `state` ("0A"
/// listens, "07" is bound and connected to nobody) that others can reach, so not those of loopback, nor at the IPv4
/// addresses of `except`. Pure.
void add_listeners(std::string_view text, std::string_view protocol, std::string_view state,
                   const std::vector<std::string>& except, std::set<HostPortKey>& into);

/// Reads them now. What cannot be read has none.
std::set<HostPortKey> host_listeners(const std::vector<std::string>& except);

}  // namespace berth::agent
