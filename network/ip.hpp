// network/ip.hpp - addresses and address blocks as values: text, order, containment.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::network {

enum class Family { V4, V6 };

/// One IPv4 or IPv6 address, without zone. Default: 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;

  /// InvalidArgument unless `text` is an address in inet_pton(3)'s form.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t host_order);
  /// From network order; `bytes` has 4 or 16, else the result is 0.0.0.0.
  static IpAddress from_bytes(std::span<const std::uint8_t> bytes);

  Family family() const { return family_; }
  std::span<const std::uint8_t> bytes() const;  ///< Network order, 4 or 16.
  unsigned bits() const { return family_ == Family::V4 ? 32 : 128; }
  std::uint32_t to_v4() const;  ///< Host order; IPv4 only.
  std::string text() const;

  bool is_loopback() const;
  bool is_unspecified() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::V4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// A block such as 10.98.0.0/24: the bits below the prefix are zero.
struct Cidr {
  IpAddress base;
  unsigned prefix = 0;

  /// InvalidArgument when the text is no block, or has bits below the prefix (the message names the block meant).
  static Result<Cidr> parse(std::string_view text);
  /// The block of that size around `address`.
  static Cidr around(const IpAddress& address, unsigned prefix);

  bool contains(const IpAddress& address) const;
  bool overlaps(const Cidr& other) const;
  std::string text() const;

  auto operator<=>(const Cidr&) const = default;
};

/// The locally administered MAC that belongs to an address: 0a:58 and four bytes of it. A pod that gets an
/// address after another one has the same MAC, so no neighbour cache is ever wrong.
std::array<std::uint8_t, 6> mac_of(const IpAddress& address);

/// Does it belong to some address? Then its link is one that we made.
bool is_mac_of_an_address(const std::array<std::uint8_t, 6>& mac);

}  // namespace berth::network
