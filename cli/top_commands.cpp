// cli/top_commands.cpp - berth top pod, top node: CPU and memory in use, from metrics.k8s.io.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"
#include "cli/top_text.hpp"

namespace berth::cli {

namespace {

struct TopOptions {
  TopStyle style;
  std::string labels;
  std::string fields;
  bool all_namespaces = false;
  bool no_headers = false;
};

constexpr std::string_view kMetrics = "/apis/metrics.k8s.io/v1beta1";

Result<std::vector<json::value>> read_metrics(const Server& server, const std::string& path, const Selection& selection,
                                              bool single) {
  auto answer = server.read(path + selection_query(selection));
  if (!answer) {
    const bool none = answer.error().message().find("could not find the requested resource") != std::string::npos;
    return none ? Error(ErrorCode::Unimplemented, "Metrics API not available") : answer.error();
  }
  std::vector<json::value> out;
  if (single) {
    out.push_back(*std::move(answer));
  } else {
    for (const auto& item : items_of(*answer)) out.push_back(item);
  }
  return out;
}

Status check(const TopOptions& options, const Arguments& arguments) {
  const auto& by = options.style.sort_by;
  if (!by.empty() && by != "cpu" && by != "memory") {
    return Error(ErrorCode::InvalidArgument, "--sort-by accepts only cpu or memory");
  }
  if (arguments.words.size() > 1) return Error(ErrorCode::InvalidArgument, "only one name may be given");
  if (!arguments.words.empty() && !(options.labels.empty() && options.fields.empty())) {
    return Error(ErrorCode::InvalidArgument, "only one of NAME or selector can be provided");
  }
  return Ok{};
}

int top_pod(const Global& global, TopOptions& options, const Arguments& arguments) {
  if (auto good = check(options, arguments); !good) return fail(good.error());
  const auto name = arguments.words.empty() ? std::string() : arguments.words[0];
  auto path = std::string(kMetrics);
  if (!options.all_namespaces) path += fmt::format("/namespaces/{}", url_encode(global.ns));
  path += "/pods";
  if (!name.empty()) path += fmt::format("/{}", url_encode(name));
  const auto metrics = read_metrics(Server(global), path, {options.labels, options.fields}, !name.empty());
  if (!metrics) return fail(metrics.error());
  if (metrics->empty()) {
    std::cerr << (options.all_namespaces ? std::string("No resources found\n")
                                         : fmt::format("No resources found in {} namespace.\n", global.ns));
    return 0;
  }
  options.style.namespaces = options.all_namespaces;
  options.style.headers = !options.no_headers;
  std::cout << top_pods(*metrics, options.style);
  return 0;
}

int top_node(const Global& global, TopOptions& options, const Arguments& arguments) {
  if (auto good = check(options, arguments); !good) return fail(good.error());
  const auto name = arguments.words.empty() ? std::string() : arguments.words[0];
  const Server server(global);
  const auto metrics =
      read_metrics(server, fmt::format("{}/nodes{}{}", kMetrics, name.empty() ? "" : "/", url_encode(name)),
                   {options.labels, ""}, !name.empty());
  if (!metrics) return fail(metrics.error());
  const auto list = server.list(model::info(model::Kind::Node), "", {});
  if (!list) return fail(list.error());
  std::vector<json::value> nodes;
  for (const auto& node : items_of(*list)) nodes.push_back(node);
  if (metrics->empty()) {
    std::cerr << "No resources found\n";
    return 0;
  }
  options.style.headers = !options.no_headers;
  std::cout << top_nodes(*metrics, nodes, options.style);
  return 0;
}

void add_common(Flags& flags, TopOptions& options) {
  flags.add(options.labels, "selector", 'l', "SELECTOR", "Only with these labels");
  flags.add(options.style.sort_by, "sort-by", 0, "FIELD", "cpu or memory, the most first").choices = {"cpu", "memory"};
  flags.add(options.no_headers, "no-headers", 0, "No column titles");
}

}  // namespace

Command top_pod_command() {
  auto options = std::make_shared<TopOptions>();
  Command command;
  command.usage = "[NAME | -l SELECTOR] [flags]";
  command.words = Words::Pods;
  add_common(command.flags, *options);
  command.flags.add(options->fields, "field-selector", 0, "SELECTOR", "Only with these fields");
  command.flags.add(options->all_namespaces, "all-namespaces", 'A', "Of every namespace");
  command.flags.add(options->style.containers, "containers", 0, "Each container on a line");
  command.flags.add(options->style.sum, "sum", 0, "The sum as the last line");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return top_pod(global, *options, arguments);
  };
  return command;
}

Command top_node_command() {
  auto options = std::make_shared<TopOptions>();
  Command command;
  command.usage = "[NAME | -l SELECTOR] [flags]";
  command.words = Words::Nodes;
  add_common(command.flags, *options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return top_node(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
