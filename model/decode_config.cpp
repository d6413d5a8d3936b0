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

}  // namespace

Result<ConfigMap> decode_config_map(const Object& object) {
  Issues issues;
  const Reader root(object.raw, "", issues);
  ConfigMap map;
  map.meta = object.meta;
  map.data = root.text_map("data");
  read_base64_map(root, "binaryData", map.data);
  map.immutable = root.flag("immutable");
  return unless_issues(std::move(map), issues);
}

Result<Secret> decode_secret(const Object& object) {
  Issues issues;
  const Reader root(object.raw, "", issues);
  Secret secret;
  secret.meta = object.meta;
  secret.type = root.text("type", "Opaque");
  read_base64_map(root, "data", secret.data);
  for (auto& [key, text] : root.text_map("stringData")) secret.data[key] = text;
  secret.immutable = root.flag("immutable");
  return unless_issues(std::move(secret), issues);
}

Result<Node> decode_node(const Object& object) {
  Issues issues;
  const auto spec = Reader(object.raw, "", issues).child("spec");
  Node node;
  node.meta = object.meta;
  for (const auto& taint : spec.children("taints")) {
    node.taints.push_back({taint.text("key"), taint.text("value"), taint.text("effect")});
  }
  node.unschedulable = spec.flag("unschedulable");
  return unless_issues(std::move(node), issues);
}

Result<Event> decode_event(const Object& object) {
  Issues issues;
  const Reader root(object.raw, "", issues);
  Event event;
  event.meta = object.meta;
  const auto involved = root.child("involvedObject");
  const auto kind = involved.text("kind");
  if (const auto* found = find_kind(kind)) {
    event.involved.kind = found->kind;
  } else {
    involved.fail("kind", "unknown kind \"" + kind + "\"");
  }
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
  return unless_issues(std::move(event), issues);
}

}  // namespace berth::model
