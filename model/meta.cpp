// model/meta.cpp - metadata in and out of JSON, see meta.hpp.
#include "model/meta.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <charconv>
#include <cstdlib>

#include "model/reader.hpp"

namespace berth::model {
namespace {

std::uint64_t read_revision(const Reader& metadata) {
  const auto text = metadata.text("resourceVersion");
  std::uint64_t revision = 0;
  if (text.empty()) return revision;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc() || end != text.data() + text.size()) {
    metadata.fail("resourceVersion", fmt::format("invalid value: \"{}\": not a revision of this store", text));
  }
  return revision;
}

ObjectMeta read_meta(const Reader& metadata) {
  ObjectMeta meta;
  meta.name = metadata.text("name");
  meta.generate_name = metadata.text("generateName");
  meta.ns = metadata.text("namespace");
  meta.uid = metadata.text("uid");
  meta.resource_version = read_revision(metadata);
  meta.generation = metadata.integer("generation");
  meta.creation_timestamp = metadata.text("creationTimestamp");
  meta.deletion_timestamp = metadata.text("deletionTimestamp");
  meta.deletion_grace_period_seconds = metadata.maybe_integer("deletionGracePeriodSeconds");
  meta.labels = metadata.text_map("labels");
  meta.annotations = metadata.text_map("annotations");
  for (const auto& owner : metadata.children("ownerReferences")) {
    meta.owner_references.push_back({owner.text("apiVersion"), owner.text("kind"), owner.text("name"),
                                     owner.text("uid"), owner.flag("controller"), owner.flag("blockOwnerDeletion")});
  }
  meta.finalizers = metadata.texts("finalizers");
  return meta;
}

json::object encode_map(const StringMap& map) {
  json::object result;
  for (const auto& [key, value] : map) result[key] = value;
  return result;
}

}  // namespace

const OwnerReference* ObjectMeta::controller() const {
  for (const auto& owner : owner_references) {
    if (owner.controller) return &owner;
  }
  return nullptr;
}

Result<ObjectMeta> decode_meta(const json::object& metadata) {
  Issues issues;
  auto meta = read_meta({metadata, "metadata", issues});
  return unless_issues(std::move(meta), issues);
}

json::object encode_meta(const ObjectMeta& meta) {
  json::object result;
  const auto put = [&](const char* name, const std::string& text) {
    if (!text.empty()) result[name] = text;
  };
  put("name", meta.name);
  put("generateName", meta.generate_name);
  put("namespace", meta.ns);
  put("uid", meta.uid);
  if (meta.resource_version != 0) result["resourceVersion"] = std::to_string(meta.resource_version);
  if (meta.generation != 0) result["generation"] = meta.generation;
  put("creationTimestamp", meta.creation_timestamp);
  put("deletionTimestamp", meta.deletion_timestamp);
  if (meta.deletion_grace_period_seconds) result["deletionGracePeriodSeconds"] = *meta.deletion_grace_period_seconds;
  if (!meta.labels.empty()) result["labels"] = encode_map(meta.labels);
  if (!meta.annotations.empty()) result["annotations"] = encode_map(meta.annotations);
  if (!meta.owner_references.empty()) {
    json::array owners;
    for (const auto& owner : meta.owner_references) {
      json::object entry;
      entry["apiVersion"] = owner.api_version;
      entry["kind"] = owner.kind;
      entry["name"] = owner.name;
      entry["uid"] = owner.uid;
      if (owner.controller) entry["controller"] = true;
      if (owner.block_owner_deletion) entry["blockOwnerDeletion"] = true;
      owners.push_back(std::move(entry));
    }
    result["ownerReferences"] = std::move(owners);
  }
  if (!meta.finalizers.empty()) result["finalizers"] = json::array(meta.finalizers.begin(), meta.finalizers.end());
  return result;
}

Result<Object> make_object(json::object raw) {
  Issues issues;
  const Reader root(raw, "", issues);
  const auto kind_name = root.text("kind");
  const auto api_version = root.text("apiVersion");
  if (kind_name.empty()) root.fail("kind", "required");
  if (api_version.empty()) root.fail("apiVersion", "required");
  if (!issues.empty()) return first_of(issues);
  const auto* found = kind_named(kind_name);
  if (found == nullptr) return Error(ErrorCode::Unimplemented, fmt::format("kind: unknown kind \"{}\"", kind_name));
  if (found->api_version() != api_version) {
    return Error(ErrorCode::Unimplemented, fmt::format("apiVersion: {} is \"{}\" here, found \"{}\"", found->name,
                                                       found->api_version(), api_version));
  }
  const auto metadata = root.child("metadata");
  auto meta = read_meta(metadata);
  if (issues.empty() && meta.name.empty()) metadata.fail("name", "required");
  if (issues.empty() && found->namespaced && meta.ns.empty()) metadata.fail("namespace", "required");
  if (issues.empty() && !found->namespaced && !meta.ns.empty()) {
    metadata.fail("namespace", fmt::format("forbidden: a {} has no namespace", found->name));
  }
  if (!issues.empty()) return first_of(issues);
  return Object{found->kind, std::move(meta), std::move(raw)};
}

std::string new_uid() {
  std::array<unsigned char, 16> bytes{};
  // getrandom(2) gives up to 256 bytes whole. Without entropy there is no identity to give.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // RFC 9562 variant
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace berth::model
