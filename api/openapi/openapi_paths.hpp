// api/openapi/openapi_paths.hpp - the paths of the API as OpenAPI describes them. Pure.
#pragma once

#include <functional>
#include <string>

#include "api/openapi/discovery_table.hpp"
#include "api/openapi/openapi_schemas.hpp"

namespace berth::api {

/// Gives each path of one group version with its operations, and refers to the schemas they need. Operations name their
/// query parameters: clients look for dryRun and fieldValidation there before they send them.
void write_openapi_paths(const GroupVersion& where, OpenApiVersion version, OpenApiSchemas& schemas,
                         const std::function<void(const std::string& path, const json::object& item)>& take);

}  // namespace berth::api
