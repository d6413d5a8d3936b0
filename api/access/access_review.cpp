// api/access/access_review.cpp - see access_review.hpp.
#include "api/access/access_review.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "api/access/authorization.hpp"
#include "api/encoding/accept.hpp"
#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/openapi/discovery_table.hpp"
#include "api/writes/write_body.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kAuthorization = "authorization.k8s.io";
constexpr std::string_view kAuthentication = "authentication.k8s.io";

struct Review {
  std::string group;
  std::string version;
  std::string resource;
  std::string ns;  ///< Of a LocalSubjectAccessReview.
};

/// /apis/GROUP/VERSION[/namespaces/NS]/RESOURCE of the two groups.
std::optional<Review> review_at(const std::vector<std::string>& segments) {
  if (segments.size() < 4 || segments[0] != "apis") return std::nullopt;
  const auto& group = segments[1];
  const bool known = (group == kAuthorization && segments[2] == "v1") ||
                     (group == kAuthentication && (segments[2] == "v1" || segments[2] == "v1beta1"));
  if (!known) return std::nullopt;
  if (segments.size() == 4) return Review{group, segments[2], segments[3], {}};
  if (segments.size() == 6 && segments[3] == "namespaces" && segments[5] == "localsubjectaccessreviews") {
    return Review{group, segments[2], segments[5], segments[4]};
  }
  return std::nullopt;
}

std::string_view kind_of(const Review& review) {
  const bool namespaced = !review.ns.empty();
  if (review.group == kAuthentication) return review.resource == "selfsubjectreviews" ? "SelfSubjectReview" : "";
  if (namespaced) return "LocalSubjectAccessReview";
  if (review.resource == "selfsubjectaccessreviews") return "SelfSubjectAccessReview";
  if (review.resource == "selfsubjectrulesreviews") return "SelfSubjectRulesReview";
  if (review.resource == "subjectaccessreviews") return "SubjectAccessReview";
  return {};
}

std::string text(const json::object& from, std::string_view name) { return std::string(text_at(from, {name})); }

/// Nullopt unless exactly one of the two kinds of attributes is there.
std::optional<AccessRequest> asked_for(const json::object& review) {
  const auto attributes = [&](std::string_view name) -> const json::object* {
    const auto* value = field(review, {"spec", name});
    return value == nullptr ? nullptr : value->if_object();
  };
  const auto* resource = attributes("resourceAttributes");
  const auto* other = attributes("nonResourceAttributes");
  if ((resource == nullptr) == (other == nullptr)) return std::nullopt;
  if (other != nullptr) {
    AccessRequest out;
    out.verb = text(*other, "verb");
    out.path = text(*other, "path");
    return out;
  }
  AccessRequest out;
  out.verb = text(*resource, "verb");
  out.group = text(*resource, "group");
  out.resource = text(*resource, "resource");
  out.subresource = text(*resource, "subresource");
  out.ns = text(*resource, "namespace");
  out.name = text(*resource, "name");
  if (out.resource.empty()) out.resource = "*";
  // Upstream's clients may write them in one.
  if (const auto slash = out.resource.find('/'); slash != std::string::npos && out.subresource.empty()) {
    out.subresource = out.resource.substr(slash + 1);
    out.resource.resize(slash);
  }
  return out;
}

ApiError asks_nothing(std::string_view kind, std::string_view what) {
  const auto message = fmt::format("{} must be specified", what);
  return {
      .code = 422,
      .reason = "Invalid",
      .message = fmt::format("{}.{} \"\" is invalid: spec.resourceAttributes: Invalid value: null: {}", kind,
                             kAuthorization, message),
      .name = {},
      .group = std::string(kAuthorization),
      .kind = std::string(kind),
      .causes = {{"FieldValueInvalid", fmt::format("Invalid value: null: {}", message), "spec.resourceAttributes"}}};
}

std::string_view reason_of(Role role) {
  switch (role) {
    case Role::Admin: return "role admin";
    case Role::Host: return "role host";
    case Role::Viewer: return "role viewer";
    case Role::Joiner: return "role joiner";
    case Role::None: break;
  }
  return "everybody";
}

json::object access_status(Role role, const AccessRequest& access) {
  const bool allowed = is_allowed(role, access);
  json::object out{{"allowed", allowed}};
  if (allowed) out["reason"] = reason_of(role);
  return out;
}

json::array array_of(const std::vector<std::string>& words) { return json::array(words.begin(), words.end()); }

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

/// What is_allowed() says of everything that discovery names.
json::object rules_status(Role role) {
  std::map<std::pair<std::string, std::vector<std::string>>, std::vector<std::string>> rules;
  const auto note = [&](const GroupVersion& where, std::string_view resource, std::string_view sub,
                        std::string_view verbs) {
    std::vector<std::string> allowed;
    for (const auto& verb : split(verbs)) {
      AccessRequest access;
      access.verb = verb;
      access.group = where.group;
      access.resource = resource;
      access.subresource = sub;
      if (is_allowed(role, access)) allowed.push_back(verb);
    }
    if (allowed.empty()) return;
    auto& names = rules[{std::string(where.group), allowed}];
    const auto name = sub.empty() ? std::string(resource) : fmt::format("{}/{}", resource, sub);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  json::array resources;
  if (role == Role::Admin) {
    resources.push_back(
        json::object{{"verbs", json::array{"*"}}, {"apiGroups", json::array{"*"}}, {"resources", json::array{"*"}}});
  } else {
    constexpr DiscoveryOptions kAll{.metrics = true};
    for (const auto& where : served_group_versions(kAll)) {
      for (const auto& resource : served_resources(where, kAll)) {
        note(where, resource.plural, "", resource.verbs);
        for (const auto& sub : resource.subresources) note(where, resource.plural, sub.name, sub.verbs);
      }
    }
  }
  for (const auto& [key, names] : rules) {
    resources.push_back(json::object{
        {"verbs", array_of(key.second)}, {"apiGroups", json::array{key.first}}, {"resources", array_of(names)}});
  }
  json::array paths;
  for (const std::string path :
       {"/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi", "/readyz", "/version"}) {
    AccessRequest access;
    access.verb = "get";
    access.path = path;
    if (!is_allowed(role, access)) continue;
    paths.emplace_back(path);
    access.path += "/x";
    if (is_allowed(role, access)) paths.emplace_back(path + "/*");
  }
  if (role == Role::Admin) paths = {"*"};
  json::array others{
      json::object{{"verbs", json::array{role == Role::Admin ? "*" : "get"}}, {"nonResourceURLs", std::move(paths)}}};
  return {{"resourceRules", std::move(resources)}, {"nonResourceRules", std::move(others)}, {"incomplete", false}};
}

json::object user_status(const User& user) {
  json::object info{{"username", user.name}};
  if (!user.uid.empty()) info["uid"] = user.uid;
  info["groups"] = array_of(user.groups);
  return {{"userInfo", std::move(info)}};
}

ApiResult<json::object> status_of(std::string_view kind, const Review& review, const json::object& raw,
                                  const User& user) {
  if (kind == "SelfSubjectReview") return user_status(user);
  if (kind == "SelfSubjectRulesReview") return rules_status(user.role);
  const auto access = asked_for(raw);
  if (!access) return asks_nothing(kind, "exactly one of nonResourceAttributes or resourceAttributes");
  if (kind == "SelfSubjectAccessReview") return access_status(user.role, *access);
  if (!review.ns.empty() && access->ns != review.ns) {
    return bad_request("spec.resourceAttributes.namespace must match the namespace of the request");
  }
  std::vector<std::string> groups;
  for (const auto& group : array_at(raw, {"spec", "groups"})) {
    if (group.is_string()) groups.emplace_back(view(group.get_string()));
  }
  if (groups.empty() && text_at(raw, {"spec", "user"}).empty()) {
    return asks_nothing(kind, "at least one of user or group");
  }
  return access_status(role_of(groups), *access);
}

}  // namespace

std::optional<HttpResponse> review_access(const std::vector<std::string>& segments, const HttpRequest& request) {
  const auto review = review_at(segments);
  if (!review) return std::nullopt;
  if (review->resource == "tokenreviews") {
    return to_response(
        {.code = 403,
         .reason = "Forbidden",
         .message = "tokenreviews.authentication.k8s.io is forbidden: tokens are not reviewed for others",
         .name = {},
         .group = std::string(kAuthentication),
         .kind = "tokenreviews"});
  }
  const auto kind = kind_of(*review);
  if (kind.empty()) return std::nullopt;
  if (request.method != Method::Post) return to_response(method_not_allowed());
  if (!takes_plain_json(request.accept)) {
    return to_response(not_acceptable("only the following media types are accepted: application/json"));
  }
  auto raw = read_json_body(request);
  if (!raw) return to_response(raw.error());
  const auto api_version = fmt::format("{}/{}", review->group, review->version);
  if (const auto named = text_at(*raw, {"apiVersion"}); !named.empty() && named != api_version) {
    return to_response(bad_request(fmt::format(
        "the API version in the data ({}) does not match the expected API version ({})", named, api_version)));
  }
  auto status = status_of(kind, *review, *raw, request.user);
  if (!status) return to_response(status.error());
  json::object answer{{"kind", kind}, {"apiVersion", api_version}, {"metadata", json::object{}}};
  if (const auto* spec = raw->if_contains("spec"); spec != nullptr) answer["spec"] = *spec;
  answer["status"] = *std::move(status);
  HttpResponse response;
  response.code = 201;
  response.body = json::serialize(answer);
  return response;
}

}  // namespace berth::api
