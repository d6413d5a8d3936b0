// api/access/authorization.hpp - who may do what. Pure.
#pragma once

#include <string>
#include <string_view>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "api/request/user.hpp"

namespace berth::api {

/// What somebody wants to do, in the words of Kubernetes' access reviews.
struct AccessRequest {
  std::string verb{};      ///< get, list, watch, create, update, patch, delete, deletecollection; "*": all of them
  std::string group{};     ///< "" is the core group.
  std::string resource{};  ///< "pods", "*"; empty: not a resource, `path` counts.
  std::string subresource{};
  std::string ns{};
  std::string name{};
  std::string path{};  ///< "/healthz"
};

/// What a request asks for, read from method and target as Kubernetes' RequestInfo does: by form, whether or not there
/// is such a resource, so that nobody learns from the difference.
AccessRequest access_request(Method method, const Target& target);

/// Where a host asks for its certificate, see api/host_certificate_page.hpp.
inline constexpr std::string_view kHostCertificatePath = "/berth/v1/cluster/certificate";

/// Admin may do everything. Viewer: get, list and watch of everything but secrets, with the subresources status, scale
/// and log; so no exec, attach, port-forward, proxy or write. Everybody: discovery, version, health, and asking about
/// themselves (self subject reviews). Host: logs, exec, attach and port-forward of pods, and usage; nothing else.
/// Joiner: a host's certificate.
bool is_allowed(Role role, const AccessRequest& access);

/// May somebody whom we do not know ask this? Only whether we are well: for load balancers, as in Kubernetes. `target`
/// as it was sent.
bool is_open_to_all(Method method, std::string_view target);

/// Who that is: `system:anonymous` in group `system:unauthenticated`.
User anonymous_user();

/// 403: `pods "x" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "default"`
ApiError forbidden(const User& user, const AccessRequest& access);

/// 401: nobody we know.
ApiError unauthorized();

}  // namespace berth::api
