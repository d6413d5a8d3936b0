// api/writes/write_body.hpp - request bodies and what the API does to an object before it is stored. Pure.
#pragma once

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "model/model.hpp"
#include "model/schema_types.hpp"

namespace berth::api {

/// What a patch changes: an object (or its scale), for errors by the name of what it belongs to.
struct PatchTarget {
  const model::KindInfo& kind;
  std::string_view name;
  const model::SchemaType* type = nullptr;  ///< How its lists merge; null: they are replaced whole.
};

/// `stored` after a JSON, merge or strategic merge patch. 415 for another type of patch, 400 for a malformed one, 422
/// when it does not apply.
ApiResult<json::object> patch_object(const HttpRequest& request, const PatchTarget& target, const json::object& stored);

/// metadata, made when it is missing. 400 when it is not an object.
ApiResult<json::object*> metadata_of(json::object& raw);

/// apiVersion, kind, name and namespace must be what the path says, or missing: then they are filled in.
/// An empty `path.name` (create) accepts any name.
ApiResult<bool> match_path(json::object& raw, const ResourcePath& path);

/// Empty labels, annotations, finalizers and owners are left out, as Kubernetes' encoding does.
void drop_empty_metadata(json::object& raw);

/// What only the system may set is taken from `stored`: uid, times, generation, and `status` (or all but `status`).
void keep_system_fields(json::object& raw, const json::object& stored, model::Kind kind, bool status_update);

}  // namespace berth::api
