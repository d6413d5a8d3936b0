// network/dns/message.cpp - strict parsing, and replies that never leave their buffer.
#include "network/dns/message.hpp"

namespace berth::network::dns {

namespace {

constexpr std::uint32_t kDnssecOk = 0x8000;

/// Takes in the OPT record; false when it is not as RFC 6891 6.1 wants it.
bool read_opt(Query& query, Octets packet, const Record& record) {
  if (query.edns || packet[record.owner] != 0) return false;  // one only, and its owner is the root
  query.edns = true;
  query.payload = record.klass;
  const auto ttl = get_u32(packet, record.ttl_at);
  query.dnssec_ok = (ttl & kDnssecOk) != 0;
  for (auto at = record.data; at < record.end;) {  // options: code, length, value; none is of use to us
    if (record.end - at < 4) return false;
    const auto size = std::size_t{get_u16(packet, at + 2)};
    if (record.end - at - 4 < size) return false;
    at += 4 + size;
  }
  if ((ttl >> 16 & 0xFF) != 0) query.state = QueryState::BadVers;
  return true;
}

/// The question, and what follows it; false when malformed.
bool read_body(Query& query, Octets packet) {
  if (get_u16(packet, 4) != 1) return false;
  auto at = kHeaderSize;
  for (;;) {  // as read_name, but here a pointer could only lead into the header
    if (at >= packet.size()) return false;
    const auto length = std::size_t{packet[at]};
    if (length == 0) break;
    if (length > kMaxLabel || at + 1 + length > packet.size()) return false;
    if (!query.name.add_label(packet.subspan(at + 1, length))) return false;
    at += 1 + length;
  }
  ++at;
  if (packet.size() - at < 4) return false;
  query.type = get_u16(packet, at);
  query.klass = get_u16(packet, at + 2);
  const auto question_end = at + 4;
  at = question_end;
  query.state = QueryState::Good;
  const auto before = std::size_t{get_u16(packet, 6)} + get_u16(packet, 8);
  const auto records = before + get_u16(packet, 10);
  for (std::size_t i = 0; i < records; ++i) {
    const auto record = read_record(packet, at);
    if (record.end == 0) return false;
    if (record.type == static_cast<std::uint16_t>(Type::OPT) && (i < before || !read_opt(query, packet, record)))
      return false;
    at = record.end;
  }
  query.question_end = question_end;
  return at == packet.size();
}

}  // namespace

Query parse_query(Octets packet) {
  Query query;
  if (packet.size() < kHeaderSize) return query;
  query.id = get_u16(packet, 0);
  query.flags = get_u16(packet, 2);
  if (query.has(flag::kResponse)) return query;
  if (query.has(flag::kOpcode)) {
    query.state = QueryState::NotImp;
  } else if (!read_body(query, packet)) {
    query.state = QueryState::FormErr;
    query.question_end = 0;
    query.edns = false;
  }
  return query;
}

Record read_record(Octets message, std::size_t at) {
  Record record;
  const auto fixed = skip_name(message, at);
  if (fixed == 0 || fixed > message.size() || message.size() - fixed < 10) return record;
  record.owner = at;
  record.type = get_u16(message, fixed);
  record.klass = get_u16(message, fixed + 2);
  record.ttl_at = fixed + 4;
  record.data = fixed + 10;
  record.data_size = get_u16(message, fixed + 8);
  if (message.size() - record.data < record.data_size) return record;
  record.end = record.data + record.data_size;
  return record;
}

void Writer::rewind(std::size_t size) {
  size_ = size;
  const auto end = suffixes_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto kept = std::remove_if(suffixes_.begin(), end, [size](auto at) { return at >= size; });
  count_ = static_cast<std::size_t>(kept - suffixes_.begin());
}

void Writer::remember(std::size_t at) {
  while (at < size_ && at <= 0x3FFF && count_ < kRemembered && buffer_[at] != 0 && buffer_[at] <= kMaxLabel) {
    suffixes_[count_++] = static_cast<std::uint16_t>(at);
    at += std::size_t{1} + buffer_[at];
  }
}

bool Writer::name(Octets name) {
  const Octets written(buffer_.data(), size_);
  auto rest = name;
  std::size_t pointer = 0;
  while (rest[0] != 0) {
    const auto known =
        std::find_if(suffixes_.begin(), suffixes_.begin() + static_cast<std::ptrdiff_t>(count_), [&](auto at) {
          const auto there = read_name(written, at);
          return there.next != 0 && same_name(there.name.view(), rest);
        });
    if (known != suffixes_.begin() + static_cast<std::ptrdiff_t>(count_)) {
      pointer = *known;
      break;
    }
    rest = parent_of(rest);
  }
  const auto begin = size_;
  if (!octets(name.first(name.size() - rest.size()))) return false;
  const std::uint8_t root = 0;
  const auto ended = pointer != 0 ? u16(static_cast<std::uint16_t>(0xC000 | pointer)) : octets({&root, 1});
  if (ended) remember(begin);
  return ended;
}

std::size_t begin_reply(const Query& query, Octets packet, std::uint16_t flags, Rcode rcode,
                        std::span<std::uint8_t> out) {
  const auto size = query.question_end != 0 ? query.question_end : kHeaderSize;
  std::memcpy(out.data(), packet.data(), size);
  constexpr std::uint16_t kEchoed = flag::kOpcode | flag::kRecursionDesired | flag::kCheckingDisabled;
  set_u16(out.data() + 2, static_cast<std::uint16_t>(flag::kResponse | (query.flags & kEchoed) | flags |
                                                     (static_cast<std::uint16_t>(rcode) & flag::kRcode)));
  std::memset(out.data() + 4, 0, kHeaderSize - 4);
  if (query.question_end != 0) out[5] = 1;
  return size;
}

std::size_t end_reply(const Query& query, Rcode rcode, std::span<std::uint8_t> out, std::size_t size) {
  if (!query.edns || out.size() - size < kOptSize) return size;
  auto* at = out.data() + size;
  at[0] = 0;  // the root
  set_u16(at + 1, static_cast<std::uint16_t>(Type::OPT));
  set_u16(at + 3, static_cast<std::uint16_t>(kUdpLimit));
  at[5] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(rcode) >> 4);
  at[6] = 0;  // version
  set_u16(at + 7,
          query.dnssec_ok ? static_cast<std::uint16_t>(kDnssecOk) : std::uint16_t{0});  // RFC 3225: DO is copied
  set_u16(at + 9, 0);
  add_count(out.data(), 3, 1);
  return size + kOptSize;
}

}  // namespace berth::network::dns
