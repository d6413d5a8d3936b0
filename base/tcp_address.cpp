// base/tcp_address.cpp - "127.0.0.1:6550": where a TCP server listens.
#include "base/tcp_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace berth {

bool TcpAddress::is_any() const { return host == "0.0.0.0" || host == "::"; }

std::string TcpAddress::text() const { return fmt::format(fmt::runtime(is_v6() ? "[{}]:{}" : "{}:{}"), host, port); }

Result<TcpAddress> parse_tcp_address(std::string_view text) {
  const Error bad(
      ErrorCode::InvalidArgument,
      fmt::format("\"{}\" must be ADDRESS:PORT, such as 127.0.0.1:6550, [::1]:6550 or, for every address of "
                  "this host, 0.0.0.0:6550",
                  text));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  TcpAddress address{std::string(host), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const int family = bracketed ? AF_INET6 : AF_INET;
  if (error != std::errc{} || end != digits.data() + digits.size() || address.port == 0 ||
      ::inet_pton(family, address.host.c_str(), bytes.data()) != 1) {
    return bad;
  }
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  address.host = ::inet_ntop(family, bytes.data(), canonical.data(), canonical.size());
  return address;
}

}  // namespace berth
