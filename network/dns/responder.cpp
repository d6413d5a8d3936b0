// network/dns/responder.cpp - the rules of answering; every reply is bounded by what its asker can take.
#include "network/dns/responder.hpp"

#include "network/dns/scrub.hpp"

namespace berth::network::dns {

namespace {

constexpr int kMostAliases = 8;
constexpr std::size_t kFixedFields = 10;  ///< Type, class, TTL and length of a record: what is behind its owner.

/// 128 and up are questions about servers and transfers, no data (RFC 6895 3.1); OPT is no question either.
bool is_meta(std::uint16_t type) {
  return (type >= 128 && type <= 255) || type == static_cast<std::uint16_t>(Type::OPT);
}

/// Size of the encoded record at the front of `records`: two octets of owner, fixed fields, data.
std::size_t record_size(Octets records) { return 2 + kFixedFields + get_u16(records, kFixedFields); }

std::uint16_t pointer_to(std::size_t at) { return static_cast<std::uint16_t>(0xC000 | at); }

/// Writes one reply from the zone.
class Answer {
 public:
  Answer(const Zone& zone, const Query& query, std::uint32_t turn, std::span<std::uint8_t> room, std::size_t size)
      : zone_(zone), query_(query), turn_(turn), out_(room, size) {}

  /// The records at `node`, CNAMEs followed inside the zone. Returns the name outside to which they led, if any.
  std::optional<Name> write(const Zone::Node* node) {
    for (int i = 0; i < kMostAliases; ++i) {
      const auto* alias = zone_.set_of(*node, Type::CNAME);
      if (alias == nullptr || query_.is(Type::CNAME) || query_.is(Type::ANY)) break;
      const auto at = out_.size();
      if (put(*alias, 0) == 0) return std::nullopt;
      owner_ = at + 2 + kFixedFields;
      const auto target = read_name({out_.data(), out_.size()}, owner_).name;
      node = zone_.find(target.view());
      if (node == nullptr && !is_below(target.view(), zone_.domain().view())) return target;
      if (node == nullptr) {
        rcode_ = Rcode::NxDomain;
        return std::nullopt;
      }
    }
    put_records(*node);
    return std::nullopt;
  }

  /// SOA with TTL 0 into the authority section: nobody may remember that a name was not there.
  void deny(bool with_soa) {
    if (with_soa && out_.octets(zone_.negative_soa())) add_count(out_.data(), 2, 1);
  }

  std::size_t size() const { return out_.size(); }
  bool truncated() const { return truncated_; }
  bool empty() const { return answers_ == 0; }
  Rcode rcode() const { return rcode_; }

 private:
  void put_records(const Zone::Node& node) {
    if (query_.is(Type::ANY)) return put_any(node);
    const auto* set = zone_.set_of(node, static_cast<Type>(query_.type));
    if (set == nullptr) return;
    const auto first = out_.size();
    const auto written = put(*set, set->count > 1 ? turn_ % set->count : 0);
    if (truncated_) return;
    if (query_.is(Type::SRV)) put_targets(*set, first, written, kTargetInSrv);
    if (query_.is(Type::NS)) put_targets(*set, first, written, kTargetInNs);
  }

  /// RFC 8482: one small record in place of all.
  void put_any(const Zone::Node& node) {
    if (node.set_count == 0) return;
    const auto begin = out_.size();
    const auto done =
        out_.u16(pointer_to(owner_)) && out_.u16(static_cast<std::uint16_t>(Type::HINFO)) && out_.u16(kClassIn) &&
        out_.u32(Zone::kTtl) && out_.u16(9) &&
        out_.octets({reinterpret_cast<const std::uint8_t*>("\x07RFC8482"), 9});  // NOLINT(*-reinterpret-cast)
    done ? count_answers(1) : out_.rewind(begin);
  }

  /// The records of `set`, from number `start` on and round; returns how many fitted.
  std::size_t put(const Zone::RecordSet& set, std::size_t start) {
    const auto records = zone_.records(set);
    const auto begin = out_.size();
    std::size_t written = 0;
    if (set.type == static_cast<std::uint16_t>(Type::A) || set.type == static_cast<std::uint16_t>(Type::AAAA)) {
      const auto each = records.size() / set.count;  // all of one size: a copy or two
      if (out_.fits(records.size())) {
        out_.octets(records.subspan(start * each));
        out_.octets(records.first(start * each));
        written = set.count;
      } else {
        for (; written < set.count && out_.octets(records.subspan((start + written) % set.count * each, each));
             ++written) {
        }
      }
    } else {
      for (std::size_t at = 0; at < records.size(); ++written) {
        const auto each = record_size(records.subspan(at));
        if (!out_.octets(records.subspan(at, each))) break;
        at += each;
      }
    }
    if (owner_ != kHeaderSize) point(begin, owner_);
    truncated_ = truncated_ || written < set.count;
    count_answers(written);
    return written;
  }

  /// Makes `owner` the owner of all records from `begin` to the end.
  void point(std::size_t begin, std::size_t owner) {
    for (auto at = begin; at < out_.size();) {
      const auto each = record_size({out_.data() + at, out_.size() - at});
      set_u16(out_.data() + at, pointer_to(owner));
      at += each;
    }
  }

  static constexpr std::size_t kTargetInNs = 2 + kFixedFields;
  static constexpr std::size_t kTargetInSrv = kTargetInNs + 6;

  /// Addresses of targets into the additional section, as many as fit. The records were just written from `at` on, and
  /// each has its target `target_at` octets behind its begin.
  void put_targets(const Zone::RecordSet& set, std::size_t at, std::size_t count, std::size_t target_at) {
    constexpr std::size_t kFarthestPointer = 0x3FFF;
    for (std::size_t i = 0; i < count; ++i) {
      if (at + target_at > kFarthestPointer) return;
      for (const auto type : {Type::A, Type::AAAA}) {
        const auto* addresses = zone_.set_of(zone_.target(set, i), type);
        if (addresses == nullptr) continue;
        const auto begin = out_.size();
        if (!out_.octets(zone_.records(*addresses))) return;
        point(begin, at + target_at);
        add_count(out_.data(), 3, addresses->count);
      }
      at += record_size({out_.data() + at, out_.size() - at});
    }
  }

  void count_answers(std::size_t more) {
    answers_ += more;
    add_count(out_.data(), 1, static_cast<std::uint16_t>(more));
  }

  const Zone& zone_;
  const Query& query_;
  std::uint32_t turn_;
  Writer out_;
  std::size_t owner_ = kHeaderSize;
  std::size_t answers_ = 0;
  bool truncated_ = false;
  Rcode rcode_ = Rcode::NoError;
};

void set_flags(std::span<std::uint8_t> out, std::uint16_t flags, Rcode rcode) {
  const auto now = get_u16(out, 2) & ~(flag::kRcode);
  set_u16(out.data() + 2, static_cast<std::uint16_t>(now | flags | static_cast<std::uint16_t>(rcode)));
}

void answer_local(Outcome& outcome, const Zone& zone, const Zone::Match& match, std::uint32_t turn,
                  std::span<std::uint8_t> out, bool may_recurse) {
  const auto& query = outcome.query;
  const auto reserved = query.edns ? kOptSize : 0;
  set_flags(out, flag::kAuthoritative, Rcode::NoError);
  Answer answer(zone, query, turn, out.first(outcome.limit - reserved), outcome.size);
  std::optional<Name> outside;
  if (match.node != nullptr) outside = answer.write(match.node);
  if (outside && may_recurse && query.has(flag::kRecursionDesired)) {
    outcome.verdict = Verdict::Forward;
    outcome.outside = *outside;
    outcome.size = answer.size();
    return;
  }
  const auto rcode = match.node == nullptr ? Rcode::NxDomain : answer.rcode();
  if (answer.empty() && !answer.truncated()) answer.deny(/*with_soa=*/match.full);
  set_flags(out, answer.truncated() ? flag::kTruncated : std::uint16_t{0}, rcode);
  outcome.size = end_reply(query, rcode, out, answer.size());
}

/// Copies the answer section of `upstream` behind the aliases, name by name: pointers mean something else here.
/// False when not all of it fitted.
bool append_answers(Octets upstream, Writer& out) {
  auto at = kHeaderSize;
  for (auto questions = get_u16(upstream, 4); questions > 0; --questions) at = skip_name(upstream, at) + 4;
  for (auto answers = get_u16(upstream, 6); answers > 0; --answers) {
    const auto record = read_record(upstream, at);
    if (record.end == 0) return true;
    at = record.end;
    const auto copied = copy_record(upstream, record, out);
    if (copied == Copied::NoRoom) return false;
    if (copied == Copied::Skipped) continue;
    add_count(out.data(), 1, 1);
  }
  return true;
}

}  // namespace

Outcome respond(const Zone& zone, Octets packet, const Asker& asker, std::uint32_t turn, std::span<std::uint8_t> out) {
  Outcome outcome;
  outcome.query = parse_query(packet);
  const auto& query = outcome.query;
  if (query.state == QueryState::Drop) return outcome;
  outcome.verdict = Verdict::Reply;
  outcome.limit = std::min(out.size(), asker.tcp ? kTcpLimit : query.udp_limit());
  const auto available = asker.may_recurse ? flag::kRecursionAvailable : std::uint16_t{0};

  const auto fail = [&](Rcode rcode) {
    outcome.size = begin_reply(query, packet, available, rcode, out);
    outcome.size = end_reply(query, rcode, out, outcome.size);
  };
  switch (query.state) {
    case QueryState::Drop: return outcome;
    case QueryState::FormErr: fail(Rcode::FormErr); return outcome;
    case QueryState::NotImp: fail(Rcode::NotImp); return outcome;
    case QueryState::BadVers: fail(Rcode::BadVers); return outcome;
    case QueryState::Good: break;
  }
  if (!asker.may_ask || query.klass != kClassIn || query.is(Type::AXFR) || query.is(Type::IXFR)) {
    fail(Rcode::Refused);
    return outcome;
  }
  if (!zone.is_known()) {
    fail(Rcode::ServFail);
    return outcome;
  }
  const auto match = zone.match(query.name, asker.source);
  if (match.ours) {
    outcome.size = begin_reply(query, packet, available, Rcode::NoError, out);
    outcome.awaited = match.awaited;
    answer_local(outcome, zone, match, turn, out, asker.may_recurse);
  } else if (!asker.may_recurse || !query.has(flag::kRecursionDesired)) {
    fail(Rcode::Refused);
  } else if (is_meta(query.type)) {
    fail(Rcode::NotImp);
  } else {
    outcome.verdict = Verdict::Forward;
    outcome.outside = query.name;
    outcome.size = begin_reply(query, packet, available, Rcode::NoError, out);
  }
  return outcome;
}

std::size_t relay(const Query& query, Octets upstream, std::size_t size, std::size_t limit,
                  std::span<std::uint8_t> out) {
  const auto reserved = query.edns ? kOptSize : 0;
  const auto with_alias = size > query.question_end;
  if (upstream.empty()) {
    set_flags(out, 0, Rcode::ServFail);
    return end_reply(query, Rcode::ServFail, out, size);
  }
  const auto flags = get_u16(upstream, 2);
  const auto rcode = static_cast<Rcode>(flags & flag::kRcode);
  if (with_alias) {
    Writer writer(out.first(limit - reserved), size);
    const auto complete = append_answers(upstream, writer);
    set_flags(out, complete ? std::uint16_t{0} : flag::kTruncated, rcode);
    return end_reply(query, rcode, out, writer.size());
  }
  const auto wants_ad = query.dnssec_ok || query.has(flag::kAuthenticData);
  const auto kept = static_cast<std::uint16_t>(wants_ad ? flags & flag::kAuthenticData : 0);
  if (upstream.size() + reserved > limit || (flags & flag::kTruncated) != 0) {
    set_flags(out, flag::kTruncated, rcode);
    return end_reply(query, rcode, out, size);
  }
  set_flags(out, kept, rcode);
  std::memcpy(out.data() + 4, upstream.data() + 4, kHeaderSize - 4);
  std::memcpy(out.data() + size, upstream.data() + size,
              upstream.size() - size);  // the question stays in the client's spelling
  return end_reply(query, rcode, out, upstream.size());
}

}  // namespace berth::network::dns
