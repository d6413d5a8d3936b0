// api/exec_handler.cpp - which command in which container.
#include "api/exec_handler.hpp"

#include <fmt/format.h>

#include "api/api_error.hpp"
#include "api/exec_session.hpp"
#include "api/pod_containers.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kProtocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};

/// The best protocol that the client offers; empty when it offers none of ours.
std::string choose_protocol(std::string_view offered) {
  for (const auto wanted : kProtocols) {
    auto rest = offered;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(','), rest.size());
      auto one = rest.substr(0, end);
      while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
      while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
      if (one == wanted) return std::string(wanted);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return {};
}

}  // namespace

HttpResponse handle_exec(ApiContext& context, const ResourcePath& path, const Query& query,
                         const HttpRequest& request) {
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  if (!pod) return to_response(not_found(model::info(path.kind), path.name));
  const auto container = choose_container(*pod, query.get("container"));
  if (!container) return to_response(container.error());
  const auto view = container_view(*pod, *container);
  if (!view.running || view.id.empty()) {
    return to_response(bad_request(fmt::format("container {} of pod {} is not running", *container, pod->meta.name)));
  }
  runtime::ExecOptions options;
  options.command = query.all("command");
  options.has_stdin = query.flag("stdin");
  options.has_stdout = query.flag("stdout");
  options.tty = query.flag("tty");
  options.has_stderr = query.flag("stderr") && !options.tty;
  if (options.command.empty())
    return to_response(bad_request("you must specify at least one command for the container"));
  if (!options.has_stdin && !options.has_stdout && !options.has_stderr) {
    return to_response(bad_request("you must specify at least 1 of stdin, stdout, stderr"));
  }
  if (!request.wants_web_socket) {
    return to_response(
        bad_request("this server runs commands over WebSockets only: use kubectl 1.30 or newer, kubectl 1.29 with "
                    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true, or berth exec"));
  }
  HttpResponse response;
  response.sub_protocol = choose_protocol(request.sub_protocols);
  if (response.sub_protocol.empty()) {
    return to_response(
        bad_request("unable to negotiate a protocol: this server offers v5.channel.k8s.io and v4.channel.k8s.io"));
  }
  response.session = make_exec_session(context, view.id, std::move(options));
  return response;
}

}  // namespace berth::api
