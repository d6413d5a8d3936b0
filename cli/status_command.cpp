// cli/status_command.cpp - berth status: the one screen of a host.
#include <algorithm>
#include <iostream>

#include "cli/command.hpp"
#include "cli/host_text.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"

namespace berth::cli {
namespace {

Result<std::vector<json::value>> list_all(const Server& server, model::Kind kind) {
  const auto answer = server.list(model::info(kind), "", {});
  if (!answer) return answer.error();
  const auto& items = items_of(*answer);
  return std::vector<json::value>(items.begin(), items.end());
}

Result<HostPicture> look(const Server& server) {
  const auto document = server.read(std::string(model::kHostStatusPath));
  if (!document) return document.error();
  auto status = model::decode_host_status(*document);
  if (!status) return status.error();
  HostPicture picture;
  picture.status = *std::move(status);
  for (auto [kind, into] :
       {std::pair(model::Kind::Pod, &picture.objects.pods),
        std::pair(model::Kind::PersistentVolumeClaim, &picture.objects.claims),
        std::pair(model::Kind::Service, &picture.services), std::pair(model::Kind::Endpoints, &picture.endpoints),
        std::pair(model::Kind::Event, &picture.objects.events)}) {
    auto all = list_all(server, kind);
    if (!all) return all.error();
    *into = *std::move(all);
  }
  picture.now = WallClock::now();
  return picture;
}

int show(const Global& global) {
  const auto picture = look(Server(global));
  if (!picture) return fail(picture.error());
  const auto ailing = model::ailments(picture->status, picture->objects);
  std::cout << host_text(*picture, ailing);
  return std::all_of(ailing.begin(), ailing.end(), [](const auto& each) { return each.warning; }) ? 0 : 1;
}

}  // namespace

Command status_command() {
  Command command;
  command.usage = "[flags]";
  command.details =
      "The agent, containerd, the store, disks and sources; how many pods are ready, claims bound, services with an "
      "address; "
      "and whatever is not well, each with one sentence and since when.\n"
      "Exit code: 0 all is well, warnings aside; 1 something is not well, or the agent does not answer.";
  command.run = [](const Global& global, const Arguments&) { return show(global); };
  return command;
}

}  // namespace berth::cli
