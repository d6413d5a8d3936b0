// api/access/access_review.hpp - who am I, and may I? Reviews of authorization.k8s.io and authentication.k8s.io. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/request/http_message.hpp"

namespace berth::api {

/// Answers a POST of a self subject (access, rules) review, or of a (local) subject access review, from request.user,
/// role_of() and is_allowed(): 201 with the review and its status. Token reviews are refused with 403: tokens are
/// judged by the listener alone. 405 for other methods, 422 for a review that asks nothing; nullopt for other paths.
std::optional<HttpResponse> review_access(const std::vector<std::string>& segments, const HttpRequest& request);

}  // namespace berth::api
