// tests/fuzz/fuzz_manifest.cpp - any bytes as a manifest file, and as one JSON object of an API request.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "model/model.hpp"

namespace {

using namespace berth;
using namespace berth::model;

/// Decodes as the kind it is. Must not crash; must succeed when `valid`.
void decode(const Object& object, bool valid) {
  const auto decoded = check_decodes(object);
  if (valid && !decoded) {
    std::fprintf(stderr, "valid object does not decode: %s\n", decoded.error().message().c_str());
    std::abort();
  }
  if (!decoded || object.kind != Kind::Pod) return;
  const auto pod = decode_pod(object);
  qos_class(pod->spec);
  encode_pod_status(pod->status);
}

/// What the file reader accepts is stable: valid, decodable, and its defaults are filled in once.
void check_accepted(const Object& object) {
  if (!validate(object.kind, object.raw, &object.raw).empty()) std::abort();
  auto again = object.raw;
  apply_defaults(object.kind, again);
  if (again != object.raw) std::abort();
  decode(object, /*valid=*/true);
}

/// The way of an API request: JSON with values of any type.
void as_request(std::string_view text) {
  auto value = parse_json(text);
  if (!value || !value->is_object()) return;
  auto raw = value->get_object();
  if (!convert_to_current(raw)) return;
  const auto* kind = find_kind(find_string(*value, {"kind"}));
  if (kind == nullptr) return;
  apply_defaults(kind->kind, raw);
  unknown_fields(kind->kind, raw);
  const bool valid = validate(kind->kind, raw, nullptr).empty();
  validate(kind->kind, raw, &raw);
  auto object = make_object(raw);
  if (object) decode(*object, valid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = read_manifest(text, "fuzz.yaml");
  for (const auto& object : manifest.objects) check_accepted(object);
  for (const auto& problem : manifest.errors) {
    if (problem.message.empty() || problem.text().empty()) std::abort();
  }
  as_request(text);
  (void)parse_label_selector(text);
  (void)Quantity::parse(text);
  return 0;
}
