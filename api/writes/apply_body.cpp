// api/writes/apply_body.cpp - see apply_body.hpp.
#include "api/writes/apply_body.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/writes/write_body.hpp"
#include "model/server_side_apply.hpp"

namespace berth::api {

namespace {

ApiError conflicting(const std::vector<model::FieldConflict>& conflicts) {
  ApiError error{.code = 409, .reason = "Conflict", .message = model::conflict_message(conflicts)};
  for (const auto& conflict : conflicts) {
    error.causes.push_back(
        {"FieldManagerConflict", fmt::format("conflict with {}", conflict.owner_text()), conflict.path});
  }
  return error;
}

}  // namespace

ApiResult<json::object> read_apply_body(const ResourcePath& path, const HttpRequest& request) {
  auto parsed = model::parse_yaml(request.body);
  if (!parsed) return bad_request(fmt::format("error decoding YAML: {}", parsed.error().message()));
  if (!parsed->is_object()) return bad_request("error decoding YAML: the configuration must be a mapping");
  auto config = std::move(parsed->get_object());
  for (const auto name : {"apiVersion", "kind"}) {
    if (text_at(config, {name}).empty()) return bad_request(fmt::format("Object '{}' is missing", name));
  }
  if (const auto* managed = field(config, {"metadata", "managedFields"}); managed != nullptr && !managed->is_null()) {
    return bad_request("metadata.managedFields must be nil");
  }
  const auto& kind = model::info(path.kind);
  if (const auto version = text_at(config, {"apiVersion"}); version != kind.api_version()) {
    return bad_request(
        fmt::format("Incorrect version specified in apply patch. Specified patch version: {}, expected: {}", version,
                    kind.api_version()));
  }
  if (auto matched = match_path(config, path); !matched) return matched.error();
  return config;
}

ApiResult<json::object> applied_object(model::Kind kind, const WriteOptions& options, std::string now,
                                       const json::object& live, const json::object& config) {
  auto applied = model::server_side_apply({kind, options.manager, options.force, std::move(now)}, live, config);
  if (!applied) {
    return bad_request(fmt::format("failed to create typed patch object ({}/{}; {}, Kind={}): {}",
                                   text_at(config, {"metadata", "namespace"}), text_at(config, {"metadata", "name"}),
                                   model::info(kind).api_version(), model::info(kind).name, applied.error().message()));
  }
  if (!applied->conflicts.empty()) return conflicting(applied->conflicts);
  return std::move(applied->object);
}

}  // namespace berth::api
