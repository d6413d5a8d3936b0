// network/wireguard.hpp - WireGuard's links of one network namespace: key, port and peers, by generic netlink.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "network/ip.hpp"

struct nl_msg;
struct nl_sock;

namespace berth::network {

/// Where hosts listen for each other's packets: what wg(8) calls its default.
inline constexpr std::uint16_t kWireGuardPort = 51820;
/// What it puts around each packet on its way between IPv4 hosts: IPv4, UDP, its own header and the tag.
inline constexpr unsigned kWireGuardOverhead = 60;

/// Curve25519 (RFC 7748), private or public.
using WireGuardKey = std::array<std::uint8_t, 32>;

/// Base64, as wg(8) has it. InvalidArgument: it is no key.
Result<WireGuardKey> parse_wireguard_key(std::string_view text);
std::string text_of(const WireGuardKey& key);

/// This host's private key: what is in `file`, which is made, for root alone, when there is none. InvalidArgument: it
/// is no key. Blocks.
Result<WireGuardKey> private_key_in(const std::filesystem::path& file);

/// Another host: packets to `pods` go to it, and only it may send packets from there.
struct WireGuardPeer {
  WireGuardKey key{};
  IpAddress host;
  Cidr pods;
  auto operator<=>(const WireGuardPeer&) const = default;
};

struct WireGuardDevice {
  WireGuardKey public_key{};
  std::set<WireGuardPeer> peers{};  ///< One that we did not make so has no host, or no pods.
};

/// One genetlink(7) socket, of the namespace in which it was opened. One thread at a time; calls take microseconds. See
/// linux/wireguard.h. Errors: NotFound (no such link), Unimplemented (it is no WireGuard's, or the kernel has none),
/// PermissionDenied, InvalidArgument, Unknown. A key is never in one.
class WireGuard {
 public:
  static Result<WireGuard> open();

  WireGuard(WireGuard&&) noexcept;
  WireGuard& operator=(WireGuard&&) noexcept;
  ~WireGuard();

  Result<WireGuardDevice> read(const std::string& link);
  /// And listens on kWireGuardPort. The same key again disturbs nobody.
  Status set_key(const std::string& link, const WireGuardKey& private_key);
  /// In place of what is known of the host with that key.
  Status put_peer(const std::string& link, const WireGuardPeer& peer);
  /// Not there is success.
  Status remove_peer(const std::string& link, const WireGuardKey& key);

 private:
  WireGuard(nl_sock* socket, int family);
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  struct Message;

  std::unique_ptr<nl_sock, Closer> socket_;
  int family_ = 0;
};

}  // namespace berth::network
