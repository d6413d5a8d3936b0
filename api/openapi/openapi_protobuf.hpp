// api/openapi/openapi_protobuf.hpp - an OpenAPI v2 document as gnostic's protobuf (openapi.v2), which older kubectls
// read. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"

namespace berth::api {

/// One Document.definitions.additional_properties (NamedSchema), ready to append to a Definitions message.
std::string named_schema(std::string_view name, const json::object& schema);

/// One Document.paths.path (NamedPathItem), ready to append to a Paths message.
std::string named_path(std::string_view path, const json::object& item);

/// The Document around those.
std::string openapi_document(std::string_view title, std::string_view version, std::string_view paths,
                             std::string_view definitions);

}  // namespace berth::api
