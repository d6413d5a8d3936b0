// agent/objects/revision.cpp - see revision.hpp.
#include "agent/objects/revision.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace berth::agent {
namespace {

constexpr std::uint64_t kFnvOffset = 14695981039346656037ULL;
constexpr std::uint64_t kFnvPrime = 1099511628211ULL;

void mix_text(std::uint64_t& hash, std::string_view text) {
  for (const auto c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= kFnvPrime;
  }
  hash ^= 0xff;  // A separator that no UTF-8 text contains.
  hash *= kFnvPrime;
}

/// Hashes by content: object keys in sorted order.
void mix(std::uint64_t& hash, const json::value& value) {
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

}  // namespace

std::string template_hash(const json::object& pod_template) {
  auto hash = kFnvOffset;
  mix(hash, json::value(pod_template));
  // No vowels and no look-alikes: the alphabet of Kubernetes' own generated names.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += kAlphabet[hash % kAlphabet.size()];
    hash /= kAlphabet.size();
  }
  return text;
}

json::object make_owner_reference(const model::ObjectMeta& owner, std::string_view kind) {
  return {{"apiVersion", "apps/v1"}, {"kind", kind},       {"name", owner.name},
          {"uid", owner.uid},        {"controller", true}, {"blockOwnerDeletion", true}};
}

json::object make_revision_object(const model::ObjectMeta& owner, std::string_view owner_kind,
                                  const Revision& revision) {
  auto pod_template = revision.pod_template;
  pod_template["$patch"] = "replace";
  json::object labels;
  // kubectl finds a set's revisions by the set's selector.
  const json::value written(revision.pod_template);
  if (const auto* marks = find(written, {"metadata", "labels"}); marks != nullptr && marks->is_object()) {
    labels = marks->get_object();
  }
  labels["controller.kubernetes.io/hash"] = revision.name.substr(owner.name.size() + 1);
  return {{"apiVersion", "apps/v1"},
          {"kind", "ControllerRevision"},
          {"metadata",
           {{"name", revision.name},
            {"namespace", owner.ns},
            {"labels", std::move(labels)},
            {"ownerReferences", json::array{make_owner_reference(owner, owner_kind)}}}},
          {"data", {{"spec", {{"template", std::move(pod_template)}}}}},
          {"revision", revision.number}};
}

Result<Revision> decode_revision(const model::Object& object) {
  const auto raw = json::value(object.raw);
  const auto* pod_template = find(raw, {"data", "spec", "template"});
  if (pod_template == nullptr || !pod_template->is_object()) {
    return Error(ErrorCode::InvalidArgument, "data.spec.template: required");
  }
  Revision revision;
  revision.name = object.meta.name;
  revision.pod_template = pod_template->get_object();
  revision.pod_template.erase("$patch");
  if (const auto* number = raw.get_object().if_contains("revision")) {
    if (number->is_number()) revision.number = number->to_number<std::int64_t>();
  }
  return revision;
}

}  // namespace berth::agent
