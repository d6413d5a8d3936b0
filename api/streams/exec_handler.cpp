// api/streams/exec_handler.cpp - which command in which container.
#include "api/streams/exec_handler.hpp"

#include <variant>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/command_channels.hpp"
#include "api/streams/command_spdy.hpp"
#include "api/streams/pod_containers.hpp"
#include "api/streams/remote_command.hpp"
#include "api/streams/stream_protocol.hpp"
#include "api/streams/web_socket.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kWebSocketProtocols[] = {"v5.channel.k8s.io",        "v4.channel.k8s.io",
                                                    "v4.base64.channel.k8s.io", "channel.k8s.io",
                                                    "base64.channel.k8s.io",    ""};
constexpr std::string_view kSpdyProtocols[] = {"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io",
                                               "channel.k8s.io", ""};

/// Which of the process's streams are wanted.
struct Streams {
  bool in = false;
  bool out = false;
  bool err = false;
  bool tty = false;
};

Streams read_streams(const Query& query) {
  Streams out{query.flag("stdin"), query.flag("stdout"), query.flag("stderr"), query.flag("tty")};
  if (out.tty) out.err = false;  // a terminal has one output
  return out;
}

/// As the kubelet answers: plain text, which clients show as it is.
HttpResponse kubelet_error(unsigned code, std::string text) {
  HttpResponse response;
  response.code = code;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

struct CommandTarget {
  std::string container_id;
  Streams streams;
};

/// What exec and attach have in common, in the order in which Kubernetes looks.
std::variant<CommandTarget, HttpResponse> find_target(ApiContext& context, const ResourcePath& path,
                                                      const Query& query) {
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  if (!pod) return to_response(not_found(model::info(path.kind), path.name));
  const auto container = choose_container(*pod, query.get("container"));
  if (!container) return to_response(container.error());
  if (text_at(pod->raw, {"spec", "nodeName"}).empty()) {
    return to_response(bad_request(fmt::format("pod {} does not have a host assigned", pod->meta.name)));
  }
  if (const auto error = why_not_from(context.config.node_name, *pod)) return to_response(*error);
  CommandTarget out{{}, read_streams(query)};
  if (!out.streams.in && !out.streams.out && !out.streams.err) {
    return kubelet_error(400, "you must specify at least 1 of stdin, stdout, stderr");
  }
  if (const auto view = container_view(*pod, *container); view.running && !view.id.empty()) {
    out.container_id = view.id;
    return out;
  }
  return kubelet_error(500, fmt::format("container not found (\"{}\")", *container));
}

/// The 101 that runs the command over what the client speaks.
HttpResponse upgrade(ApiContext& context, const HttpRequest& request, const Streams& streams, CommandOptions options) {
  if (request.upgrade == Upgrade::None) return to_response(upgrade_required());
  const bool is_web_socket = request.upgrade == Upgrade::WebSocket;
  const auto protocol =
      is_web_socket ? negotiate(request.protocols, kWebSocketProtocols) : negotiate(request.protocols, kSpdyProtocols);
  if (!protocol) return to_response(protocol.error());
  HttpResponse response;
  response.headers = upgrade_headers(request, *protocol);
  auto command = make_remote_command(context, std::move(options));
  if (is_web_socket) {
    response.session = over_web_socket(context.reactor, make_command_channels(std::move(command), *protocol));
  } else {
    response.session = make_command_spdy(
        context.reactor, std::move(command), *protocol,
        {.has_stdin = streams.in, .has_stdout = streams.out, .has_stderr = streams.err, .tty = streams.tty});
  }
  return response;
}

}  // namespace

HttpResponse handle_exec(ApiContext& context, const ResourcePath& path, const Query& query,
                         const HttpRequest& request) {
  auto found = find_target(context, path, query);
  if (auto* const refused = std::get_if<HttpResponse>(&found)) return std::move(*refused);
  const auto& target = std::get<CommandTarget>(found);
  runtime::ExecOptions exec;
  exec.command = query.all("command");
  exec.has_stdin = target.streams.in;
  exec.has_stdout = target.streams.out;
  exec.has_stderr = target.streams.err;
  exec.tty = target.streams.tty;
  if (exec.command.empty()) return to_response(bad_request("you must specify at least one command for the container"));
  CommandOptions options;
  options.begin = [&runtime = context.runtime, id = target.container_id, exec = std::move(exec)] {
    return runtime.exec_stream(id, exec);
  };
  return upgrade(context, request, target.streams, std::move(options));
}

HttpResponse handle_attach(ApiContext& context, const ResourcePath& path, const Query& query,
                           const HttpRequest& request) {
  auto found = find_target(context, path, query);
  if (auto* const refused = std::get_if<HttpResponse>(&found)) return std::move(*refused);
  const auto& target = std::get<CommandTarget>(found);
  runtime::AttachOptions attach;
  attach.has_stdin = target.streams.in;
  attach.has_stdout = target.streams.out;
  attach.has_stderr = target.streams.err;
  CommandOptions options;
  options.doing = "attaching to container";
  options.attached = true;
  options.begin = [&runtime = context.runtime, id = target.container_id, attach] { return runtime.attach(id, attach); };
  return upgrade(context, request, target.streams, std::move(options));
}

}  // namespace berth::api
