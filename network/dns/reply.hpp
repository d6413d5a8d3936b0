// network/dns/reply.hpp - what an upstream sent: questions to it, and its replies checked before anyone believes them.
#pragma once

#include <string>
#include <vector>

#include "network/dns/message.hpp"

namespace berth::network::dns {

/// What is asked of an upstream; also what a cached answer is found by.
struct Question {
  Name name;
  std::uint16_t type = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;

  std::string key() const;
};

/// The query message for `question`. With `edns` it carries an OPT record that offers kUdpLimit.
std::vector<std::uint8_t> encode_question(const Question& question, std::uint16_t id, bool edns);

enum class ReplyState {
  Good,
  Truncated,  ///< Ask again over TCP.
  NotOurs,    ///< Another id or question, or no response: forged or late; keep waiting.
  Malformed,  ///< From whom we asked, but no message one can use.
  NoEdns,     ///< FORMERR or NOTIMP to a query with EDNS: ask again without.
  Failing,    ///< SERVFAIL or REFUSED: another upstream may know.
};

/// A checked reply.
struct CheckedReply {
  ReplyState state = ReplyState::NotOurs;
  std::size_t size = 0;  ///< Good and Failing: where its OPT record begins, or its end.
  std::uint32_t ttl =
      0;  ///< For how many seconds it may be kept: RFC 2181 5.2, RFC 2308 for negative answers; 0: not at all.
};

CheckedReply check_reply(Octets message, const Question& question, std::uint16_t id, bool edns);

/// Lowers each TTL of a checked message by `age` seconds, not below 0.
void age_records(std::span<std::uint8_t> message, std::uint32_t age);

}  // namespace berth::network::dns
