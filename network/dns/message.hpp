// network/dns/message.hpp - the wire format: queries in, replies out, records of a message one by one. RFC 1035, RFC
// 6891.
#pragma once

#include <cstring>

#include "network/dns/name.hpp"

namespace berth::network::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kOptSize = 11;         ///< Our OPT record: no options in it.
inline constexpr std::size_t kPlainUdpLimit = 512;  ///< RFC 1035 2.3.4: a client without EDNS.
inline constexpr std::size_t kUdpLimit = 1232;      ///< What we send at most in a datagram: no fragments on any link.
inline constexpr std::size_t kTcpLimit = 65'535;
inline constexpr std::uint16_t kOwnerPointer = 0xC00C;  ///< "The name in the question": it always begins at octet 12.

enum class Type : std::uint16_t {
  A = 1,
  NS = 2,
  CNAME = 5,
  SOA = 6,
  PTR = 12,
  HINFO = 13,
  TXT = 16,
  AAAA = 28,
  SRV = 33,
  OPT = 41,
  IXFR = 251,
  AXFR = 252,
  ANY = 255,
};

inline constexpr std::uint16_t kClassIn = 1;

/// Response codes; BadVers needs EDNS, its upper bits are in the OPT record.
enum class Rcode : std::uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
  BadVers = 16,
};

namespace flag {
inline constexpr std::uint16_t kResponse = 0x8000;
inline constexpr std::uint16_t kOpcode = 0x7800;
inline constexpr std::uint16_t kAuthoritative = 0x0400;
inline constexpr std::uint16_t kTruncated = 0x0200;
inline constexpr std::uint16_t kRecursionDesired = 0x0100;
inline constexpr std::uint16_t kRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kAuthenticData = 0x0020;
inline constexpr std::uint16_t kCheckingDisabled = 0x0010;
inline constexpr std::uint16_t kRcode = 0x000F;
}  // namespace flag

inline std::uint16_t get_u16(Octets from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]);
}
inline std::uint32_t get_u32(Octets from, std::size_t at) {
  return std::uint32_t{get_u16(from, at)} << 16 | get_u16(from, at + 2);
}
inline void set_u16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void set_u32(std::uint8_t* at, std::uint32_t value) {
  set_u16(at, static_cast<std::uint16_t>(value >> 16));
  set_u16(at + 2, static_cast<std::uint16_t>(value));
}

/// What a packet is to us.
enum class QueryState {
  Good,     ///< One question, well formed.
  Drop,     ///< No header, or a response: never answered, so two servers cannot keep each other busy.
  FormErr,  ///< A header, but the rest is not one well-formed question.
  NotImp,   ///< Another opcode than QUERY.
  BadVers,  ///< EDNS of a version other than 0.
};

/// A parsed query. With FormErr and NotImp only `id` and `flags` are set; question_end is 0 where no question was read.
struct Query {
  QueryState state = QueryState::Drop;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  Name name;  ///< Lower case; the client's own spelling is in its packet.
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::size_t question_end = 0;  ///< Where the question section ends in the packet.
  bool edns = false;
  bool dnssec_ok = false;
  std::uint16_t payload = 0;  ///< What the client can take over UDP; meaningful with `edns`.

  bool has(std::uint16_t bit) const { return (flags & bit) != 0; }
  bool is(Type wanted) const { return type == static_cast<std::uint16_t>(wanted); }

  /// The largest reply over UDP: the client's limit, never above ours.
  std::size_t udp_limit() const {
    return edns ? std::clamp<std::size_t>(payload, kPlainUdpLimit, kUdpLimit) : kPlainUdpLimit;
  }
};

/// Reads any octets at all. The question must not be compressed, exactly one, and nothing may follow the last record.
Query parse_query(Octets packet);

/// One resource record of a message, by positions in it.
struct Record {
  std::size_t owner = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::size_t ttl_at = 0;
  std::size_t data = 0;
  std::size_t data_size = 0;
  std::size_t end = 0;  ///< 0: there is no well-formed record.
};

/// The record at `at`. Its owner is skipped, not decompressed.
Record read_record(Octets message, std::size_t at);

/// Appends to a fixed buffer and says when it is full; the message so far stays whole.
class Writer {
 public:
  /// Writes into `buffer` behind its first `size` octets.
  Writer(std::span<std::uint8_t> buffer, std::size_t size) : buffer_(buffer), size_(size) {}

  std::size_t size() const { return size_; }
  std::uint8_t* data() { return buffer_.data(); }
  bool fits(std::size_t more) const { return more <= buffer_.size() - size_; }

  /// Back to an earlier size: what came after it is forgotten.
  void rewind(std::size_t size);

  bool u16(std::uint16_t value) {
    if (!fits(2)) return false;
    set_u16(buffer_.data() + size_, value);
    size_ += 2;
    return true;
  }
  bool u32(std::uint32_t value) {
    if (!fits(4)) return false;
    set_u32(buffer_.data() + size_, value);
    size_ += 4;
    return true;
  }
  bool octets(Octets data) {
    if (!fits(data.size())) return false;
    if (!data.empty()) std::memcpy(buffer_.data() + size_, data.data(), data.size());
    size_ += data.size();
    return true;
  }

  /// The name, its longest suffix that this writer has written already as a pointer.
  bool name(Octets name);

  /// Makes suffixes of the uncompressed name that lies at `at` known to name().
  void remember(std::size_t at);

 private:
  static constexpr std::size_t kRemembered = 64;

  std::span<std::uint8_t> buffer_;
  std::size_t size_;
  std::array<std::uint16_t, kRemembered> suffixes_;  // NOLINT(*-member-init): valid up to count_
  std::size_t count_ = 0;
};

/// The header of a reply to `query` and its question with the client's spelling, no records. Without a readable
/// question the header alone. Returns the size; `out` holds at least kPlainUdpLimit octets.
std::size_t begin_reply(const Query& query, Octets packet, std::uint16_t flags, Rcode rcode,
                        std::span<std::uint8_t> out);

/// Adds our OPT record when the query had one. The buffer has kOptSize octets left for it.
std::size_t end_reply(const Query& query, Rcode rcode, std::span<std::uint8_t> out, std::size_t size);

/// Adds `more` to one of the four counts: 0 question, 1 answer, 2 authority, 3 additional.
inline void add_count(std::uint8_t* message, std::size_t section, std::uint16_t more) {
  auto* at = message + 4 + section * 2;
  set_u16(at, static_cast<std::uint16_t>((at[0] << 8 | at[1]) + more));
}

}  // namespace berth::network::dns
