// api/writes/scale_handler.hpp - autoscaling/v1 Scale of a set.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// GET, PUT or PATCH (of every type) on `statefulsets/NAME/scale`: reads and writes spec.replicas, nothing else. 409
/// when the Scale names another resourceVersion than the set has.
void handle_scale(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond);

}  // namespace berth::api
