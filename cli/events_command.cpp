// cli/events_command.cpp - berth events: what happened, the newest last.
#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/event_text.hpp"
#include "cli/get_output.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {

namespace {

struct EventsOptions {
  std::string about;
  std::vector<std::string> types;
  std::string output;
  bool all_namespaces = false;
  bool watch = false;
  bool no_headers = false;
};

Result<Selection> selection_of(const EventsOptions& options) {
  Selection out;
  if (options.about.empty()) return out;
  const auto refs = parse_resources({options.about});
  if (!refs) return refs.error();
  if (refs->size() != 1 || refs->front().name.empty()) {
    return Error(ErrorCode::InvalidArgument, "--for must be in resource/name form");
  }
  out.fields =
      fmt::format("involvedObject.kind={},involvedObject.name={}", refs->front().kind->name, refs->front().name);
  return out;
}

int events(const Global& global, const EventsOptions& options) {
  for (const auto& type : options.types) {
    if (type != "Normal" && type != "Warning") {
      return fail({ErrorCode::InvalidArgument, "valid --types are Normal or Warning"});
    }
  }
  const auto output = Output::parse(options.output, options.no_headers, false);
  if (!output) return fail(output.error());
  const auto selection = selection_of(options);
  if (!selection) return fail(selection.error());
  const Server server(global);
  const auto& kind = model::info(model::Kind::Event);
  const auto ns = options.all_namespaces ? std::string() : global.ns;
  const auto list = server.list(kind, ns, *selection);
  if (!list) return fail(list.error());
  const auto wanted = [&](const json::value& event) {
    return options.types.empty() ||
           std::find(options.types.begin(), options.types.end(), find_string(event, {"type"})) != options.types.end();
  };
  std::vector<json::value> found;
  for (const auto& event : items_of(*list)) {
    if (wanted(event)) found.push_back(event);
  }
  sort_events(found);
  if (!output->is_table()) {
    json::array items(found.begin(), found.end());
    std::cout << output->print(std::move(items), false);
    return 0;
  }
  auto text = options.no_headers ? std::string() : event_header(options.all_namespaces);
  for (const auto& event : found) text += event_line(event, options.all_namespaces, WallClock::now());
  if (!found.empty()) std::cout << align_tabs(text, 6, 3) << std::flush;
  if (found.empty() && !options.watch) {
    std::cerr << (options.all_namespaces ? std::string("No events found.\n")
                                         : fmt::format("No events found in {} namespace.\n", global.ns));
  }
  if (!options.watch) return 0;
  const auto done = server.watch(
      kind, ns, *selection, find_string(*list, {"metadata", "resourceVersion"}, "0"), {},
      [&](std::string_view type, const json::value& event) {
        if (type == "DELETED" || !wanted(event)) return true;
        std::cout << align_tabs(event_line(event, options.all_namespaces, WallClock::now()), 6, 3) << std::flush;
        return static_cast<bool>(std::cout);
      });
  return done ? 0 : fail(done.error());
}

}  // namespace

Command events_command() {
  auto options = std::make_shared<EventsOptions>();
  Command command;
  command.usage = "[--for KIND/NAME] [--types=TYPE,...] [-A] [-w]";
  auto& flags = command.flags;
  flags.add(options->about, "for", 0, "KIND/NAME", "Only of this object");
  flags.add(options->types, "types", 0, "TYPE", "Only Normal or Warning").choices = {"Normal", "Warning"};
  flags.add(options->all_namespaces, "all-namespaces", 'A', "Of every namespace");
  flags.add(options->watch, "watch", 'w', "Go on with new ones");
  flags.add(options->no_headers, "no-headers", 0, "No column titles");
  flags.add(options->output, "output", 'o', "FORMAT", "yaml, json, name or a template").choices = {"yaml", "json",
                                                                                                   "name"};
  command.run = [options](const Global& global, const Arguments&) { return events(global, *options); };
  return command;
}

}  // namespace berth::cli
