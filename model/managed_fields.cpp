// model/managed_fields.cpp - see managed_fields.hpp.
#include "model/managed_fields.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "model/json_edit.hpp"
#include "model/object_fields.hpp"

namespace berth::model {
namespace {

constexpr std::size_t kMaxUpdaters = 10;
constexpr std::string_view kAncient = "ancient-changes";

/// What a manager could not change if it wanted to (k8s.io/apimachinery/.../stripmeta.go, and the times of deletion).
const FieldSet& system_fields() {
  static const FieldSet set = [] {
    FieldSet out;
    for (const auto* name : {"apiVersion", "kind", "metadata"}) out.insert({fmt::format("f:{}", name)});
    for (const auto* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
                             "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"}) {
      out.insert({"f:metadata", fmt::format("f:{}", name)});
    }
    return out;
  }();
  return set;
}

/// Every kind of ours with a `status` in its schema writes it through its subresource only.
bool has_status_field(Kind kind) { return schema_type(kind).find("status") != nullptr; }

Result<ManagedFields> decode_entry(const json::value& value) {
  const auto wrong = [](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("metadata.managedFields: {}", why));
  };
  const auto* object = value.if_object();
  if (object == nullptr) return wrong("entries must be objects");
  ManagedFields out;
  out.manager.name = text_at(*object, "manager");
  out.manager.subresource = text_at(*object, "subresource");
  out.api_version = text_at(*object, "apiVersion");
  out.time = text_at(*object, "time");
  const auto operation = text_at(*object, "operation");
  if (operation != "Apply" && operation != "Update") return wrong("operation must be Apply or Update");
  out.manager.applies = operation == "Apply";
  if (text_at(*object, "fieldsType") != "FieldsV1") return wrong("fieldsType must be FieldsV1");
  const auto* fields = object->if_contains("fieldsV1");
  if (fields == nullptr) return wrong("fieldsV1 is required");
  auto set = decode_field_set(*fields);
  if (!set) return set.error().context("metadata.managedFields");
  out.fields = *std::move(set);
  return out;
}

json::object encode_entry(const ManagedFields& entry) {
  json::object out{{"manager", entry.manager.name},
                   {"operation", entry.manager.applies ? "Apply" : "Update"},
                   {"apiVersion", entry.api_version}};
  if (!entry.time.empty()) out["time"] = entry.time;
  out["fieldsType"] = "FieldsV1";
  out["fieldsV1"] = encode_field_set(entry.fields);
  if (!entry.manager.subresource.empty()) out["subresource"] = entry.manager.subresource;
  return out;
}

const json::value* list_in(const json::object& object) {
  const auto* metadata = object.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return nullptr;
  const auto* list = metadata->get_object().if_contains("managedFields");
  return list == nullptr || list->is_null() ? nullptr : list;
}

/// A client that says `[]` or `[{}]` wants them gone.
bool is_reset(const json::value& value) {
  const auto* list = value.if_array();
  if (list == nullptr || list->size() > 1) return false;
  return list->empty() || (list->front().is_object() && list->front().get_object().empty());
}

void cap_updaters(ManagedFieldsList& list) {
  const auto updates = [](const ManagedFields& entry) { return !entry.manager.applies; };
  while (static_cast<std::size_t>(std::count_if(list.begin(), list.end(), updates)) > kMaxUpdaters) {
    // The two oldest become one; "ancient-changes" is always one of them, once there.
    std::vector<std::size_t> oldest;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (updates(list[i])) oldest.push_back(i);
    }
    std::sort(oldest.begin(), oldest.end(), [&](auto a, auto b) {
      const auto rank = [&](std::size_t i) {
        return std::make_tuple(list[i].manager.name != kAncient, std::string_view(list[i].time));
      };
      return rank(a) < rank(b);
    });
    auto& kept = list[oldest[0]];
    const auto& merged = list[oldest[1]];
    kept.manager = {std::string(kAncient), false, {}};
    kept.fields = united(std::move(kept.fields), merged.fields);
    kept.time = std::max(kept.time, merged.time);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(oldest[1]));
  }
}

}  // namespace

Result<ManagedFieldsList> decode_managed_fields(const json::value& value) {
  const auto* list = value.if_array();
  if (list == nullptr) return Error(ErrorCode::InvalidArgument, "metadata.managedFields: must be a list");
  ManagedFieldsList out;
  for (const auto& entry : *list) {
    auto decoded = decode_entry(entry);
    if (!decoded) return decoded.error();
    out.push_back(*std::move(decoded));
  }
  return out;
}

json::array encode_managed_fields(ManagedFieldsList list) {
  std::sort(list.begin(), list.end(), [](const ManagedFields& a, const ManagedFields& b) {
    const auto rank = [](const ManagedFields& entry) {
      return std::tie(entry.time, entry.manager.name, entry.api_version, entry.manager.subresource);
    };
    if (a.manager.applies != b.manager.applies) return a.manager.applies;
    return rank(a) < rank(b);
  });
  json::array out;
  for (const auto& entry : list) {
    if (!entry.fields.empty()) out.push_back(encode_entry(entry));
  }
  return out;
}

ManagedFieldsList managed_fields_of(const json::object& object) {
  const auto* list = list_in(object);
  if (list == nullptr) return {};
  auto decoded = decode_managed_fields(*list);
  return decoded ? *std::move(decoded) : ManagedFieldsList();
}

void put_managed_fields(json::object& object, ManagedFieldsList list) {
  auto encoded = encode_managed_fields(std::move(list));
  auto* metadata = object_or_new(object, "metadata");
  if (metadata == nullptr) return;
  if (encoded.empty()) return erase(*metadata, "managedFields");
  (*metadata)["managedFields"] = std::move(encoded);
}

FieldSet ownable(Kind kind, std::string_view subresource, FieldSet fields) {
  fields = without(std::move(fields), system_fields());
  if (subresource == "status") {
    std::erase_if(fields.below, [](const auto& child) { return child.first != "f:status"; });
  } else if (has_status_field(kind)) {
    fields.below.erase("f:status");
  }
  return fields;
}

void record_update(Kind kind, const FieldManager& manager, std::string_view now, const json::object& before,
                   json::object& after) {
  auto list = managed_fields_of(before);
  if (const auto* sent = list_in(after); sent != nullptr && manager.subresource.empty()) {
    if (is_reset(*sent)) return put_managed_fields(after, {});
    if (!list.empty()) {
      if (auto theirs = managed_fields_of(after); !theirs.empty()) list = std::move(theirs);
    }
  }
  if (list.empty()) return put_managed_fields(after, {});
  const auto changes = compare_fields(schema_type(kind), before, after);
  const auto changed = ownable(kind, manager.subresource, changes.changed);
  auto mine = list.end();
  for (auto entry = list.begin(); entry != list.end(); ++entry) {
    const bool is_mine = entry->manager == manager;
    if (is_mine) mine = entry;
    auto fields = without(entry->fields, changes.removed);
    if (!is_mine) fields = without(std::move(fields), changed);
    entry->fields = std::move(fields);
  }
  if (!changed.empty()) {
    if (mine == list.end()) mine = list.insert(list.end(), {manager, {}, {}, {}});
    auto fields = united(mine->fields, changed);
    if (fields != mine->fields) mine->time = now;
    mine->fields = std::move(fields);
    mine->api_version = info(kind).api_version();
  }
  cap_updaters(list);
  put_managed_fields(after, std::move(list));
}

}  // namespace berth::model
