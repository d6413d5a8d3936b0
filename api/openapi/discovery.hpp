// api/openapi/discovery.hpp - which resources there are: /api, /apis, /api/v1, /apis/GROUP[/VERSION], /version, /.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/openapi/discovery_table.hpp"
#include "api/request/http_message.hpp"
#include "base/json.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// The discovery document at that path; nullopt when there is none. /api and /apis are aggregated (KEP-3352,
/// apidiscovery.k8s.io/v2 or v2beta1) when `accept` prefers that.
std::optional<HttpResponse> discovery(const std::vector<std::string>& segments, std::string_view accept,
                                      const DiscoveryOptions& options = {});

}  // namespace berth::api
