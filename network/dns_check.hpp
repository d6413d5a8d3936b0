// network/dns_check.hpp - does a DNS server answer at all? As a pod would find out.
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "base/tcp_address.hpp"

namespace berth::network {

/// Asks by UDP for the SOA of `domain` (RFC 1035), which it answers by itself; any answer counts. Blocks for `patience`
/// at most. Unavailable: no answer, or what the system said.
Status check_dns_server(const TcpAddress& at, const std::string& domain, std::chrono::milliseconds patience);

}  // namespace berth::network
