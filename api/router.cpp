// api/router.cpp - from a request to the handler that answers it.
#include "api/router.hpp"

#include "api/access/access_review.hpp"
#include "api/access/authorization.hpp"
#include "api/access/kubeconfig.hpp"
#include "api/encoding/old_version.hpp"
#include "api/host_certificate_page.hpp"
#include "api/openapi/discovery.hpp"
#include "api/openapi/discovery_table.hpp"
#include "api/openapi/openapi.hpp"
#include "api/plan_page.hpp"
#include "api/reads/read_handler.hpp"
#include "api/request/api_error.hpp"
#include "api/request/request_path.hpp"
#include "api/streams/exec_handler.hpp"
#include "api/streams/far_host.hpp"
#include "api/streams/log_handler.hpp"
#include "api/streams/port_forward_handler.hpp"
#include "api/streams/proxy_handler.hpp"
#include "api/ui/page_handler.hpp"
#include "api/usage/ailments_page.hpp"
#include "api/usage/backup_page.hpp"
#include "api/usage/health_page.hpp"
#include "api/usage/host_status_page.hpp"
#include "api/usage/metrics_handler.hpp"
#include "api/usage/metrics_page.hpp"
#include "api/usage/request_counters.hpp"
#include "api/writes/delete_handler.hpp"
#include "api/writes/eviction.hpp"
#include "api/writes/scale_handler.hpp"
#include "api/writes/write_handler.hpp"

namespace berth::api {

namespace {

constexpr DiscoveryOptions kDiscovery{.metrics = true};

HttpResponse plain_text(unsigned code, std::string text) {
  HttpResponse response;
  response.code = code;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

/// Pages at fixed paths; nullopt: a resource, perhaps.
std::optional<HttpResponse> fixed_page(const ApiContext& context, const Target& target, const HttpRequest& request) {
  const auto& segments = target.segments;
  const bool is_get = request.method == Method::Get;
  if (is_health_page(target)) {
    if (!is_get) return to_response(method_not_allowed());
    return health_page(context.health, target, /*tells_why=*/request.user.role != Role::None);
  }
  auto document = openapi_page(segments, target.query, request.accept);
  if (!document) document = discovery(segments, request.accept, kDiscovery);
  if (document && !is_get) return to_response(method_not_allowed());
  return document;
}

void route_subresource(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                       const Respond& respond) {
  const auto method = request.method;
  const bool is_pod = path.kind == model::Kind::Pod;
  const bool writes = method == Method::Put || method == Method::Patch;
  const auto& kind = model::info(path.kind);
  if ((path.subresource == "status" && kind.has_status) || (path.subresource == "approval" && kind.has_approval)) {
    if (method == Method::Get) return respond(handle_read(context, path, query, request));
    if (writes) return handle_update(context, path, query, request, respond);
    return respond(to_response(method_not_allowed()));
  }
  if (path.subresource == "scale" && kind.has_scale) {
    if (method == Method::Get || writes) return handle_scale(context, path, query, request, respond);
    return respond(to_response(method_not_allowed()));
  }
  if (path.subresource == "eviction" && is_pod) {
    if (method == Method::Post) return handle_evict(context, path, query, request, respond);
    return respond(to_response(method_not_allowed()));
  }
  const bool of_containers = is_pod && (path.subresource == "log" || path.subresource == "portforward" ||
                                        path.subresource == "exec" || path.subresource == "attach");
  if (of_containers && (method == Method::Get || method == Method::Post) &&
      ask_host_of_pod(context, path, request, respond)) {
    return;
  }
  if (path.subresource == "log" && is_pod) {
    return respond(method == Method::Get ? handle_log(context, path, query, request)
                                         : to_response(method_not_allowed()));
  }
  if (path.subresource == "portforward" && is_pod) {
    const bool allowed = method == Method::Get || method == Method::Post;
    return respond(allowed ? handle_port_forward(context, path, query, request) : to_response(method_not_allowed()));
  }
  if ((path.subresource == "exec" || path.subresource == "attach") && is_pod) {
    if (method != Method::Get && method != Method::Post) return respond(to_response(method_not_allowed()));
    const bool is_exec = path.subresource == "exec";
    return respond(is_exec ? handle_exec(context, path, query, request) : handle_attach(context, path, query, request));
  }
  respond(to_response(path_not_found()));
}

void route_resource(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                    const Respond& respond) {
  if (!path.subresource.empty()) return route_subresource(context, path, query, request, respond);
  const bool named = !path.name.empty();
  switch (request.method) {
    case Method::Get: return respond(handle_read(context, path, query, request));
    case Method::Post:
      // A namespaced object is created inside its namespace.
      if (named || (model::info(path.kind).namespaced && path.ns.empty())) break;
      return handle_create(context, path, query, request, respond);
    case Method::Put:
    case Method::Patch:
      if (!named) break;
      return handle_update(context, path, query, request, respond);
    case Method::Delete:
      if (named) return handle_delete(context, path, query, request, respond);
      // Collections of one namespace, not of all.
      if (!deletes_collections(path.kind) || (model::info(path.kind).namespaced && path.ns.empty())) break;
      return handle_delete_collection(context, path, query, request, respond);
    case Method::Other: break;
  }
  respond(to_response(method_not_allowed()));
}

Respond counted(RequestCounters& counters, AccessRequest access, Respond respond) {
  return [&counters, access = std::move(access), respond = std::move(respond),
          begun = std::chrono::steady_clock::now()](HttpResponse response) {
    const auto code = response.session ? 101U : response.code;
    counters.add(access, code, std::chrono::steady_clock::now() - begun);
    respond(std::move(response));
  };
}

}  // namespace

void route(ApiContext& context, HttpRequest request, Respond respond) {
  const auto target = parse_target(request.target);
  if (!target) return respond(to_response(bad_request(target.error().message())));
  if (request.method == Method::Other) return respond(to_response(method_not_allowed()));
  const auto access = access_request(request.method, *target);
  respond = counted(*context.requests, access, std::move(respond));
  if (!is_allowed(request.user.role, access)) return respond(to_response(forbidden(request.user, access)));
  if (auto page = fixed_page(context, *target, request)) {
    return respond(*std::move(page));
  }
  if (auto answer = review_access(target->segments, request)) return respond(*std::move(answer));
  if (handle_metrics_page(context, *target, request.method, respond)) return;
  if (handle_backup(context, *target, request.method, respond)) return;
  if (handle_plan(context, *target, request, respond)) return;
  if (handle_host_certificate(context, *target, request, respond)) return;
  if (handle_host_status(context, *target, request.method, respond)) return;
  if (handle_ailments(context, *target, request.method, respond)) return;
  if (handle_page(context, *target, request, respond)) return;
  if (handle_metrics(context, *target, request, respond)) return;
  if (handle_proxy(context, *target, request, respond)) return;
  if (target->segments == std::vector<std::string>{"berth", "kubeconfig"}) {
    return respond(request.method == Method::Get ? handle_kubeconfig(context.config, target->query)
                                                 : to_response(method_not_allowed()));
  }
  const auto path = parse_resource_path(target->segments);
  if (!path || (path->watch && !path->subresource.empty())) {
    // As Kubernetes: a Status within a version that is served, else no more than a page that is not there.
    return respond(is_in_served_version(target->segments, kDiscovery) ? to_response(path_not_found())
                                                                      : plain_text(404, "404 page not found\n"));
  }
  const bool only_read = path->watch || model::info(path->kind).is_empty;
  if (only_read && request.method != Method::Get) return respond(to_response(method_not_allowed()));
  if (!path->old_version.empty()) {
    if (auto current = to_current_version(request, *path); !current) return respond(to_response(current.error()));
    respond = from_current_version(std::move(respond), *path, request.method);
  }
  route_resource(context, *path, target->query, request, respond);
}

}  // namespace berth::api
