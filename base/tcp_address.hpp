// base/tcp_address.hpp - "127.0.0.1:6550": where a TCP server listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

struct TcpAddress {
  std::string host;  ///< Numeric, without brackets: "127.0.0.1", "::1".
  std::uint16_t port = 0;

  bool is_v6() const { return host.find(':') != std::string::npos; }
  /// 0.0.0.0 or ::, which means every address of the host.
  bool is_any() const;
  /// "[::1]:6550"
  std::string text() const;
  bool operator==(const TcpAddress&) const = default;
};

/// InvalidArgument: not ADDRESS:PORT with a numeric address, IPv6 in brackets. Names are not resolved, and the address
/// may not be left out: who wants every address says so with 0.0.0.0.
Result<TcpAddress> parse_tcp_address(std::string_view text);

}  // namespace berth
