// api/access/authorization.cpp - who may do what.
#include "api/access/authorization.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/ailments.hpp"
#include "model/host_status.hpp"

namespace berth::api {

namespace {

std::string verb_of(Method method) {
  switch (method) {
    case Method::Get: return "get";
    case Method::Post: return "create";
    case Method::Put: return "update";
    case Method::Patch: return "patch";
    case Method::Delete: return "delete";
    case Method::Other: break;
  }
  return {};
}

template <std::size_t kCount>
bool is_one_of(std::string_view word, const std::array<std::string_view, kCount>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool reads(std::string_view verb) {
  static constexpr std::array<std::string_view, 3> kVerbs{"get", "list", "watch"};
  return is_one_of(verb, kVerbs);
}

/// Kubernetes' system:discovery and system:public-info-viewer.
bool is_public_path(std::string_view path) {
  static constexpr std::array<std::string_view, 7> kTrees{"/api",    "/apis",    "/healthz", "/livez",
                                                          "/readyz", "/openapi", "/version"};
  return std::any_of(kTrees.begin(), kTrees.end(), [&](std::string_view tree) {
    return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
  });
}

/// What tells of the host as a whole: for whoever may read its Node.
bool is_page_about_host(std::string_view path) {
  static constexpr std::array<std::string_view, 5> kPages{"/metrics", "/metrics/resource", model::kHostStatusPath,
                                                          model::kAilmentsPath, "/ui"};
  return is_one_of(path, kPages) || path.starts_with("/ui/");
}

/// Kubernetes' system:basic-user.
bool asks_about_self(const AccessRequest& access) {
  if (access.verb != "create" || !access.subresource.empty()) return false;
  if (access.group == "authorization.k8s.io") {
    return access.resource == "selfsubjectaccessreviews" || access.resource == "selfsubjectrulesreviews";
  }
  return access.group == "authentication.k8s.io" && access.resource == "selfsubjectreviews";
}

/// What one host passes on to another, see streams/far_host.hpp.
bool is_for_hosts(const AccessRequest& access) {
  if (access.group == "metrics.k8s.io") return reads(access.verb);
  static constexpr std::array<std::string_view, 4> kStreams{"log", "exec", "attach", "portforward"};
  return access.group.empty() && access.resource == "pods" && (access.verb == "get" || access.verb == "create") &&
         is_one_of(access.subresource, kStreams);
}

}  // namespace

AccessRequest access_request(Method method, const Target& target) {
  const auto& segments = target.segments;
  AccessRequest out;
  out.verb = verb_of(method);
  for (const auto& segment : segments) out.path += "/" + segment;
  if (out.path.empty()) out.path = "/";
  const bool grouped = !segments.empty() && segments[0] == "apis";
  if (!grouped && (segments.empty() || segments[0] != "api")) return out;
  std::size_t at = grouped ? 3 : 2;  // behind the version
  if (segments.size() <= at) return out;
  if (grouped) out.group = segments[1];
  // The deprecated /api/v1/watch/... and /api/v1/proxy/...: the verb is in the path.
  if (segments.size() > at + 1 && (segments[at] == "watch" || segments[at] == "proxy")) out.verb = segments[at++];
  if (segments[at] == "namespaces" && segments.size() > at + 1) {
    out.ns = segments[at + 1];
    const bool inside = segments.size() > at + 2 && segments[at + 2] != "status" && segments[at + 2] != "finalize";
    if (inside) at += 2;
  }
  out.resource = segments[at];
  if (segments.size() > at + 1) out.name = segments[at + 1];
  if (segments.size() > at + 2) out.subresource = segments[at + 2];
  if (out.name.empty() && out.verb == "get") out.verb = target.query.flag("watch") ? "watch" : "list";
  if (out.name.empty() && out.verb == "delete") out.verb = "deletecollection";
  return out;
}

bool is_allowed(Role role, const AccessRequest& access) {
  if (role == Role::Admin) return true;
  if (access.resource.empty() && access.path == kHostCertificatePath)
    return role == Role::Joiner && access.verb == "create";
  if (access.resource.empty()) {
    return access.verb == "get" &&
           (is_public_path(access.path) || (role == Role::Viewer && is_page_about_host(access.path)));
  }
  if (asks_about_self(access)) return true;
  if (role == Role::Host) return is_for_hosts(access);
  static constexpr std::array<std::string_view, 5> kReadable{"", "status", "scale", "log", "approval"};
  return role == Role::Viewer && reads(access.verb) && access.resource != "secrets" && access.resource != "*" &&
         is_one_of(access.subresource, kReadable);
}

bool is_open_to_all(Method method, std::string_view target) {
  if (method != Method::Get) return false;
  const auto path = target.substr(0, target.find('?'));
  static constexpr std::array<std::string_view, 3> kPages{"/healthz", "/livez", "/readyz"};
  return is_one_of(path, kPages);
}

User anonymous_user() { return {.name = "system:anonymous", .groups = {"system:unauthenticated"}}; }

ApiError forbidden(const User& user, const AccessRequest& access) {
  ApiError error{.code = 403,
                 .reason = "Forbidden",
                 .message = {},
                 .name = access.name,
                 .group = access.group,
                 .kind = access.resource,
                 .empty_details = true};
  if (access.resource.empty()) {
    error.message = fmt::format("forbidden: User \"{}\" cannot {} path \"{}\"", user.name, access.verb, access.path);
    return error;
  }
  const auto qualified = access.group.empty() ? access.resource : fmt::format("{}.{}", access.resource, access.group);
  const auto what = access.name.empty() ? qualified : fmt::format("{} \"{}\"", qualified, access.name);
  const auto resource =
      access.subresource.empty() ? access.resource : fmt::format("{}/{}", access.resource, access.subresource);
  const auto where =
      access.ns.empty() ? std::string("at the cluster scope") : fmt::format("in the namespace \"{}\"", access.ns);
  error.message = fmt::format("{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", what,
                              user.name, access.verb, resource, access.group, where);
  return error;
}

ApiError unauthorized() { return {.code = 401, .reason = "Unauthorized", .message = "Unauthorized"}; }

}  // namespace berth::api
