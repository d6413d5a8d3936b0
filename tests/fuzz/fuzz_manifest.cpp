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
  const auto check = [&](const auto& result) {
    if (result.ok() || !valid) return;
    std::fprintf(stderr, "valid object does not decode: %s\n", result.error().message().c_str());
    std::abort();
  };
  switch (object.kind) {
    case Kind::Pod: {
      const auto pod = decode_pod(object);
      check(pod);
      if (pod) {
        qos_class(pod->spec);
        encode_pod_status(pod->status);
      }
      return;
    }
    case Kind::StatefulSet: return check(decode_stateful_set(object));
    case Kind::DaemonSet: return check(decode_daemon_set(object));
    case Kind::Service: return check(decode_service(object));
    case Kind::ConfigMap: return check(decode_config_map(object));
    case Kind::Secret: return check(decode_secret(object));
    case Kind::PersistentVolumeClaim: return check(decode_claim(object));
    case Kind::PersistentVolume: return check(decode_volume(object));
    case Kind::StorageClass: return check(decode_storage_class(object));
    case Kind::Node: return check(decode_node(object));
    case Kind::Event: return check(decode_event(object));
    case Kind::Namespace:
    case Kind::ServiceAccount:
    case Kind::ControllerRevision:
    case Kind::Endpoints:
    case Kind::EndpointSlice:
    case Kind::Lease: return;
  }
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
