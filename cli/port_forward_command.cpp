// cli/port_forward_command.cpp - berth port-forward: local ports whose connections end in a pod.
#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/port_forward.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

using model::Kind;

struct ForwardOptions {
  std::vector<std::string> addresses;
};

Result<std::uint16_t> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 65535) {
    return Error(ErrorCode::InvalidArgument, fmt::format("error parsing port \"{}\": not a port number", text));
  }
  return static_cast<std::uint16_t>(value);
}

/// The number behind a port's name, or behind a Service's port. Of a Service, `word` is its port; the pod's is found.
Result<std::uint16_t> pod_port(const json::value& target, const model::KindInfo& kind, const json::value& pod,
                               std::string word) {
  if (kind.kind == Kind::Service) {
    const auto* ports = find(target, {"spec", "ports"});
    const json::value* found = nullptr;
    if (ports != nullptr && ports->is_array()) {
      for (const auto& port : ports->get_array()) {
        if (find_string(port, {"name"}) == word || std::to_string(number_at(port, {"port"}, 0)) == word) found = &port;
      }
    }
    if (found == nullptr) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("Service {} does not have a service port {}", name_of(target), word));
    }
    word = std::to_string(number_at(*found, {"targetPort"}, number_at(*found, {"port"}, 0)));
    if (const auto named = find_string(*found, {"targetPort"}); !named.empty()) word = named;
  }
  if (word.find_first_not_of("0123456789") == std::string::npos) return number(word);
  const auto* containers = find(pod, {"spec", "containers"});
  if (containers != nullptr && containers->is_array()) {
    for (const auto& container : containers->get_array()) {
      const auto* ports = find(container, {"ports"});
      if (ports == nullptr || !ports->is_array()) continue;
      for (const auto& port : ports->get_array()) {
        if (find_string(port, {"name"}) == word)
          return static_cast<std::uint16_t>(number_at(port, {"containerPort"}, 0));
      }
    }
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("Pod '{}' does not have a named port '{}'", name_of(pod), word));
}

int forward(const Global& global, const ForwardOptions& options, const Arguments& arguments) {
  if (arguments.words.size() < 2) {
    return usage_error("port-forward",
                       {ErrorCode::InvalidArgument, "TYPE/NAME and list of ports are required for port-forward"});
  }
  const Server server(global);
  const auto& word = arguments.words[0];
  const auto refs = word.find('/') == std::string::npos
                        ? Result<std::vector<ResourceRef>>({{&model::info(Kind::Pod), word}})
                        : parse_resources({word});
  if (!refs) return fail(refs.error());
  const auto target = server.get(*refs->front().kind, global.ns, refs->front().name);
  if (!target) return fail(target.error());
  const auto pod = pod_behind(server, global, word);
  if (!pod) return fail(pod.error());
  const auto phase = find_string(*pod, {"status", "phase"});
  if (phase != "Running") {
    return fail({ErrorCode::FailedPrecondition,
                 fmt::format("unable to forward port because pod is not running. Current status={}", phase)});
  }
  std::vector<ForwardedPort> ports;
  for (std::size_t i = 1; i < arguments.words.size(); ++i) {
    const auto& pair = arguments.words[i];
    const auto colon = pair.find(':');
    const auto remote =
        pod_port(*target, *refs->front().kind, *pod, colon == std::string::npos ? pair : pair.substr(colon + 1));
    if (!remote) return fail(remote.error());
    if (*remote == 0) return fail({ErrorCode::InvalidArgument, "remote port must be > 0"});
    const auto local_text = pair.substr(0, colon);
    const bool same = colon == std::string::npos && local_text.find_first_not_of("0123456789") != std::string::npos;
    const auto local = colon == 0 ? Result<std::uint16_t>(std::uint16_t{0}) : same ? remote : number(local_text);
    if (!local) return fail(local.error());
    ports.push_back({*local, *remote});
  }
  const auto path = resource_path(model::info(Kind::Pod), namespace_of(*pod), name_of(*pod)) + "/portforward";
  const auto addresses = options.addresses.empty() ? std::vector<std::string>{"localhost"} : options.addresses;
  auto done = forward_ports(global.socket, path, ports, addresses);
  return done ? 0 : fail(done.error());
}

}  // namespace

Command port_forward_command() {
  auto options = std::make_shared<ForwardOptions>();
  Command command;
  command.usage = "(POD | KIND/NAME) [LOCAL:]REMOTE... [--address=ADDRESS]";
  command.details =
      "LOCAL 0, or :REMOTE, takes a free port. REMOTE may be a port's name; of a Service it is the Service's port.";
  command.words = Words::Pods;
  command.flags.add(options->addresses, "address", 0, "ADDRESS", "Where to listen (default: localhost)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return forward(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
