// network/dns/scrub.hpp - of what an upstream sent, that which belongs to the question.
#pragma once

#include <vector>

#include "network/dns/reply.hpp"

namespace berth::network::dns {

/// The message without the records that nobody asked for: answers for other names than the question's and those that
/// its aliases lead to, or of other types; authority of zones that hold none of these names; all additional records.
/// Somebody who controls one zone, or forges one reply, could put in words about others there, and resolvers behind us
/// might keep them. `message` passed check_reply(), its OPT record is cut off. Pure.
std::vector<std::uint8_t> scrub(Octets message, const Question& question);

/// Appends a record of `message`, name by name where its data has names: their pointers mean something else elsewhere.
enum class Copied {
  Whole,
  Skipped,  ///< A type whose data might hold names at places that we do not know.
  NoRoom,   ///< `out` is what it was.
};
Copied copy_record(Octets message, const Record& record, Writer& out);

}  // namespace berth::network::dns
