// network/dns/reply.cpp - strict about who answered, lenient about nothing that we pass on.
#include "network/dns/reply.hpp"

#include <limits>

namespace berth::network::dns {

namespace {

constexpr std::uint32_t kLongestPositive = 3'600;
constexpr std::uint32_t kLongestNegative = 300;
constexpr std::uint32_t kUnset = std::numeric_limits<std::uint32_t>::max();

/// RFC 2181 8: a TTL with the top bit set is 0.
std::uint32_t ttl_of(Octets message, const Record& record) {
  const auto ttl = get_u32(message, record.ttl_at);
  return ttl > 0x7FFF'FFFF ? 0 : ttl;
}

bool is_type(const Record& record, Type type) { return record.type == static_cast<std::uint16_t>(type); }

/// Does the question section hold exactly our question? Then where it ends, else 0.
std::size_t question_end(Octets message, const Question& question) {
  const auto end = kHeaderSize + question.name.size() + 4;
  if (get_u16(message, 4) != 1 || message.size() < end) return 0;
  if (!same_name(message.subspan(kHeaderSize, question.name.size()), question.name.view())) return 0;
  return get_u16(message, end - 4) == question.type && get_u16(message, end - 2) == kClassIn ? end : 0;
}

/// The SOA's minimum field: its last four octets.
std::uint32_t negative_ttl(Octets message, const Record& soa) {
  return soa.data_size < 22 ? 0 : std::min(ttl_of(message, soa), get_u32(message, soa.end - 4));
}

/// Walks all records; fills size and ttl. False when one is malformed.
bool read_records(CheckedReply& reply, Octets message, std::size_t at) {
  const auto rcode = static_cast<Rcode>(get_u16(message, 2) & flag::kRcode);
  auto lowest = kUnset;
  std::uint32_t negative = 0;
  auto found = false;  // a record of another type than CNAME in the answer
  reply.size = 0;
  for (std::size_t section = 1; section <= 3; ++section) {
    for (std::uint16_t i = 0; i < get_u16(message, 4 + 2 * section); ++i) {
      const auto record = read_record(message, at);
      if (record.end == 0) return false;
      if (is_type(record, Type::OPT)) {
        if (section != 3) return false;
        if (reply.size == 0) reply.size = record.owner;
      } else {
        lowest = std::min(lowest, ttl_of(message, record));
        if (section == 1 && !is_type(record, Type::CNAME)) found = true;
        if (section == 2 && is_type(record, Type::SOA)) negative = negative_ttl(message, record);
      }
      at = record.end;
    }
  }
  if (reply.size == 0) reply.size = at;
  if (rcode == Rcode::NoError && found) {
    reply.ttl = std::min(lowest, kLongestPositive);
  } else if (rcode == Rcode::NoError || rcode == Rcode::NxDomain) {
    reply.ttl = std::min({lowest, negative, kLongestNegative});
  }
  return true;
}

}  // namespace

std::string Question::key() const {
  const auto wire = name.view();
  std::string text(wire.begin(), wire.end());
  text += static_cast<char>(type >> 8);
  text += static_cast<char>(type & 0xFF);
  text += static_cast<char>((dnssec_ok ? 1 : 0) | (checking_disabled ? 2 : 0));
  return text;
}

std::vector<std::uint8_t> encode_question(const Question& question, std::uint16_t id, bool edns) {
  std::vector<std::uint8_t> message(kHeaderSize + question.name.size() + 4 + kOptSize);
  auto flags = flag::kRecursionDesired;
  if (question.checking_disabled) flags = static_cast<std::uint16_t>(flags | flag::kCheckingDisabled);
  Writer out(message, 0);
  for (const std::uint16_t field :
       {id, flags, std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}}) {
    out.u16(field);
  }
  out.octets(question.name.view());
  out.u16(question.type);
  out.u16(kClassIn);
  Query as_asked;
  as_asked.edns = edns;
  as_asked.dnssec_ok = question.dnssec_ok;
  message.resize(end_reply(as_asked, Rcode::NoError, message, out.size()));
  return message;
}

CheckedReply check_reply(Octets message, const Question& question, std::uint16_t id, bool edns) {
  CheckedReply reply;
  if (message.size() < kHeaderSize || get_u16(message, 0) != id) return reply;
  const auto flags = get_u16(message, 2);
  if ((flags & flag::kResponse) == 0 || (flags & flag::kOpcode) != 0) return reply;
  const auto rcode = static_cast<Rcode>(flags & flag::kRcode);
  const auto refuses = rcode == Rcode::FormErr || rcode == Rcode::NotImp;
  const auto records = question_end(message, question);
  if (records == 0 && !(refuses && get_u16(message, 4) == 0)) return reply;  // an old server may not echo the question
  if (refuses && edns) {
    reply.state = ReplyState::NoEdns;
  } else if (records == 0) {  // NOLINT(bugprone-branch-clone): the order of the questions matters
    reply.state = ReplyState::Malformed;
  } else if ((flags & flag::kTruncated) != 0) {
    reply.state = ReplyState::Truncated;
  } else if (!read_records(reply, message, records)) {
    reply.state = ReplyState::Malformed;
  } else {
    reply.state = rcode == Rcode::NoError || rcode == Rcode::NxDomain ? ReplyState::Good : ReplyState::Failing;
  }
  return reply;
}

void age_records(std::span<std::uint8_t> message, std::uint32_t age) {
  auto at = skip_name(message, kHeaderSize) + 4;
  const auto records = std::size_t{get_u16(message, 6)} + get_u16(message, 8) + get_u16(message, 10);
  for (std::size_t i = 0; i < records; ++i) {
    const auto record = read_record(message, at);
    if (record.end == 0) return;
    const auto ttl = ttl_of(message, record);
    set_u32(message.data() + record.ttl_at, ttl > age ? ttl - age : 0);
    at = record.end;
  }
}

}  // namespace berth::network::dns
