// network/ip.cpp - inet_pton(3), inet_ntop(3) and bit masks.
#include "network/ip.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace berth::network {
namespace {

std::array<std::uint8_t, 16> masked(const IpAddress& address, unsigned prefix) {
  std::array<std::uint8_t, 16> out{};
  const auto bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto first_bit = static_cast<unsigned>(i) * 8;
    const auto kept = prefix <= first_bit ? 0U : std::min(8U, prefix - first_bit);
    out[i] = static_cast<std::uint8_t>(bytes[i] & static_cast<std::uint8_t>(0xff00U >> kept));
  }
  return out;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string zero_terminated(text);
  IpAddress address;
  if (::inet_pton(AF_INET, zero_terminated.c_str(), address.bytes_.data()) == 1) return address;
  if (::inet_pton(AF_INET6, zero_terminated.c_str(), address.bytes_.data()) == 1) {
    address.family_ = Family::V6;
    return address;
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("\"{:.64}\": not an IP address", text));
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) address.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  IpAddress address;
  if (bytes.size() != 4 && bytes.size() != 16) return address;
  address.family_ = bytes.size() == 4 ? Family::V4 : Family::V6;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

std::span<const std::uint8_t> IpAddress::bytes() const {
  return {bytes_.data(), family_ == Family::V4 ? std::size_t{4} : std::size_t{16}};
}

std::uint32_t IpAddress::to_v4() const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes_[i];
  return value;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const auto af = family_ == Family::V4 ? AF_INET : AF_INET6;
  const char* text = ::inet_ntop(af, bytes_.data(), buffer.data(), static_cast<socklen_t>(buffer.size()));
  return text == nullptr ? std::string() : std::string(text);
}

bool IpAddress::is_loopback() const {
  if (family_ == Family::V4) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](auto byte) { return byte == 0; });
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{:.64}\": {}", text, why));
  };
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return bad("not an address block: write ADDRESS/PREFIX");
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad("not an address block: write ADDRESS/PREFIX");
  const auto digits = text.substr(slash + 1);
  unsigned prefix = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (digits.empty() || failure != std::errc{} || end != digits.data() + digits.size() || prefix > address->bits()) {
    return bad(fmt::format("the prefix must be a number from 0 to {}", address->bits()));
  }
  const auto block = around(*address, prefix);
  if (block.base != *address) return bad(fmt::format("has bits below the prefix; {} would be right", block.text()));
  return block;
}

Cidr Cidr::around(const IpAddress& address, unsigned prefix) {
  const auto bytes = masked(address, prefix);
  return {IpAddress::from_bytes({bytes.data(), address.bytes().size()}), prefix};
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.family() != base.family()) return false;
  // Without a copy: the DNS server asks for every query.
  const auto ours = base.bytes();
  const auto theirs = address.bytes();
  const auto whole = std::size_t{prefix / 8};
  if (!std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin())) return false;
  const auto rest = prefix % 8;
  return rest == 0 || ((ours[whole] ^ theirs[whole]) >> (8 - rest)) == 0;
}

bool Cidr::overlaps(const Cidr& other) const {
  // Two blocks either nest or are disjoint.
  return prefix <= other.prefix ? contains(other.base) : other.contains(base);
}

std::string Cidr::text() const { return fmt::format("{}/{}", base.text(), prefix); }

std::array<std::uint8_t, 6> mac_of(const IpAddress& address) {
  const auto last_four = address.bytes().last(4);
  return {0x0a, 0x58, last_four[0], last_four[1], last_four[2], last_four[3]};
}

bool is_mac_of_an_address(const std::array<std::uint8_t, 6>& mac) { return mac[0] == 0x0a && mac[1] == 0x58; }

}  // namespace berth::network
