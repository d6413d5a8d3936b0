// api/log_handler.cpp - which log is asked for.
#include "api/log_handler.hpp"

#include <fmt/format.h>

#include "api/api_error.hpp"
#include "api/log_body.hpp"
#include "api/pod_containers.hpp"

namespace berth::api {

namespace {

/// The run of the container to read. 400 when there is none (yet), as Kubernetes words it.
ApiResult<std::uint32_t> choose_attempt(const model::Object& pod, const std::string& container, bool previous) {
  const auto view = container_view(pod, container);
  if (previous) {
    if (view.restarts == 0) {
      return bad_request(
          fmt::format("previous terminated container \"{}\" in pod \"{}\" not found", container, pod.meta.name));
    }
    return view.restarts - 1;
  }
  if (!view.running && !view.ended && !view.has_last) {
    const auto reason = view.waiting_reason.empty() ? "ContainerCreating" : view.waiting_reason;
    return bad_request(
        fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}", container, pod.meta.name, reason));
  }
  return view.restarts;
}

ApiResult<LogRequest> read_query(const Query& query, WallTime now) {
  LogRequest request;
  const auto tail = query.number("tailLines");
  if (!tail) return bad_request(tail.error().message());
  if (*tail) request.query.tail = static_cast<std::uint64_t>(**tail);
  const auto limit = query.number("limitBytes");
  if (!limit) return bad_request(limit.error().message());
  if (*limit && **limit < 1) return bad_request("limitBytes: must be greater than 0");
  if (*limit) request.limit_bytes = static_cast<std::uint64_t>(**limit);
  const auto since = query.number("sinceSeconds");
  if (!since) return bad_request(since.error().message());
  if (*since && query.has("sinceTime")) return bad_request("at most one of sinceTime or sinceSeconds may be specified");
  constexpr std::int64_t kCentury = 100LL * 365 * 24 * 3600;
  if (*since) request.query.since = now - std::chrono::seconds(std::min(**since, kCentury));
  if (query.has("sinceTime")) {
    const auto time = parse_rfc3339(query.get("sinceTime"));
    if (!time) return bad_request(fmt::format("sinceTime: {}", time.error().message()));
    request.query.since = *time;
  }
  request.follow = query.flag("follow");
  request.timestamps = query.flag("timestamps");
  return request;
}

}  // namespace

HttpResponse handle_log(ApiContext& context, const ResourcePath& path, const Query& query) {
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  if (!pod) return to_response(not_found(model::info(path.kind), path.name));
  const auto container = choose_container(*pod, query.get("container"));
  if (!container) return to_response(container.error());
  const bool previous = query.flag("previous");
  const auto attempt = choose_attempt(*pod, *container, previous);
  if (!attempt) return to_response(attempt.error());
  auto request = read_query(query, context.clock.wall());
  if (!request) return to_response(request.error());
  request->query.ns = pod->meta.ns;
  request->query.pod = pod->meta.name;
  request->query.pod_uid = pod->meta.uid;
  request->query.container = *container;
  request->query.attempt = *attempt;
  if (previous) request->follow = false;
  HttpResponse response;
  response.content_type = "text/plain";
  response.stream = make_log_body(context, *std::move(request));
  return response;
}

}  // namespace berth::api
