// network/dns/responder.hpp - from a packet to its reply: pure, without a socket, without allocating.
#pragma once

#include "network/dns/zone.hpp"

namespace berth::network::dns {

/// Who asks, and how.
struct Asker {
  IpAddress source{};
  bool tcp = false;
  bool may_recurse = false;  ///< Outside names are looked up for this one.
  bool may_ask = true;       ///< Else everything is REFUSED.
};

enum class Verdict {
  Drop,     ///< Say nothing.
  Reply,    ///< `size` octets of `out` are the reply.
  Forward,  ///< `outside` has to be asked for at the upstreams; `out` holds the reply as far as it is known.
};

struct Outcome {
  Verdict verdict = Verdict::Drop;
  std::size_t size = 0;   ///< Reply: all of it. Forward: header, question and the aliases followed so far, without OPT.
  std::size_t limit = 0;  ///< The largest reply this asker can take.
  bool awaited = false;   ///< Reply: it says that there is nothing, and in a moment there will be something.
  Query query;
  Name outside;  ///< The question's name, or where a CNAME of ours led to.
};

/// Answers `packet` from the zone into `out`, which holds at least kUdpLimit octets, kTcpLimit for TCP. `turn` rotates
/// the addresses of a name: pass a counter.
Outcome respond(const Zone& zone, Octets packet, const Asker& asker, std::uint32_t turn, std::span<std::uint8_t> out);

/// Finishes a Forward outcome: `out` begins with the `size` octets that respond() left. `upstream` is a message
/// that passed check_reply(); empty: nobody answered, SERVFAIL. Returns the size of the reply, at most `limit`:
/// truncated with TC if need be.
std::size_t relay(const Query& query, Octets upstream, std::size_t size, std::size_t limit,
                  std::span<std::uint8_t> out);

}  // namespace berth::network::dns
