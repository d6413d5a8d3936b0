// model/decode_config.cpp - ConfigMap, Secret, Node, Event.
#include <utility>

#include "model/base64.hpp"
#include "model/decode_internal.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

/// Adds the members of the base64 map `name` to `data`.
void read_base64_map(const Reader& root, std::string_view name, std::map<std::string, std::string>& data) {
  for (const auto& [key, text] : root.text_map(name)) {
    if (auto bytes = decode_base64(text)) {
      data[key] = *std::move(bytes);
    } else {
      root.issues().push_back({join_path(root.path_of(name), key), bytes.error().message()});
    }
  }
}

void read_config_map(const Reader& root, ConfigMap& map) {
  map.data = root.text_map("data");
  read_base64_map(root, "binaryData", map.data);
  map.immutable = root.flag("immutable");
}

void read_secret(const Reader& root, Secret& secret) {
  secret.type = root.text("type", "Opaque");
  read_base64_map(root, "data", secret.data);
  for (auto& [key, text] : root.text_map("stringData")) secret.data[key] = text;
  secret.immutable = root.flag("immutable");
}

void read_node(const Reader& root, Node& node) {
  const auto spec = root.child("spec");
  for (const auto& taint : spec.children("taints")) {
    node.taints.push_back({taint.text("key"), taint.text("value"), taint.text("effect")});
  }
  node.unschedulable = spec.flag("unschedulable");
}

void read_event(const Reader& root, Event& event) {
  const auto involved = root.child("involvedObject");
  // Events are told of any kind, and of none.
  if (const auto* found = find_kind(involved.text("kind"))) event.involved.kind = found->kind;
  event.involved.ns = involved.text("namespace");
  event.involved.name = involved.text("name");
  event.involved_uid = involved.text("uid");
  event.reason = root.text("reason");
  event.message = root.text("message");
  event.type = root.text("type", "Normal");
  event.count = root.int32("count", 1);
  event.first_timestamp = root.text("firstTimestamp");
  event.last_timestamp = root.text("lastTimestamp");
  const auto source = root.child("source");
  event.source_component = source.text("component");
  event.source_host = source.text("host");
}

}  // namespace

Result<ConfigMap> decode_config_map(const Object& object) { return decode<ConfigMap>(object, read_config_map); }
Result<Secret> decode_secret(const Object& object) { return decode<Secret>(object, read_secret); }
Result<Node> decode_node(const Object& object) { return decode<Node>(object, read_node); }
Result<Event> decode_event(const Object& object) { return decode<Event>(object, read_event); }

}  // namespace berth::model
