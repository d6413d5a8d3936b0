// network/nft_batch.cpp - see nft_batch.hpp.
#include "network/nft_batch.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/unique_fd.hpp"

namespace berth::network {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Numbers of nft(8)'s data types: what it lists a map by, and the kernel only keeps.
constexpr std::uint32_t kTypeInteger = 4;
constexpr std::uint32_t kTypeIpv4 = 7;
constexpr std::uint32_t kTypePort = 13;
constexpr std::uint32_t kTypeBits = 6;
/// The second half of a concatenation in NFT_REG_1, in 32 bit registers.
constexpr std::uint32_t kRegSecond = NFT_REG32_01;
/// More is a long way from "a few words", and a socket's buffer is not without end.
constexpr std::size_t kMostBytes = 96UL * 1024;
constexpr timeval kPatience{5, 0};

void pad(Bytes& out) { out.resize((out.size() + 3) & ~std::size_t{3}); }

void put_raw(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

/// One attribute, see netlink(7).
void put(Bytes& out, std::uint16_t type, const void* data, std::size_t size) {
  const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
  put_raw(out, &header, sizeof header);
  put_raw(out, data, size);
  pad(out);
}

void put(Bytes& out, std::uint16_t type, const Bytes& data) { put(out, type, data.data(), data.size()); }
void put(Bytes& out, std::uint16_t type, const std::string& text) { put(out, type, text.c_str(), text.size() + 1); }
void put(Bytes& out, std::uint16_t type, std::uint32_t number) {
  const auto big = htonl(number);
  put(out, type, &big, sizeof big);
}

/// An attribute with attributes in it.
template <typename Fill>
void nest(Bytes& out, std::uint16_t type, Fill fill) {
  const auto begin = out.size();
  const nlattr header{NLA_HDRLEN, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
  put_raw(out, &header, sizeof header);
  fill();
  const auto length = static_cast<std::uint16_t>(out.size() - begin);
  std::memcpy(out.data() + begin, &length, sizeof length);
}

/// One message of the batch.
template <typename Fill>
void message(Bytes& out, std::uint32_t& count, std::uint16_t type, std::uint16_t flags, std::uint8_t family,
             std::uint16_t resource, Fill fill) {
  const auto begin = out.size();
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = count++;
  put_raw(out, &header, sizeof header);
  const nfgenmsg its{family, NFNETLINK_V0, htons(resource)};
  put_raw(out, &its, sizeof its);
  fill();
  const auto length = static_cast<std::uint32_t>(out.size() - begin);
  std::memcpy(out.data() + begin, &length, sizeof length);
}

template <typename Fill>
void command(Bytes& out, std::uint32_t& count, std::uint16_t what, std::uint16_t flags, Fill fill) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what);
  message(out, count, type, flags, NFPROTO_IPV4, 0, fill);
}

template <typename Fill>
void expression(Bytes& out, const char* name, Fill fill) {
  nest(out, NFTA_LIST_ELEM, [&] {
    put(out, NFTA_EXPR_NAME, std::string(name));
    nest(out, NFTA_EXPR_DATA, fill);
  });
}

std::optional<std::uint8_t> protocol_number(std::string_view name) {
  if (name == "tcp") return std::uint8_t{IPPROTO_TCP};
  if (name == "udp") return std::uint8_t{IPPROTO_UDP};
  if (name == "sctp") return std::uint8_t{IPPROTO_SCTP};
  return std::nullopt;
}

Bytes port_bytes(std::uint16_t port) {
  return {static_cast<std::uint8_t>(port >> 8U), static_cast<std::uint8_t>(port & 0xFFU)};
}

Bytes address_bytes(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return {};
  Bytes out;
  put_raw(out, &address, sizeof address);
  return out;
}

/// One part of a key: each begins at a multiple of four bytes.
Bytes part_bytes(std::string_view part) {
  if (const auto protocol = protocol_number(part)) return {*protocol, 0, 0, 0};
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), port);
  if (error != std::errc() || end != part.data() + part.size()) return address_bytes(std::string(part));
  auto out = port_bytes(port);
  pad(out);
  return out;
}

void put_value(Bytes& out, std::uint16_t type, const Bytes& value) {
  nest(out, type, [&] { put(out, NFTA_DATA_VALUE, value); });
}

void load(Bytes& out, std::uint32_t reg, const Bytes& value) {
  expression(out, "immediate", [&] {
    put(out, NFTA_IMMEDIATE_DREG, reg);
    put_value(out, NFTA_IMMEDIATE_DATA, value);
  });
}

void translate(Bytes& out, std::uint32_t address_reg, std::optional<std::uint32_t> port_reg) {
  expression(out, "nat", [&] {
    put(out, NFTA_NAT_TYPE, std::uint32_t{NFT_NAT_DNAT});
    put(out, NFTA_NAT_FAMILY, std::uint32_t{NFPROTO_IPV4});
    put(out, NFTA_NAT_REG_ADDR_MIN, address_reg);
    if (port_reg) put(out, NFTA_NAT_REG_PROTO_MIN, *port_reg);
  });
}

Bytes target_bytes(const DnatChoice& choice, const ServiceBackend& backend) {
  auto out = address_bytes(backend.address);
  if (choice.protocol.empty()) return out;
  const auto port = port_bytes(backend.port);
  out.insert(out.end(), port.begin(), port.end());
  pad(out);
  return out;
}

/// What nft(8) writes beside a map to list it right: whose byte order the key (the host's) and the data have.
Bytes byte_orders(bool with_ports) {
  constexpr std::uint32_t kHosts = 1;
  constexpr std::uint32_t kBig = 2;
  constexpr std::uint32_t kNone = 0;
  Bytes out;
  const auto one = [&](std::uint8_t type, std::uint32_t order) {
    out.push_back(type);
    out.push_back(sizeof order);
    put_raw(out, &order, sizeof order);
  };
  one(0, kHosts);
  one(1, with_ports ? kNone : kBig);
  return out;
}

Error errno_error(int number, std::string_view doing) { return Error::from_errno(number, std::string(doing)); }

/// Reads answers until that of the message `last`.
Status answer(int socket, std::uint32_t last, std::string_view doing) {
  alignas(nlmsghdr) std::array<char, 16UL * 1024> buffer{};
  for (;;) {
    const auto got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, doing);
    auto left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());
         left > 0 && NLMSG_OK(header, static_cast<std::uint32_t>(left)); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      const auto* said = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
      if (said->error != 0) return errno_error(-said->error, doing);
      if (header->nlmsg_seq == last) return Ok{};
    }
  }
}

}  // namespace

Bytes map_key(std::string_view text) {
  constexpr std::string_view kBetween = " . ";
  Bytes out;
  for (;;) {
    const auto end = text.find(kBetween);
    const auto part = part_bytes(text.substr(0, end));
    if (part.empty()) return {};
    out.insert(out.end(), part.begin(), part.end());
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + kBetween.size());
  }
}

NftBatch::NftBatch(std::string table) : table_(std::move(table)) {
  message(batch_, messages_, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, [] {});
}

void NftBatch::add_chain(const std::string& chain) {
  command(batch_, messages_, NFT_MSG_NEWCHAIN, NLM_F_CREATE, [&] {
    put(batch_, NFTA_CHAIN_TABLE, table_);
    put(batch_, NFTA_CHAIN_NAME, chain);
  });
}

void NftBatch::flush_chain(const std::string& chain) {
  command(batch_, messages_, NFT_MSG_DELRULE, 0, [&] {
    put(batch_, NFTA_RULE_TABLE, table_);
    put(batch_, NFTA_RULE_CHAIN, chain);
  });
}

void NftBatch::delete_chain(const std::string& chain) {
  command(batch_, messages_, NFT_MSG_DELCHAIN, 0, [&] {
    put(batch_, NFTA_CHAIN_TABLE, table_);
    put(batch_, NFTA_CHAIN_NAME, chain);
  });
}

void NftBatch::add_element(const std::string& set, const Bytes& key, const std::string& chain) {
  command(batch_, messages_, NFT_MSG_NEWSETELEM, NLM_F_CREATE, [&] {
    put(batch_, NFTA_SET_ELEM_LIST_TABLE, table_);
    put(batch_, NFTA_SET_ELEM_LIST_SET, set);
    nest(batch_, NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
      nest(batch_, NFTA_LIST_ELEM, [&] {
        put_value(batch_, NFTA_SET_ELEM_KEY, key);
        if (chain.empty()) return;
        nest(batch_, NFTA_SET_ELEM_DATA, [&] {
          nest(batch_, NFTA_DATA_VERDICT, [&] {
            put(batch_, NFTA_VERDICT_CODE, static_cast<std::uint32_t>(NFT_GOTO));
            put(batch_, NFTA_VERDICT_CHAIN, chain);
          });
        });
      });
    });
  });
}

void NftBatch::delete_element(const std::string& set, const Bytes& key) {
  command(batch_, messages_, NFT_MSG_DELSETELEM, 0, [&] {
    put(batch_, NFTA_SET_ELEM_LIST_TABLE, table_);
    put(batch_, NFTA_SET_ELEM_LIST_SET, set);
    nest(batch_, NFTA_SET_ELEM_LIST_ELEMENTS,
         [&] { nest(batch_, NFTA_LIST_ELEM, [&] { put_value(batch_, NFTA_SET_ELEM_KEY, key); }); });
  });
}

void NftBatch::add_rule(const std::string& chain, const DnatChoice& choice) {
  const auto with_ports = !choice.protocol.empty();
  const auto count = static_cast<std::uint32_t>(choice.to.size());
  const std::string map = "__map%d";  // The kernel fills a number in.
  if (count > 1) {
    ++maps_;
    command(batch_, messages_, NFT_MSG_NEWSET, NLM_F_CREATE, [&] {
      put(batch_, NFTA_SET_TABLE, table_);
      put(batch_, NFTA_SET_NAME, map);
      put(batch_, NFTA_SET_FLAGS, std::uint32_t{NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP});
      put(batch_, NFTA_SET_KEY_TYPE, kTypeInteger);
      put(batch_, NFTA_SET_KEY_LEN, std::uint32_t{4});
      put(batch_, NFTA_SET_DATA_TYPE, with_ports ? kTypeIpv4 << kTypeBits | kTypePort : kTypeIpv4);
      put(batch_, NFTA_SET_DATA_LEN, std::uint32_t{with_ports ? 8U : 4U});
      put(batch_, NFTA_SET_ID, maps_);
      nest(batch_, NFTA_SET_DESC, [&] { put(batch_, NFTA_SET_DESC_SIZE, count); });
      put(batch_, NFTA_SET_USERDATA, byte_orders(with_ports));
    });
    command(batch_, messages_, NFT_MSG_NEWSETELEM, NLM_F_CREATE, [&] {
      put(batch_, NFTA_SET_ELEM_LIST_TABLE, table_);
      put(batch_, NFTA_SET_ELEM_LIST_SET, map);
      put(batch_, NFTA_SET_ELEM_LIST_SET_ID, maps_);
      nest(batch_, NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
        for (std::uint32_t i = 0; i < count; ++i) {
          Bytes key;
          put_raw(key, &i, sizeof i);  // numgen counts in the host's byte order.
          nest(batch_, NFTA_LIST_ELEM, [&] {
            put_value(batch_, NFTA_SET_ELEM_KEY, key);
            put_value(batch_, NFTA_SET_ELEM_DATA, target_bytes(choice, choice.to[i]));
          });
        }
      });
    });
  }
  command(batch_, messages_, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [&] {
    put(batch_, NFTA_RULE_TABLE, table_);
    put(batch_, NFTA_RULE_CHAIN, chain);
    nest(batch_, NFTA_RULE_EXPRESSIONS, [&] {
      if (with_ports) {
        expression(batch_, "meta", [&] {
          put(batch_, NFTA_META_DREG, std::uint32_t{NFT_REG_1});
          put(batch_, NFTA_META_KEY, std::uint32_t{NFT_META_L4PROTO});
        });
        expression(batch_, "cmp", [&] {
          put(batch_, NFTA_CMP_SREG, std::uint32_t{NFT_REG_1});
          put(batch_, NFTA_CMP_OP, std::uint32_t{NFT_CMP_EQ});
          put_value(batch_, NFTA_CMP_DATA, {protocol_number(choice.protocol).value_or(0)});
        });
      }
      if (count == 1) {
        load(batch_, NFT_REG_1, address_bytes(choice.to.front().address));
        if (with_ports) load(batch_, NFT_REG_2, port_bytes(choice.to.front().port));
        return translate(batch_, NFT_REG_1, with_ports ? std::optional<std::uint32_t>(NFT_REG_2) : std::nullopt);
      }
      expression(batch_, "numgen", [&] {
        put(batch_, NFTA_NG_DREG, std::uint32_t{NFT_REG_1});
        put(batch_, NFTA_NG_MODULUS, count);
        put(batch_, NFTA_NG_TYPE, std::uint32_t{NFT_NG_RANDOM});
        put(batch_, NFTA_NG_OFFSET, std::uint32_t{0});
      });
      expression(batch_, "lookup", [&] {
        put(batch_, NFTA_LOOKUP_SET, map);
        put(batch_, NFTA_LOOKUP_SREG, std::uint32_t{NFT_REG_1});
        put(batch_, NFTA_LOOKUP_DREG, std::uint32_t{NFT_REG_1});
        put(batch_, NFTA_LOOKUP_SET_ID, maps_);
      });
      translate(batch_, NFT_REG_1, with_ports ? std::optional<std::uint32_t>(kRegSecond) : std::nullopt);
    });
  });
}

Status NftBatch::commit(std::string_view doing) {
  const auto last = messages_ - 1;
  if (last == 0) return Ok{};
  // An answer to the last one: that there is none to others says that they are well.
  std::size_t at = 0;
  nlmsghdr header{};
  for (std::uint32_t i = 0; i <= last; ++i, at += header.nlmsg_len) {
    std::memcpy(&header, batch_.data() + at, sizeof header);
    if (i < last) continue;
    header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(batch_.data() + at, &header, sizeof header);
  }
  message(batch_, messages_, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, [] {});
  if (batch_.size() > kMostBytes) return Error(ErrorCode::ResourceExhausted, std::string(doing) + ": too much at once");

  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return errno_error(errno, doing);
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0)
    return errno_error(errno, doing);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket.get(), batch_.data(), batch_.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0)
    return errno_error(errno, doing);
  return answer(socket.get(), last, doing);
}

}  // namespace berth::network
