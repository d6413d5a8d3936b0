// api/encoding/protobuf_body.hpp - request bodies in Kubernetes' protobuf encoding, as the JSON they stand for. Pure.
#pragma once

#include <string_view>

#include "api/request/api_error.hpp"
#include "base/json.hpp"

namespace berth::api {

inline constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

/// Decodes `k8s\0` and runtime.Unknown, and the object in it, by upstream's field numbers. What generated.proto's Go
/// types leave out of JSON when it is empty is left out here too. Fields that the table does not have are skipped.
/// 415 for a kind that is not in the table (clients may send JSON instead), 400 for octets that are no such message.
/// Nesting (64) and the number of values (200,000) are limited.
ApiResult<json::object> read_protobuf_body(std::string_view body);

}  // namespace berth::api
