// cli/kubeconfig_command.cpp - berth kubeconfig: what kubectl needs to reach the agent over TLS.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

struct KubeconfigOptions {
  std::string user = "admin";
  std::string server;
  bool embed_certs = true;
};

int kubeconfig(const Global& global, const KubeconfigOptions& options) {
  Request request;
  request.target = fmt::format("/berth/kubeconfig?user={}&embed={}", url_encode(options.user), options.embed_certs);
  if (!options.server.empty()) request.target += "&server=" + url_encode(options.server);
  request.accept = "application/yaml";
  const auto reply = Server(global).http().send(request);
  if (!reply) return fail(reply.error());
  if (reply->code != 200) return fail(server_error(reply->code, parse_json(reply->body).value_or(json::value())));
  std::cout << reply->body;
  return 0;
}

}  // namespace

Command kubeconfig_command() {
  auto options = std::make_shared<KubeconfigOptions>();
  Command command;
  command.usage = "[flags]";
  command.details =
      "Needs `api: {tls: {}}` in the agent's configuration. Whoever has the admin's is root on this host.";
  auto& flags = command.flags;
  flags.add(options->user, "user", 0, "NAME", "admin, or viewer, who reads all but secrets").choices = {"admin",
                                                                                                        "viewer"};
  flags.add(options->server, "server", 0, "URL", "https://HOST:PORT; default: where the agent listens");
  flags.add(options->embed_certs, "embed-certs", 0, "Certificates and key in the text, not their files' names");
  command.run = [options](const Global& global, const Arguments&) { return kubeconfig(global, *options); };
  return command;
}

}  // namespace berth::cli
