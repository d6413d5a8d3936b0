// store/etcd/etcd_keys.cpp - see etcd_keys.hpp.
#include "store/etcd/etcd_keys.hpp"

#include <fmt/format.h>

namespace berth::store::etcd {
namespace {

constexpr std::string_view kNoNamespace = "_";  // No namespace is called so: names of them have no underscore.

std::string group_kind(const model::KindInfo& info) {
  return info.group.empty() ? std::string(info.name) : fmt::format("{}.{}", info.group, info.name);
}

void set_revision(json::object& raw, Revision revision) {
  raw["metadata"].get_object()["resourceVersion"] = std::to_string(revision);
}

}  // namespace

std::optional<model::ObjectKey> ObjectPath::key() const {
  const auto dot = group_kind.rfind('.');
  const auto* info = model::kind_named(dot == std::string::npos ? group_kind : group_kind.substr(dot + 1));
  if (info == nullptr || etcd::group_kind(*info) != group_kind || info->namespaced == ns.empty()) return std::nullopt;
  return model::ObjectKey{info->kind, ns, name};
}

std::string ObjectPath::display() const {
  return fmt::format("{} {}{}{}", group_kind, ns, ns.empty() ? "" : "/", name);
}

EtcdKeys::EtcdKeys(std::string_view prefix) : prefix_(prefix) {
  if (prefix_.empty() || prefix_.back() != '/') prefix_ += '/';
}

std::string EtcdKeys::object(const model::ObjectKey& key) const {
  return fmt::format("{}objects/{}/{}/{}", prefix_, group_kind(model::info(key.kind)),
                     key.ns.empty() ? kNoNamespace : std::string_view(key.ns), key.name);
}

KeyRange EtcdKeys::objects_of(model::Kind kind, std::string_view ns) const {
  auto prefix = fmt::format("{}objects/{}/", prefix_, group_kind(model::info(kind)));
  if (!ns.empty()) prefix += fmt::format("{}/", ns);
  return KeyRange::below(std::move(prefix));
}

std::string EtcdKeys::session_name(std::string_view key) const {
  if (!key.starts_with(prefix_)) return {};
  key.remove_prefix(prefix_.size());
  return key.starts_with("live/") ? std::string(key) : std::string();
}

std::optional<ObjectPath> EtcdKeys::object_path(std::string_view key) const {
  constexpr std::string_view kObjects = "objects/";
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  if (!key.starts_with(kObjects)) return std::nullopt;
  key.remove_prefix(kObjects.size());
  const auto kind_end = key.find('/');
  const auto ns_end = kind_end == std::string_view::npos ? kind_end : key.find('/', kind_end + 1);
  if (ns_end == std::string_view::npos) return std::nullopt;
  ObjectPath path{std::string(key.substr(0, kind_end)), std::string(key.substr(kind_end + 1, ns_end - kind_end - 1)),
                  std::string(key.substr(ns_end + 1))};
  if (path.ns == kNoNamespace) path.ns.clear();
  return path;
}

Result<model::Object> read_object(const ObjectPath& path, const KeyValue& stored) {
  auto value = parse_json(stored.value);
  if (!value) return std::move(value).error();
  if (!value->is_object()) return Error(ErrorCode::InvalidArgument, "not an object");
  auto object = model::make_object(std::move(value->get_object()));
  if (!object) return object;
  if (object->key() != path.key()) {
    return Error(ErrorCode::InvalidArgument, "it says that it is " + object->key().display());
  }
  object->meta.resource_version = stored.modified;
  set_revision(object->raw, stored.modified);
  // Parsed JSON holds what was needed to parse it; a copy does not.
  object->raw = json::object(object->raw);
  return object;
}

std::string object_text(const model::Object& object) {
  auto raw = object.raw;
  raw["metadata"].get_object().erase("resourceVersion");
  return json::serialize(raw);
}

model::Object at_revision(const model::Object& object, Revision revision) {
  auto copy = object;
  copy.meta.resource_version = revision;
  set_revision(copy.raw, revision);
  return copy;
}

}  // namespace berth::store::etcd
