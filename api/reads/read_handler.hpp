// api/reads/read_handler.hpp - get, list and watch.
#pragma once

#include "api/reads/list_body.hpp"
#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// What the Accept header and includeObject ask for. 406 when the client takes no JSON.
ApiResult<Presentation> presentation_of(std::string_view accept, const Query& query);

/// GET of an object or a collection; `watch=true` makes it a watch.
HttpResponse handle_read(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request);

}  // namespace berth::api
