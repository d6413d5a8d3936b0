// api/streams/log_handler.cpp - which log is asked for.
#include "api/streams/log_handler.hpp"

#include <charconv>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/body_session.hpp"
#include "api/streams/log_body.hpp"
#include "api/streams/pod_containers.hpp"
#include "api/streams/stream_protocol.hpp"
#include "api/streams/web_socket.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kWebSocketProtocols[] = {"binary.k8s.io", ""};

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
    auto reason = view.waiting_reason.empty() ? std::string("ContainerCreating") : view.waiting_reason;
    // The kubelet's own words for these two.
    if (reason == "ErrImagePull") reason = "image can't be pulled";
    if (reason == "ImagePullBackOff") reason = "trying and failing to pull image";
    return bad_request(
        fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}", container, pod.meta.name, reason));
  }
  return view.restarts;
}

/// 422 `PodLogOptions "web-0" is invalid: limitBytes: Invalid value: 0: must be greater than 0`
ApiError invalid_option(std::string_view pod, std::string_view option, std::string reason, std::string message) {
  ApiError error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = fmt::format("PodLogOptions \"{}\" is invalid: {}: {}", pod, option, message);
  error.name = pod;
  error.kind = "PodLogOptions";
  error.causes.push_back({std::move(reason), std::move(message), std::string(option)});
  return error;
}

/// A number of at least `least`; nullopt when absent.
ApiResult<std::optional<std::int64_t>> read_number(const Query& query, std::string_view pod, std::string_view option,
                                                   std::int64_t least) {
  if (!query.has(option)) return std::optional<std::int64_t>();
  const auto text = query.get(option);
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return bad_request(fmt::format("strconv.ParseInt: parsing \"{}\": invalid syntax", text));
  }
  if (number < least) {
    const auto wanted = least == 0 ? "greater than or equal to 0" : "greater than 0";
    return invalid_option(pod, option, "FieldValueInvalid",
                          fmt::format("Invalid value: {}: must be {}", number, wanted));
  }
  return std::optional(number);
}

ApiResult<LogRequest> read_query(const Query& query, std::string_view pod, WallTime now) {
  LogRequest request;
  const auto tail = read_number(query, pod, "tailLines", 0);
  if (!tail) return tail.error();
  if (*tail) request.query.tail = static_cast<std::uint64_t>(**tail);
  const auto limit = read_number(query, pod, "limitBytes", 1);
  if (!limit) return limit.error();
  if (*limit) request.limit_bytes = static_cast<std::uint64_t>(**limit);
  const auto since = read_number(query, pod, "sinceSeconds", 1);
  if (!since) return since.error();
  if (*since && query.has("sinceTime")) {
    return invalid_option(pod, "sinceSeconds", "FieldValueForbidden",
                          "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  constexpr std::int64_t kCentury = 100LL * 365 * 24 * 3600;
  if (*since) request.query.since = now - std::chrono::seconds(std::min(**since, kCentury));
  if (query.has("sinceTime")) {
    const auto time = parse_rfc3339(query.get("sinceTime"));
    if (!time) return bad_request(fmt::format("sinceTime: {}", time.error().message()));
    request.query.since = *time;
  }
  if (const auto stream = query.get("stream"); stream == "Stdout") {
    request.stream = LogStream::Stdout;
  } else if (stream == "Stderr") {
    request.stream = LogStream::Stderr;
  } else if (!stream.empty() && stream != "All") {
    return invalid_option(
        pod, "stream", "FieldValueNotSupported",
        fmt::format("Unsupported value: \"{}\": supported values: \"All\", \"Stderr\", \"Stdout\"", stream));
  }
  if (request.stream != LogStream::All && *tail) {
    return invalid_option(pod, "stream", "FieldValueForbidden",
                          "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now");
  }
  request.follow = query.flag("follow");
  request.timestamps = query.flag("timestamps");
  return request;
}

HttpResponse log_response(ApiContext& context, const ResourcePath& path, const Query& query) {
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  if (!pod) return to_response(not_found(model::info(path.kind), path.name));
  auto request = read_query(query, pod->meta.name, context.clock.wall());
  if (!request) return to_response(request.error());
  const auto container = choose_container(*pod, query.get("container"));
  if (!container) return to_response(container.error());
  HttpResponse response;
  response.content_type = "text/plain";
  if (text_at(pod->raw, {"spec", "nodeName"}).empty()) return response;  // not placed: nothing was written
  if (const auto error = why_not_from(context.config.node_name, *pod)) return to_response(*error);
  const bool previous = query.flag("previous");
  const auto attempt = choose_attempt(*pod, *container, previous);
  if (!attempt) return to_response(attempt.error());
  request->query.ns = pod->meta.ns;
  request->query.pod = pod->meta.name;
  request->query.pod_uid = pod->meta.uid;
  request->query.container = *container;
  request->query.attempt = *attempt;
  if (previous) request->follow = false;
  response.stream = make_log_body(context, *std::move(request));
  return response;
}

}  // namespace

HttpResponse handle_log(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request) {
  auto response = log_response(context, path, query);
  if (request.upgrade != Upgrade::WebSocket || response.code != 200) return response;
  const auto protocol = negotiate(request.protocols, kWebSocketProtocols);
  if (!protocol) return to_response(protocol.error());
  HttpResponse upgraded;
  upgraded.session = over_web_socket(context.reactor, make_body_session(std::move(response.stream)));
  upgraded.headers = upgrade_headers(request, *protocol);
  return upgraded;
}

}  // namespace berth::api
