// tests/fuzz/fuzz_api.cpp - any bytes as a protobuf body, a request target, an Accept header, a JSON body with doubles.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/access/authorization.hpp"
#include "api/encoding/accept.hpp"
#include "api/encoding/protobuf_body.hpp"
#include "api/encoding/protobuf_writer.hpp"
#include "api/openapi/discovery.hpp"
#include "api/request/request_path.hpp"
#include "api/writes/field_check.hpp"

namespace {

using namespace berth;
using namespace berth::api;

void expect(bool holds) {
  if (!holds) std::abort();
}

void as_protobuf(std::string_view body) {
  const auto object = read_protobuf_body(body);
  if (!object) {
    expect(object.error().code == 400 || object.error().code == 415);
    return;
  }
  // What we made of it is JSON that we read ourselves.
  expect(static_cast<bool>(parse_json(json::serialize(*object))));
}

/// The bytes as an object of each kind, behind a sound envelope.
void as_object(std::string_view raw) {
  for (const auto* kind : {"Pod", "Service", "Secret", "Event", "DeleteOptions", "SubjectAccessReview"}) {
    ProtobufWriter meta;
    meta.text(1, "v1");
    meta.text(2, kind);
    ProtobufWriter envelope;
    envelope.message(1, meta);
    envelope.bytes(2, raw);
    as_protobuf(std::string("k8s\0", 4) + envelope.data());
  }
}

void as_target(std::string_view text) {
  const auto target = parse_target(text);
  if (!target) return;
  for (const auto& segment : target->segments) {
    expect(!segment.empty() && segment != ".." && segment.find('/') == std::string::npos);
  }
  for (const auto* name : {"limit", "timeoutSeconds"}) static_cast<void>(target->query.number(name));
  static_cast<void>(target->query.flag("watch"));
  static_cast<void>(discovery(target->segments, text));
  const auto path = parse_resource_path(target->segments);
  const auto access = access_request(Method::Get, *target);
  // The door must see the resource that the handlers will serve.
  if (path) expect(access.resource == model::info(path->kind).plural && access.subresource == path->subresource);
}

void as_accept(std::string_view text) {
  const auto ranges = parse_accept(text);
  expect(ranges.size() <= 32);
  for (const auto& range : ranges) {
    expect(range.quality > 0 && range.quality <= 1);
    static_cast<void>(range.covers("application/json"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 5) {
    case 0: as_protobuf(text); break;
    case 1: as_object(text); break;
    case 2: as_target(text); break;
    case 3: as_accept(text); break;
    default: expect(duplicate_fields(text).size() <= 100); break;
  }
  return 0;
}
