// api/usage/health_page.hpp - /healthz, /livez, /readyz: for load balancers and probes, in the API server's words.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// Is it one of the three, or one check of it (/readyz/containerd)?
bool is_health_page(const Target& target);

/// 200 "ok", or 500 with a line for each check; `?verbose` says them always, `?exclude=NAME` leaves one out. Why a
/// check fails is told to those who may read pages about the host (`tells_why`), to others "reason withheld". API
/// thread.
HttpResponse health_page(const HealthCheck& health, const Target& target, bool tells_why);

}  // namespace berth::api
