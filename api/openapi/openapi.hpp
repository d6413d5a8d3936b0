// api/openapi/openapi.hpp - the API described by itself: /openapi/v2, /openapi/v3 and one document per group version
// below it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// The page at that path; nullopt when there is none. Documents are made when they are asked for and not kept; only
/// their hashes are. /openapi/v2 is gnostic's protobuf for clients that accept it, else JSON. A document asked for with
/// the right ?hash= may be kept by clients for ever.
std::optional<HttpResponse> openapi_page(const std::vector<std::string>& segments, const Query& query,
                                         std::string_view accept);

}  // namespace berth::api
