// tests/fuzz/fuzz_patch.cpp - any bytes as a patch of every type on an object, as a selector and as a request's target.
//
// The first byte chooses, the rest is the text.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/reads/selection.hpp"
#include "api/request/request_path.hpp"
#include "api/writes/json_patch.hpp"
#include "base/json.hpp"
#include "model/model.hpp"
#include "model/server_side_apply.hpp"
#include "model/strategic_merge.hpp"

namespace {

using namespace berth;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// A set with everything that merges in a way of its own: lists with keys, sets, atomic lists and maps.
const json::object& sample() {
  static const auto object = parse_json(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web",
      "namespace":"default","uid":"u","labels":{"app":"web"},"annotations":{"a":"b",
      "kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"replicas\":2}}"},"finalizers":["x/a","x/b"],
      "ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"1"}]},
      "spec":{"serviceName":"web","replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{
      "labels":{"app":"web"}},"spec":{"nodeSelector":{"disk":"ssd"},"tolerations":[{"key":"k"}],
      "containers":[{"name":"c","image":"nginx","args":["a"],"env":[{"name":"E","value":"1"}],
      "ports":[{"containerPort":80,"protocol":"TCP"}],"volumeMounts":[{"name":"v","mountPath":"/v"}]},
      {"name":"d","image":"redis"}],"volumes":[{"name":"v","emptyDir":{}},{"name":"w","hostPath":{"path":"/w"}}]}}},
      "status":{"replicas":2,"conditions":[{"type":"A","status":"True"}]}})")
                                 ->get_object();
  return object;
}

/// What a patch leaves must be JSON that we read again.
void check_readable(const json::value& patched) {
  const auto again = parse_json(json::serialize(patched));
  expect(again.ok() && *again == patched, "the patched object reads as it was written");
}

void as_json_patch(std::string_view text) {
  const auto patch = parse_json(text);
  if (!patch) return;
  json::value target = sample();
  if (api::apply_json_patch(target, *patch)) {
    check_readable(target);
  } else {
    expect(target == json::value(sample()), "a JSON patch that fails changes nothing");
  }
}

void as_merge_patch(std::string_view text) {
  const auto patch = parse_json(text);
  if (!patch) return;
  json::value target = sample();
  api::apply_merge_patch(target, *patch);
  auto twice = target;
  api::apply_merge_patch(twice, *patch);
  expect(twice == target, "a merge patch applied twice is applied once");
}

void as_strategic_merge(std::string_view text) {
  const auto patch = parse_json(text);
  if (!patch || !patch->is_object()) return;
  auto target = sample();
  const auto done =
      model::apply_strategic_merge(&model::schema_type(model::Kind::StatefulSet), target, patch->get_object());
  if (done) check_readable(target);
  if (!done) expect(!done.error().message().empty(), "a refused patch says why");
  auto scale = sample();
  (void)model::apply_strategic_merge(nullptr, scale, patch->get_object());
}

/// Applied twice by the same manager is applied once; somebody else's same configuration is no conflict.
void as_apply(std::string_view text) {
  const auto config = model::parse_yaml(text);
  if (!config || !config->is_object()) return;
  model::ApplyRequest request{model::Kind::StatefulSet, {"fuzz", true, {}}, /*force=*/true, "2026-11-21T10:00:00Z"};
  const auto applied = model::server_side_apply(request, sample(), config->get_object());
  if (!applied) return expect(!applied.error().message().empty(), "a refused configuration says why");
  expect(applied->conflicts.empty(), "a forced apply has no conflicts");
  request.now = "2026-11-21T11:00:00Z";
  request.force = false;
  const auto again = model::server_side_apply(request, applied->object, config->get_object());
  expect(again.ok() && again->conflicts.empty(), "what is applied can be applied again");
  expect(again->object == applied->object, "applying the same again changes nothing");
  for (const auto& entry : model::managed_fields_of(applied->object)) {
    const auto decoded = model::decode_field_set(model::encode_field_set(entry.fields));
    expect(decoded.ok() && *decoded == entry.fields, "a field set reads as it was written");
  }
  auto changed = sample();
  model::record_update(model::Kind::StatefulSet, {"other", false, {}}, request.now, applied->object, changed);
}

void as_selectors(std::string_view text) {
  const auto& kind = model::info(model::Kind::Pod);
  const auto object = model::make_object(sample());
  const auto half = text.size() / 2;
  for (const auto& [labels, fields] : {std::pair(text, std::string_view()), std::pair(std::string_view(), text),
                                       std::pair(text.substr(0, half), text.substr(half))}) {
    const auto selection = api::Selection::parse(kind, labels, fields);
    if (selection) (void)selection->matches(*object);
  }
}

void as_target(std::string_view text) {
  const auto target = api::parse_target(text);
  if (!target) return;
  for (const auto& segment : target->segments) {
    expect(segment != "." && segment != ".." && segment.find('/') == std::string::npos, "segments are plain names");
  }
  (void)api::parse_resource_path(target->segments);
  (void)target->query.number("limit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0: as_json_patch(text); break;
    case 1: as_merge_patch(text); break;
    case 2: as_strategic_merge(text); break;
    case 3: as_apply(text); break;
    case 4: as_selectors(text); break;
    default: as_target(text); break;
  }
  return 0;
}
