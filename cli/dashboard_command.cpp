// cli/dashboard_command.cpp - berth dashboard: the host in a browser.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dashboard_proxy.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"

namespace berth::cli {

namespace {

constexpr std::int64_t kMaxPort = 65535;

/// Better said here than by an empty page.
Status has_page(const Global& global) {
  Request request;
  request.target = "/ui/";
  request.accept = "text/html";
  const auto reply = HttpClient(global.socket).send(request);
  if (!reply) return reply.error();
  if (reply->code == 200) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("the agent at {} has no dashboard (HTTP {}): its files belong in ../share/berth/ui beside "
                           "its program's directory",
                           global.socket.string(), reply->code));
}

int show(const Global& global, std::int64_t port) {
  if (port < 0 || port > kMaxPort) {
    return usage_error("dashboard", {ErrorCode::InvalidArgument, fmt::format("{} is no port", port)});
  }
  if (const auto there = has_page(global); !there) return fail(there.error());
  const auto done = show_dashboard(global.socket, static_cast<std::uint16_t>(port), [](const std::string& address) {
    std::cout << fmt::format(
                     "The dashboard is at {}\nWhoever has this address can look at everything it shows. Ctrl-C ends "
                     "it.\n",
                     address)
              << std::flush;
  });
  return done ? 0 : fail(done.error());
}

}  // namespace

Command dashboard_command() {
  auto port = std::make_shared<std::optional<std::int64_t>>();
  Command command;
  command.usage = "[--port=PORT]";
  command.details =
      "Prints an address of this host's loopback to open in a browser; the page only looks. From elsewhere: ssh -L "
      "8001:127.0.0.1:8001 HOST berth dashboard --port 8001.";
  command.flags.add(*port, "port", 0, "PORT", "Where to listen on 127.0.0.1 (default: a free port)");
  command.run = [port](const Global& global, const Arguments&) { return show(global, port->value_or(0)); };
  return command;
}

}  // namespace berth::cli
