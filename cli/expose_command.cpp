// cli/expose_command.cpp - berth expose: a Service before the pods of an object.
#include <memory>

#include "cli/command.hpp"
#include "cli/creation.hpp"
#include "cli/exposed_service.hpp"
#include "cli/messages.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

struct ExposeOptions {
  Choice choice;
  ExposedService service;
  Creation creation;
};

int expose(const Global& global, const ExposeOptions& options, const Arguments& arguments) {
  auto choice = options.choice;
  choice.words = arguments.words;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  int code = 0;
  for (const auto& one : *chosen) {
    const auto object = server.get(*one.kind, one.ns, one.name);
    if (!object) {
      code = fail(object.error());
      continue;
    }
    const auto service = options.service.to_json(*one.kind, *object);
    if (!service) {
      code = fail(service.error());
      continue;
    }
    auto where = global;
    where.ns = one.ns;
    if (create(server, where, model::info(model::Kind::Service), *service, options.creation, "exposed") != 0) code = 1;
  }
  return code;
}

}  // namespace

Command expose_command() {
  auto options = std::make_shared<ExposeOptions>();
  Command command;
  command.usage = "(deploy NAME | pod/NAME | -f FILE) [--port=PORT] [flags]";
  command.words = Words::Sets;
  auto& flags = command.flags;
  auto& service = options->service;
  add_file_flags(flags, options->choice.files, "Files, folders, URLs or - whose objects are meant");
  flags.add(service.port, "port", 0, "PORT", "The service's port; without it those that the containers have");
  flags.add(service.target_port, "target-port", 0, "PORT", "Number or name of the containers' port");
  flags.add(service.name, "name", 0, "NAME", "The service's name (default: the object's)");
  flags.add(service.protocol, "protocol", 0, "PROTOCOL", "TCP (default), UDP or SCTP").choices = {"TCP", "UDP", "SCTP"};
  flags.add(service.type, "type", 0, "TYPE", "ClusterIP (default), NodePort or LoadBalancer").choices = {
      "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"};
  flags.add(service.cluster_ip, "cluster-ip", 0, "ADDRESS", "Its address; None: headless");
  flags.add(service.external_ip, "external-ip", 0, "ADDRESS", "One more address that leads to it");
  flags.add(service.session_affinity, "session-affinity", 0, "KIND", "None or ClientIP").choices = {"None", "ClientIP"};
  flags.add(service.selector, "selector", 0, "LABELS", "Pods with these labels: app=web");
  flags.add(service.labels, "labels", 'l', "LABELS", "The service's labels");
  add_creation_flags(flags, options->creation, "the service");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return expose(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
