// cli/describe_command.cpp - berth describe: fetches an object and what belongs to it, and prints both.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/describe_text.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

using model::Kind;

struct DescribeOptions {
  Choice choice;
  bool show_events = true;
};

void append(std::vector<json::value>& out, const Result<json::value>& list) {
  if (!list) return;
  for (const auto& item : items_of(*list)) out.push_back(item);
}

/// What does not answer is left out: the object itself is what was asked for.
Related related_to(const Server& server, const model::KindInfo& kind, const json::value& object, bool show_events) {
  Related out;
  out.now = WallClock::now();
  const auto ns = namespace_of(object);
  const auto name = name_of(object);
  const auto& pods = model::info(Kind::Pod);
  if (show_events) {
    append(out.events,
           server.list(model::info(Kind::Event), kind.namespaced ? ns : "",
                       {"", fmt::format("involvedObject.kind={},involvedObject.name={}", kind.name, name)}));
  }
  if (kind.kind == Kind::Deployment) append(out.sets, server.list(model::info(Kind::ReplicaSet), ns, {}));
  if (makes_pods(kind)) {
    if (const auto labels = pod_selector(kind, object); labels) append(out.pods, server.list(pods, ns, {*labels, ""}));
  }
  if (kind.kind == Kind::PersistentVolumeClaim) append(out.pods, server.list(pods, ns, {}));
  if (kind.kind == Kind::Node) append(out.pods, server.list(pods, "", {"", fmt::format("spec.nodeName={}", name)}));
  if (kind.kind == Kind::Service) {
    if (auto endpoints = server.get(model::info(Kind::Endpoints), ns, name); endpoints)
      out.endpoints.push_back(*std::move(endpoints));
  }
  return out;
}

class Describer {
 public:
  Describer(const Global& global, const DescribeOptions& options)
      : global_(global), options_(options), server_(global) {}

  int run(const Arguments& arguments) {
    const auto refs = parse_resources(arguments.words);
    if (!options_.choice.files.given() && !refs) return fail(refs.error());
    int code = 0;
    if (options_.choice.files.given()) {
      auto choice = options_.choice;
      choice.words = arguments.words;
      const auto chosen = choose(server_, global_, choice);
      if (!chosen) return fail(chosen.error());
      for (const auto& one : *chosen) {
        if (auto done = named(*one.kind, one.ns, one.name); !done) code = fail(done.error());
      }
      return code;
    }
    for (const auto& ref : *refs) {
      auto done = ref.name.empty() ? all_of(*ref.kind) : named(*ref.kind, global_.ns, ref.name);
      if (!done) code = fail(done.error());
    }
    if (code == 0 && !any_) {
      std::cerr << (refs->front().kind->namespaced && !options_.choice.all_namespaces
                        ? fmt::format("No resources found in {} namespace.\n", global_.ns)
                        : "No resources found\n");
    }
    return code;
  }

 private:
  void print(const model::KindInfo& kind, const json::value& object) {
    if (any_) std::cout << "\n\n";
    any_ = true;
    std::cout << describe_object(kind, object, related_to(server_, kind, object, options_.show_events)) << std::flush;
  }

  Status all_of(const model::KindInfo& kind) {
    const bool everywhere = options_.choice.all_namespaces || !kind.namespaced;
    const auto list =
        server_.list(kind, everywhere ? "" : global_.ns, {options_.choice.labels, options_.choice.fields});
    if (!list) return list.error();
    for (const auto& item : items_of(*list)) print(kind, item);
    return Ok{};
  }

  /// A name that does not exist may be the beginning of several: `describe pod mongo`.
  Status named(const model::KindInfo& kind, const std::string& ns, const std::string& name) {
    const auto object = server_.get(kind, ns, name);
    if (object) {
      print(kind, *object);
      return Ok{};
    }
    if (object.error().code() != ErrorCode::NotFound) return object.error();
    const auto list = server_.list(kind, kind.namespaced ? ns : "", {});
    if (!list) return list.error();
    bool found = false;
    for (const auto& item : items_of(*list)) {
      if (!name_of(item).starts_with(name)) continue;
      found = true;
      any_ = false;  // only one blank line between these
      print(kind, item);
      std::cout << '\n';
    }
    if (!found) return object.error();
    return Ok{};
  }

  const Global& global_;
  const DescribeOptions& options_;
  Server server_;
  bool any_ = false;
};

}  // namespace

Command describe_command() {
  auto options = std::make_shared<DescribeOptions>();
  Command command;
  command.usage = "(KIND [NAME | NAME_PREFIX | -l SELECTOR] | KIND/NAME... | -f FILE) [flags]";
  command.words = Words::Objects;
  auto& flags = command.flags;
  add_choice_flags(flags, options->choice);
  flags.add(options->choice.all_namespaces, "all-namespaces", 'A', "Objects of every namespace");
  flags.add(options->show_events, "show-events", 0, "With the object's events (default; --show-events=false)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return Describer(global, *options).run(arguments);
  };
  return command;
}

}  // namespace berth::cli
