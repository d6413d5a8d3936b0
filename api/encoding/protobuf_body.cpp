// api/encoding/protobuf_body.cpp - see protobuf_body.hpp. Wire format: https://protobuf.dev/programming-guides/encoding
#include "api/encoding/protobuf_body.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "api/encoding/protobuf_table.hpp"
#include "base/utf8.hpp"
#include "model/base64.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxValues = 200'000;

/// The kinds that may be a body of their own.
constexpr std::array<std::string_view, 42> kKinds{"Namespace",
                                                  "ServiceAccount",
                                                  "ConfigMap",
                                                  "Secret",
                                                  "Service",
                                                  "Pod",
                                                  "Event",
                                                  "PersistentVolumeClaim",
                                                  "Lease",
                                                  "StatefulSet",
                                                  "DaemonSet",
                                                  "Job",
                                                  "CronJob",
                                                  "Deployment",
                                                  "ReplicaSet",
                                                  "ReplicationController",
                                                  "Role",
                                                  "ClusterRole",
                                                  "RoleBinding",
                                                  "ClusterRoleBinding",
                                                  "Ingress",
                                                  "IngressClass",
                                                  "PriorityClass",
                                                  "RuntimeClass",
                                                  "PodTemplate",
                                                  "LimitRange",
                                                  "ResourceQuota",
                                                  "PodDisruptionBudget",
                                                  "NetworkPolicy",
                                                  "HorizontalPodAutoscaler",
                                                  "CertificateSigningRequest",
                                                  "Endpoints",
                                                  "EndpointSlice",
                                                  "Node",
                                                  "DeleteOptions",
                                                  "Eviction",
                                                  "Scale",
                                                  "SelfSubjectAccessReview",
                                                  "SelfSubjectRulesReview",
                                                  "SubjectAccessReview",
                                                  "LocalSubjectAccessReview",
                                                  "SelfSubjectReview"};

struct Field {
  unsigned number = 0;
  std::string_view name;  ///< Empty: inline.
  std::string_view type;  ///< Without brackets and '?'.
  char wrap = 0;          ///< '[', '{' or none.
  bool pointer = false;
};
using Message = std::vector<Field>;

/// `4:optional:b?`
Field parse_field(std::string_view word) {
  Field field;
  while (!word.empty() && word.front() != ':') {
    field.number = field.number * 10 + static_cast<unsigned>(word.front() - '0');
    word.remove_prefix(1);
  }
  word.remove_prefix(1);
  const auto colon = word.find(':');
  field.name = word.substr(0, colon);
  field.type = word.substr(colon + 1);
  if (field.type.ends_with('?')) {
    field.pointer = true;
    field.type.remove_suffix(1);
  }
  if (field.type.front() == '[' || field.type.front() == '{') {
    field.wrap = field.type.front();
    field.type = field.type.substr(1, field.type.size() - 2);
  }
  return field;
}

/// The words of one message's lines in the table.
Message parse_message(std::string_view name) {
  Message out;
  const auto start = fmt::format("\n{}:", name);
  const auto table = kProtobufTable;
  auto at = table.starts_with(std::string_view(start).substr(1)) ? 0 : table.find(start);
  if (at == std::string_view::npos) return out;
  at = table.find(':', at) + 1;
  while (at < table.size()) {
    const auto end = std::min(table.find_first_of(" \n", at), table.size());
    if (end > at) out.push_back(parse_field(table.substr(at, end - at)));
    if (table[end] == '\n' && table.substr(end + 1, 1) != " ") break;
    at = end + 1;
  }
  return out;
}

/// One field as it stands on the wire.
struct Wire {
  unsigned number = 0;
  unsigned type = 0;  ///< 0 varint, 1 64 bits, 2 length-delimited, 5 32 bits
  std::uint64_t value = 0;
  std::string_view bytes;
};

Error malformed(std::string_view what) {
  return {ErrorCode::InvalidArgument, fmt::format("the request's body is not a protobuf message: {}", what)};
}

Result<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return malformed("it ends within a number");
    const auto octet = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{octet & 0x7fU} << shift;
    if (octet < 0x80) return value;
  }
  return malformed("a number is longer than 64 bits");
}

Result<Wire> take_wire(std::string_view& in) {
  const auto tag = take_varint(in);
  if (!tag) return tag.error();
  Wire out;
  out.number = static_cast<unsigned>(*tag >> 3U);
  out.type = static_cast<unsigned>(*tag & 7U);
  if (out.number == 0 || *tag >> 3U > 0x1fffffffU) return malformed("a field has no number");
  std::size_t size = 0;
  switch (out.type) {
    case 0: {
      const auto value = take_varint(in);
      if (!value) return value.error();
      out.value = *value;
      return out;
    }
    case 1: size = 8; break;
    case 5: size = 4; break;
    case 2: {
      const auto length = take_varint(in);
      if (!length) return length.error();
      if (*length > in.size()) return malformed("it ends within a field");
      size = static_cast<std::size_t>(*length);
      break;
    }
    default: return malformed("a group, which no Kubernetes message has");
  }
  if (size > in.size()) return malformed("it ends within a field");
  out.bytes = in.substr(0, size);
  in.remove_prefix(size);
  return out;
}

class Decoder {
 public:
  Result<json::object> message(std::string_view name, std::string_view in, int depth) {
    json::object out;
    if (const auto status = read_into(out, name, in, depth); !status) return status.error();
    return out;
  }

 private:
  Status read_into(json::object& out, std::string_view name, std::string_view in, int depth) {
    if (depth > kMaxDepth) return malformed(fmt::format("it is nested deeper than {} messages", kMaxDepth));
    const auto& fields = fields_of(name);
    while (!in.empty()) {
      const auto wire = take_wire(in);
      if (!wire) return wire.error();
      const auto* field = find_field(fields, wire->number);
      if (field == nullptr) continue;
      if (++values_ > kMaxValues) return malformed(fmt::format("it holds more than {} values", kMaxValues));
      if (const auto status = read_field(out, *field, *wire, depth); !status) return status;
    }
    return Ok{};
  }

  Status read_field(json::object& out, const Field& field, const Wire& wire, int depth) {
    if (field.name.empty()) {
      if (wire.type != 2) return wrong_type(field);
      return read_into(out, field.type, wire.bytes, depth + 1);
    }
    if (field.wrap == '{') return read_entry(out, field, wire, depth);
    if (field.wrap == '[' && field.type == "i" && wire.type == 2) return read_packed(out, field, wire.bytes);
    auto decoded = value(field, wire, depth);
    if (!decoded) return decoded.error();
    if (field.wrap == '[') {
      list_at(out, field.name).push_back(*std::move(decoded));
    } else if (!is_left_out(field, *decoded)) {
      out[field.name] = *std::move(decoded);
    }
    return Ok{};
  }

  Status read_packed(json::object& out, const Field& field, std::string_view in) {
    auto& list = list_at(out, field.name);
    while (!in.empty()) {
      const auto number = take_varint(in);
      if (!number) return number.error();
      if (++values_ > kMaxValues) return malformed(fmt::format("it holds more than {} values", kMaxValues));
      list.emplace_back(static_cast<std::int64_t>(*number));
    }
    return Ok{};
  }

  /// One entry of a map: {1: key, 2: value}.
  Status read_entry(json::object& out, const Field& field, const Wire& wire, int depth) {
    if (wire.type != 2) return wrong_type(field);
    std::string_view key;
    Wire held{.number = 2, .type = 2, .value = 0, .bytes = {}};
    for (auto in = wire.bytes; !in.empty();) {
      const auto part = take_wire(in);
      if (!part) return part.error();
      if (part->number == 1 && part->type == 2) key = part->bytes;
      if (part->number == 2) held = *part;
    }
    if (!is_utf8(key)) return malformed(fmt::format("{}: a key is not UTF-8", field.name));
    auto decoded = value(field, held, depth);
    if (!decoded) return decoded.error();
    auto& map = out[field.name];
    if (!map.is_object()) map.emplace_object();
    map.get_object()[key] = *std::move(decoded);
    return Ok{};
  }

  Result<json::value> value(const Field& field, const Wire& wire, int depth) {
    const bool scalar = field.type == "i" || field.type == "b";
    if (wire.type != (scalar ? 0U : 2U)) return wrong_type(field);
    if (field.type == "i") return json::value(static_cast<std::int64_t>(wire.value));
    if (field.type == "b") return json::value(wire.value != 0);
    if (field.type == "s") return text(field, wire.bytes);
    if (field.type == "B") return json::value(model::encode_base64(wire.bytes));
    if (field.type == "q") return quantity(field, wire.bytes);
    if (field.type == "t" || field.type == "m") return time(field, wire.bytes);
    if (field.type == "x") return int_or_string(field, wire.bytes);
    auto below = message(field.type, wire.bytes, depth + 1);
    if (!below) return below.error();
    return json::value(*std::move(below));
  }

  static Result<json::value> text(const Field& field, std::string_view bytes) {
    if (!is_utf8(bytes)) return malformed(fmt::format("{} is not UTF-8", field.name));
    return json::value(json::string(bytes));
  }

  /// Quantity{1: string}
  static Result<json::value> quantity(const Field& field, std::string_view in) {
    std::string_view held;
    while (!in.empty()) {
      const auto part = take_wire(in);
      if (!part) return part.error();
      if (part->number == 1 && part->type == 2) held = part->bytes;
    }
    return text(field, held.empty() ? "0" : held);
  }

  /// Time{1: seconds, 2: nanos}; the year 1 and an empty message mean none. As Go's time.Unix, nanoseconds may be
  /// negative or more than a second; as Kubernetes, a Time forgets them and a MicroTime rounds them down.
  static Result<json::value> time(const Field& field, std::string_view in) {
    if (in.empty()) return json::value();
    std::int64_t seconds = 0;
    std::int32_t nanos = 0;
    while (!in.empty()) {
      const auto part = take_wire(in);
      if (!part) return part.error();
      if (part->type != 0) continue;
      if (part->number == 1) seconds = static_cast<std::int64_t>(part->value);
      if (part->number == 2) nanos = static_cast<std::int32_t>(part->value);
    }
    if (seconds == kYear1 && nanos == 0) return json::value();
    const bool micro = field.type == "m";
    std::chrono::nanoseconds fraction{micro ? nanos : 0};
    const auto carry = std::chrono::floor<std::chrono::seconds>(fraction);
    fraction -= carry;
    if (seconds < kYear1 - carry.count() || seconds > kYear9999 - carry.count()) {
      return malformed(fmt::format("{} is no time of the years 1 to 9999", field.name));
    }
    const std::chrono::sys_seconds whole{std::chrono::seconds{seconds} + carry};
    const auto text = date_and_time(whole);
    if (!micro) return json::value(text + "Z");
    return json::value(fmt::format("{}.{:06}Z", text, fraction.count() / 1000));
  }

  /// Not format_rfc3339(): its clock begins in 1677 and ends in 2262.
  static std::string date_and_time(std::chrono::sys_seconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
  }

  /// IntOrString{1: type (1 is string), 2: intVal, 3: strVal}
  static Result<json::value> int_or_string(const Field& field, std::string_view in) {
    bool is_text = false;
    std::int64_t number = 0;
    std::string_view held;
    while (!in.empty()) {
      const auto part = take_wire(in);
      if (!part) return part.error();
      if (part->number == 1) is_text = part->value == 1;
      if (part->number == 2) number = static_cast<std::int64_t>(part->value);
      if (part->number == 3 && part->type == 2) held = part->bytes;
    }
    if (is_text) return text(field, held);
    return json::value(number);
  }

  /// As Go's "omitempty" does. Messages stay: `emptyDir: {}` is not nothing.
  static bool is_left_out(const Field& field, const json::value& value) {
    if (value.is_null()) return true;
    if (field.pointer) return false;
    if (field.type == "x") return value.is_int64() && value.get_int64() == 0;
    if (value.is_string()) return value.get_string().empty();
    if (value.is_int64()) return value.get_int64() == 0;
    return value.is_bool() && !value.get_bool();
  }

  static json::array& list_at(json::object& out, std::string_view name) {
    auto& list = out[name];
    if (!list.is_array()) list.emplace_array();
    return list.get_array();
  }

  static Error wrong_type(const Field& field) {
    return malformed(fmt::format("field {} ({}) has another wire type", field.number, field.name));
  }

  static const Field* find_field(const Message& fields, unsigned number) {
    for (const auto& field : fields) {
      if (field.number == number) return &field;
    }
    return nullptr;
  }

  const Message& fields_of(std::string_view name) {
    const auto found = messages_.find(name);
    if (found != messages_.end()) return found->second;
    return messages_.emplace(name, parse_message(name)).first->second;
  }

  /// The first and the last second of RFC 3339; the first is Go's "no time".
  static constexpr std::int64_t kYear1 = -62'135'596'800;
  static constexpr std::int64_t kYear9999 = 253'402'300'799;

  std::map<std::string_view, Message> messages_;
  std::size_t values_ = 0;
};

/// runtime.Unknown{1: TypeMeta{1: apiVersion, 2: kind}, 2: raw, 3: contentEncoding, 4: contentType}
struct Envelope {
  std::string_view api_version;
  std::string_view kind;
  std::string_view raw;
  std::string_view encoding;
};

Result<Envelope> open_envelope(std::string_view in) {
  Envelope out;
  while (!in.empty()) {
    const auto part = take_wire(in);
    if (!part) return part.error();
    if (part->type != 2) continue;
    if (part->number == 2) out.raw = part->bytes;
    if (part->number == 3) out.encoding = part->bytes;
    if (part->number != 1) continue;
    for (auto meta = part->bytes; !meta.empty();) {
      const auto word = take_wire(meta);
      if (!word) return word.error();
      if (word->type == 2 && word->number == 1) out.api_version = word->bytes;
      if (word->type == 2 && word->number == 2) out.kind = word->bytes;
    }
  }
  if (!is_utf8(out.api_version) || !is_utf8(out.kind)) return malformed("its kind is not UTF-8");
  return out;
}

}  // namespace

ApiResult<json::object> read_protobuf_body(std::string_view body) {
  if (!body.starts_with(kMagic)) {
    return bad_request("the request's body does not begin as Kubernetes' protobuf encoding does (\"k8s\\0\")");
  }
  const auto envelope = open_envelope(body.substr(kMagic.size()));
  if (!envelope) return bad_request(envelope.error().message());
  if (!envelope->encoding.empty()) return unsupported_media_type("the request's body is in a content encoding");
  if (std::find(kKinds.begin(), kKinds.end(), envelope->kind) == kKinds.end()) {
    return unsupported_media_type(
        fmt::format("protobuf is not read for kind \"{}\" in version \"{}\": send application/json",
                    envelope->kind.substr(0, 64), envelope->api_version.substr(0, 64)));
  }
  // An old version whose fields had other numbers has a message of its own.
  const auto versioned = fmt::format("{}@{}", envelope->kind, envelope->api_version);
  const auto is_other = !parse_message(versioned).empty();
  auto object = Decoder().message(is_other ? std::string_view(versioned) : envelope->kind, envelope->raw, 0);
  if (!object) return bad_request(object.error().message());
  json::object out{{"apiVersion", envelope->api_version}, {"kind", envelope->kind}};
  for (auto& entry : *object) out[entry.key()] = std::move(entry.value());
  return out;
}

}  // namespace berth::api
