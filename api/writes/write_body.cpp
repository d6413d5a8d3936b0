// api/writes/write_body.cpp - request bodies and what the API does to an object before it is stored.
#include "api/writes/write_body.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/protobuf_body.hpp"
#include "api/openapi/discovery.hpp"
#include "api/writes/json_patch.hpp"
#include "model/strategic_merge.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kSystemMetadata[] = {
    "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"};

}  // namespace

namespace {

/// Upstream's answer to a patch that is well formed and does not fit the object.
ApiError rejected(const PatchTarget& target, const Error& why) {
  auto error = invalid(target.kind, target.name, {});
  error.message = fmt::format("the server rejected our request due to an error in our request: {}", why.message());
  // kubectl shows causes, and the message only where there are none: see its checkErr().
  error.causes.push_back({"FieldValueInvalid", why.message(), "patch"});
  return error;
}

}  // namespace

ApiResult<json::object> patch_object(const HttpRequest& request, const PatchTarget& target,
                                     const json::object& stored) {
  const auto type = media_type(request.content_type);
  const bool is_merge = type == "application/merge-patch+json";
  const bool is_strategic = type == "application/strategic-merge-patch+json";
  if (!is_merge && !is_strategic && type != "application/json-patch+json") {
    return unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
        "application/apply-patch+yaml");
  }
  auto patch = parse_json(request.body);
  if (!patch) return bad_request(fmt::format("couldn't get JSON from the request's body: {}", patch.error().message()));
  if ((is_merge || is_strategic) && !patch->is_object()) return bad_request("a merge patch must be a JSON object");
  json::value patched = stored;
  if (is_merge) {
    apply_merge_patch(patched, *patch);
  } else {
    const auto applied = is_strategic
                             ? model::apply_strategic_merge(target.type, patched.get_object(), patch->get_object())
                             : apply_json_patch(patched, *patch);
    if (failed_with(applied, ErrorCode::InvalidArgument)) return bad_request(applied.error().message());
    if (!applied) return rejected(target, applied.error());
  }
  if (!patched.is_object()) return bad_request("the patch leaves no object");
  return std::move(patched.get_object());
}

ApiResult<json::object*> metadata_of(json::object& raw) {
  auto& metadata = raw["metadata"];
  if (metadata.is_null()) metadata.emplace_object();
  if (!metadata.is_object()) return bad_request("metadata: must be an object");
  return &metadata.get_object();
}

ApiResult<bool> match_path(json::object& raw, const ResourcePath& path) {
  const auto& kind = model::info(path.kind);
  const auto api_version = text_at(raw, {"apiVersion"});
  if (!api_version.empty() && api_version != kind.api_version()) {
    return bad_request(fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                                   api_version, kind.api_version()));
  }
  const auto kind_name = text_at(raw, {"kind"});
  if (!kind_name.empty() && kind_name != kind.name) {
    return bad_request(
        fmt::format("{} in version \"{}\" cannot be handled as a {}", kind_name, kind.version, kind.name));
  }
  raw["apiVersion"] = kind.api_version();
  raw["kind"] = kind.name;
  const auto metadata = metadata_of(raw);
  if (!metadata) return metadata.error();
  const auto name = text_at(**metadata, {"name"});
  if (!path.name.empty() && !name.empty() && name != path.name) {
    return bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, path.name));
  }
  if (!path.name.empty()) (**metadata)["name"] = path.name;
  const auto ns = text_at(**metadata, {"namespace"});
  if (kind.namespaced && !ns.empty() && ns != path.ns) {
    return bad_request(
        fmt::format("the namespace of the provided object does not match the namespace sent on the request ({} and {})",
                    ns, path.ns));
  }
  if (kind.namespaced) {
    (**metadata)["namespace"] = path.ns;
  } else {
    (**metadata).erase("namespace");
  }
  return true;
}

void drop_empty_metadata(json::object& raw) {
  auto* value = raw.if_contains("metadata");
  auto* metadata = value == nullptr ? nullptr : value->if_object();
  if (metadata == nullptr) return;
  for (const auto name : {"labels", "annotations", "finalizers", "ownerReferences"}) {
    const auto at = metadata->find(name);
    if (at == metadata->end()) continue;
    const auto& found = at->value();
    const bool empty = found.is_null() || (found.is_object() && found.get_object().empty()) ||
                       (found.is_array() && found.get_array().empty());
    if (empty) metadata->stable_erase(at);
  }
}

void keep_system_fields(json::object& raw, const json::object& stored, model::Kind kind, bool status_update) {
  if (status_update) {
    const auto* status = raw.if_contains("status");
    json::value kept = status != nullptr ? *status : json::value(json::object{});
    // As in Kubernetes, whoever writes a status may mark the object; a Deployment's labels are not its status'
    // business.
    json::object marks;
    for (const auto* name : {"managedFields", "annotations", "labels"}) {
      const auto* value = field(raw, {"metadata", name});
      if (value == nullptr || (kind == model::Kind::Deployment && name == std::string_view("labels"))) continue;
      marks[name] = *value;
    }
    raw = stored;
    raw["status"] = std::move(kept);
    for (auto& [name, value] : marks) raw["metadata"].get_object()[name] = std::move(value);
    return;
  }
  const auto* old_metadata = field(stored, {"metadata"});
  auto& metadata = raw["metadata"];
  if (old_metadata != nullptr && old_metadata->is_object() && metadata.is_object()) {
    for (const auto name : kSystemMetadata) {
      metadata.get_object().erase(name);
      if (const auto* value = old_metadata->get_object().if_contains(name); value != nullptr) {
        metadata.get_object()[name] = *value;
      }
    }
  }
  if (!model::info(kind).has_status) return;
  raw.erase("status");
  if (const auto* status = stored.if_contains("status"); status != nullptr) raw["status"] = *status;
}

}  // namespace berth::api
