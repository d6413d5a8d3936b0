// api/access/kubeconfig.hpp - what kubectl needs to reach this agent.
#pragma once

#include "api/api_server.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// GET /berth/kubeconfig?user=admin|viewer&server=URL&embed=true|false: a kubeconfig as YAML, with cluster and context
/// `berth`; for admins only, because the admin's key is in it. Without TLS, or when the files cannot be read, a Status
/// that says what to do.
HttpResponse handle_kubeconfig(const ApiConfig& config, const Query& query);

}  // namespace berth::api
