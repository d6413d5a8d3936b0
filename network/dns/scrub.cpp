// network/dns/scrub.cpp - follows the aliases, judges each record, and rebuilds the message where one has to go.
#include "network/dns/scrub.hpp"

namespace berth::network::dns {

namespace {

constexpr std::size_t kMostNames = 32;  // aliases in a row; resolvers give up long before
constexpr std::size_t kSoaNumbers = 20;

// DNSSEC's, and types with names in their data; see the registry "DNS Parameters" of IANA.
constexpr std::uint16_t kMx = 15;
constexpr std::uint16_t kDname = 39;
constexpr std::uint16_t kDs = 43;
constexpr std::uint16_t kRrsig = 46;
constexpr std::uint16_t kNsec = 47;
constexpr std::uint16_t kNsec3 = 50;

std::uint16_t number(Type type) { return static_cast<std::uint16_t>(type); }

/// Old types whose data may be compressed (RFC 1035, 1183, 2535, 3597 4) and that we do not take apart.
bool may_hold_pointers(std::uint16_t type) {
  switch (type) {
    case 3:
    case 4:
    case 7:
    case 8:
    case 9:
    case 14:
    case 17:
    case 18:
    case 21:
    case 24:
    case 26:
    case 30:
    case 35:
    case 36: return true;
    default: return type == number(Type::OPT);
  }
}

/// Where the records begin; the question was checked.
std::size_t first_record(Octets message) { return skip_name(message, kHeaderSize) + 4; }

/// The names that are answered: the question's, and where its aliases lead.
class Names {
 public:
  Names(Octets message, const Question& question) {
    names_.push_back(question.name);
    for (auto grown = true; grown && names_.size() < kMostNames;) {
      grown = false;
      auto at = first_record(message);
      for (auto left = get_u16(message, 6); left > 0; --left) {
        const auto record = read_record(message, at);
        at = record.end;
        if (record.type != number(Type::CNAME) || !has(owner_of(message, record))) continue;
        const auto target = read_name(message, record.data);
        if (target.next == 0 || has(target.name) || names_.size() >= kMostNames) continue;
        names_.push_back(target.name);
        grown = true;
      }
    }
  }

  bool has(const Name& name) const { return std::ranges::find(names_, name) != names_.end(); }
  bool any_below(const Name& zone) const {
    return std::ranges::any_of(names_, [&](const auto& name) { return is_below(name.view(), zone.view()); });
  }

  static Name owner_of(Octets message, const Record& record) { return read_name(message, record.owner).name; }

 private:
  std::vector<Name> names_;
};

bool belongs(const Names& names, Octets message, const Record& record, const Question& question, std::size_t section) {
  const auto type = record.type;
  const auto signature = question.dnssec_ok && type == kRrsig;
  if (record.klass != kClassIn || read_name(message, record.owner).next == 0) return false;
  const auto owner = Names::owner_of(message, record);
  if (section == 1) {
    if (type == kDname || signature) return names.any_below(owner);
    return names.has(owner) &&
           (type == question.type || type == number(Type::CNAME) || question.type == number(Type::ANY));
  }
  // What proves that a name is not there has another name's owner.
  if (question.dnssec_ok && (type == kNsec || type == kNsec3 || signature)) return true;
  return (type == number(Type::SOA) || type == number(Type::NS) || (question.dnssec_ok && type == kDs)) &&
         names.any_below(owner);
}

bool copy_names(Octets message, std::size_t at, int count, Writer& out, std::size_t& next) {
  for (next = at; count > 0; --count) {
    const auto name = read_name(message, next);
    if (name.next == 0 || !out.name(name.name.view())) return false;
    next = name.next;
  }
  return true;
}

/// What of the data is around its names: octets before, names, octets behind.
struct Layout {
  std::size_t before = 0;
  int names = 0;
  std::size_t behind = 0;
};

Layout layout_of(std::uint16_t type, std::size_t size) {
  switch (type) {
    case static_cast<std::uint16_t>(Type::CNAME):
    case static_cast<std::uint16_t>(Type::NS):
    case static_cast<std::uint16_t>(Type::PTR):
    case kDname: return {0, 1, 0};
    case kMx: return {2, 1, 0};
    case static_cast<std::uint16_t>(Type::SRV): return {6, 1, 0};
    case static_cast<std::uint16_t>(Type::SOA): return {0, 2, kSoaNumbers};
    default: return {size, 0, 0};
  }
}

}  // namespace

Copied copy_record(Octets message, const Record& record, Writer& out) {
  const auto layout = layout_of(record.type, record.data_size);
  const auto owner = read_name(message, record.owner);
  if (may_hold_pointers(record.type) || owner.next == 0 || record.data_size < layout.before) return Copied::Skipped;
  std::size_t end = record.data + layout.before;
  for (int i = 0; i < layout.names; ++i) {
    end = read_name(message, end).next;
    if (end == 0 || end > record.end) return Copied::Skipped;
  }
  if (record.end - end != layout.behind) return Copied::Skipped;

  const auto begin = out.size();
  auto done = out.name(owner.name.view()) && out.octets(message.subspan(record.ttl_at - 4, 8));
  const auto length_at = out.size();
  std::size_t behind = 0;
  done = done && out.u16(0) && out.octets(message.subspan(record.data, layout.before)) &&
         copy_names(message, record.data + layout.before, layout.names, out, behind) &&
         out.octets(message.subspan(behind, layout.behind));
  if (!done) {
    out.rewind(begin);
    return Copied::NoRoom;
  }
  set_u16(out.data() + length_at, static_cast<std::uint16_t>(out.size() - length_at - 2));
  return Copied::Whole;
}

std::vector<std::uint8_t> scrub(Octets message, const Question& question) {
  const Names names(message, question);
  std::vector<std::pair<std::size_t, Record>> kept;  // section, record
  auto all = true;
  const auto begin = first_record(message);
  auto at = begin;
  for (std::size_t section = 1; section <= 2; ++section) {
    for (auto left = get_u16(message, 4 + 2 * section); left > 0; --left) {
      const auto record = read_record(message, at);
      at = record.end;
      if (belongs(names, message, record, question, section)) {
        kept.emplace_back(section, record);
      } else {
        all = false;
      }
    }
  }
  // Mostly only the end is cut off: pointers lead backwards, so those before it stay true.
  std::vector<std::uint8_t> out(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(all ? at : begin));
  set_u16(out.data() + 10, 0);
  if (all) return out;

  set_u16(out.data() + 6, 0);
  set_u16(out.data() + 8, 0);
  out.resize(kTcpLimit);
  Writer writer(out, begin);
  writer.remember(kHeaderSize);
  for (const auto& [section, record] : kept) {
    if (copy_record(message, record, writer) == Copied::Whole) add_count(out.data(), section, 1);
  }
  out.resize(writer.size());
  out.shrink_to_fit();
  return out;
}

}  // namespace berth::network::dns
