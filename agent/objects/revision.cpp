// agent/objects/revision.cpp - see revision.hpp.
#include "agent/objects/revision.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/fnv.hpp"
#include "model/generated_name.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

void mix_text(Fnv1a& hash, std::string_view text) {
  hash.add(text).add(0xff);  // A separator that no UTF-8 text contains.
}

/// Hashes by content: object keys in sorted order.
void mix(Fnv1a& hash, const json::value& value) {
  if (const auto* object = value.if_object()) {
    std::vector<std::string_view> keys;
    for (const auto& entry : *object) keys.emplace_back(entry.key().data(), entry.key().size());
    std::sort(keys.begin(), keys.end());
    mix_text(hash, "{");
    for (const auto key : keys) {
      mix_text(hash, key);
      mix(hash, object->at(key));
    }
    mix_text(hash, "}");
  } else if (const auto* array = value.if_array()) {
    mix_text(hash, "[");
    for (const auto& item : *array) mix(hash, item);
    mix_text(hash, "]");
  } else {
    mix_text(hash, json::serialize(value));
  }
}

/// Members in the order of their names, as Go's maps are written.
json::value in_order(const json::value& value) {
  if (const auto* object = value.if_object()) {
    std::vector<std::string_view> keys;
    for (const auto& entry : *object) keys.emplace_back(entry.key().data(), entry.key().size());
    std::sort(keys.begin(), keys.end());
    json::object out;
    out.reserve(keys.size());
    for (const auto key : keys) out[key] = in_order(object->at(key));
    return out;
  }
  if (const auto* array = value.if_array()) {
    json::array out;
    out.reserve(array->size());
    for (const auto& item : *array) out.push_back(in_order(item));
    return out;
  }
  return value;
}

/// Those of the set that are about its template. What a file or a client keeps for itself stays with the set.
json::object annotations_of(const model::ObjectMeta& owner) {
  json::object out;
  for (const auto& [name, value] : owner.annotations) {
    if (name == "kubectl.kubernetes.io/last-applied-configuration" || name.starts_with("berth.io/")) continue;
    out[name] = value;
  }
  return out;
}

}  // namespace

std::string template_hash(const json::object& pod_template) {
  Fnv1a mixed;
  mix(mixed, json::value(pod_template));
  auto hash = mixed.value();
  constexpr auto kAlphabet = model::kNameLetters;
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += kAlphabet[hash % kAlphabet.size()];
    hash /= kAlphabet.size();
  }
  return text;
}

json::object make_owner_reference(const model::ObjectMeta& owner, std::string_view kind) {
  const auto* known = model::kind_named(kind);
  return {{"apiVersion", known == nullptr ? "apps/v1" : known->api_version()},
          {"kind", kind},
          {"name", owner.name},
          {"uid", owner.uid},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

// The data is to the byte what Kubernetes' own controllers write for the template: clients find the revision of a set
// by comparing bytes.
json::object make_revision_object(const model::ObjectMeta& owner, std::string_view owner_kind, const std::string& hash,
                                  std::int64_t number, const json::object& pod_template) {
  auto kept = pod_template;
  kept["$patch"] = "replace";
  if (auto* template_meta = model::object_or_new(kept, "metadata")) (*template_meta)["creationTimestamp"] = nullptr;
  json::object labels;
  // kubectl finds a set's revisions by the set's selector.
  const auto* meta = pod_template.if_contains("metadata");
  if (const auto* marks = meta == nullptr ? nullptr : find(*meta, {"labels"}); marks != nullptr && marks->is_object()) {
    labels = marks->get_object();
  }
  labels[owner_kind == "DaemonSet" ? kRevisionLabel : "controller.kubernetes.io/hash"] = hash;
  json::object metadata{{"name", owner.name + "-" + hash},
                        {"namespace", owner.ns},
                        {"labels", std::move(labels)},
                        {"ownerReferences", json::array{make_owner_reference(owner, owner_kind)}}};
  if (auto annotations = annotations_of(owner); !annotations.empty()) metadata["annotations"] = std::move(annotations);
  return {{"apiVersion", "apps/v1"},
          {"kind", "ControllerRevision"},
          {"metadata", std::move(metadata)},
          {"data", {{"spec", {{"template", in_order(kept)}}}}},
          {"revision", number}};
}

Result<Revision> decode_revision(const model::Object& object) {
  const auto raw = json::value(object.raw);
  const auto* pod_template = find(raw, {"data", "spec", "template"});
  if (pod_template == nullptr || !pod_template->is_object()) {
    return Error(ErrorCode::InvalidArgument, "data.spec.template: required");
  }
  Revision revision;
  revision.name = object.meta.name;
  if (const auto* owner = object.meta.controller()) revision.owner_uid = owner->uid;
  if (const auto label = object.meta.labels.find(kRevisionLabel); label != object.meta.labels.end()) {
    revision.hash_label = label->second;
  }
  auto kept = pod_template->get_object();
  kept.erase("$patch");
  if (auto* meta = model::object_at(kept, "metadata")) {
    const auto* made = meta->if_contains("creationTimestamp");
    if (made != nullptr && made->is_null()) model::erase(*meta, "creationTimestamp");
    if (meta->empty()) model::erase(kept, "metadata");
  }
  revision.template_text = json::serialize(kept);
  if (const auto* number = raw.get_object().if_contains("revision")) {
    if (number->is_number()) revision.number = number->to_number<std::int64_t>();
  }
  return revision;
}

}  // namespace berth::agent
