// api/writes/apply_body.hpp - the body of a server-side apply, and what it makes of an object. Pure.
#pragma once

#include <string>

#include "api/writes/write_options.hpp"

namespace berth::api {

/// The configuration: YAML or JSON, completed by what the path says. 400 when it does not parse, has no apiVersion and
/// kind, those of another resource, or metadata.managedFields.
ApiResult<json::object> read_apply_body(const ResourcePath& path, const HttpRequest& request);

/// `live` (empty: no such object) after the configuration was applied to it, with its managedFields. `now` is RFC 3339.
/// 409 with a cause per conflict, 400 when a list in the configuration lacks keys.
ApiResult<json::object> applied_object(model::Kind kind, const WriteOptions& options, std::string now,
                                       const json::object& live, const json::object& config);

}  // namespace berth::api
