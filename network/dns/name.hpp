// network/dns/name.hpp - a domain name in wire format: length-prefixed labels, lower case, at most 255 octets.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace berth::network::dns {

using Octets = std::span<const std::uint8_t>;

/// RFC 1035, section 3.1: the largest name, its root label included.
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxLabel = 63;

/// ASCII only, as RFC 4343 wants it.
constexpr std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

/// A name with its root label; nothing is allocated. The octets past `size` are not initialised, because one of
/// these is made for every query.
class Name {
 public:
  Name() : size_(1) { bytes_[0] = 0; }  // NOLINT(*-member-init): see above

  /// From "mongo-0.mongo" with or without the last dot; "" and "." are the root. None when a label is empty or longer
  /// than 63, or the whole longer than 255. No escapes: names of Kubernetes have none.
  static std::optional<Name> from_text(std::string_view text);

  /// With a dot after each label ("a.b."), "." for the root; octets that are no printable ASCII as \DDD.
  std::string to_text() const;

  Octets view() const { return {bytes_.data(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t labels() const;

  /// Adds one label behind the last, lower-cased. False when it does not fit: the name is unchanged.
  bool add_label(Octets label);

  /// This name with `suffix` (a whole wire name) in place of its root label. False when it does not fit.
  bool append(Octets suffix);

  bool operator==(const Name& other) const { return std::ranges::equal(view(), other.view()); }

 private:
  std::array<std::uint8_t, kMaxName> bytes_;
  std::uint8_t size_;
};

/// Is wire name `name` equal to or below `parent`? Both lower case.
bool is_below(Octets name, Octets parent);

/// `name` without its first label; the root of the root is the root.
Octets parent_of(Octets name);

/// Same name, whatever the case? Both uncompressed.
bool same_name(Octets a, Octets b);

/// A name read from a message, and where the next octet after it is.
struct NameAt {
  Name name;
  std::size_t next = 0;  ///< 0: the message is malformed there.
};

/// Reads the name at `at`, follows compression pointers (RFC 1035 4.1.4). Pointers must lead backwards, so a loop ends
/// at once. `next` is 0 when it leaves the message, a label type is unknown, or the name is too long.
NameAt read_name(Octets message, std::size_t at);

/// Where the name at `at` ends, without following pointers; 0 when malformed.
std::size_t skip_name(Octets message, std::size_t at);

/// The name under which an address is asked for: "7.0.98.10.in-addr.arpa", or nibbles below ip6.arpa. None when
/// `address` is neither IPv4 nor IPv6 text.
std::optional<Name> reverse_name(std::string_view address);

}  // namespace berth::network::dns
