// api/usage/metrics_handler.hpp - metrics.k8s.io/v1beta1: kubectl top.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// Answers NodeMetrics and PodMetrics, one or a list, selected by labels and fields of the node or pod. False: the
/// path is not of that group, `respond` was not used. A second goes by when nobody has asked for a minute. Of other
/// hosts their agents tell: in a list those are missing that do not within ApiConfig::usage_patience more.
bool handle_metrics(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond);

}  // namespace berth::api
