// cli/logs_command.cpp - berth logs: what containers wrote, of one or of many, once or as it comes.
#include <algorithm>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

using model::Kind;

struct LogsOptions {
  std::string container;
  std::string labels;
  std::string since;
  std::string since_time;
  std::optional<std::int64_t> tail;
  std::optional<std::int64_t> limit_bytes;
  std::optional<std::int64_t> most_at_once = 5;
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  bool all_containers = false;
  bool all_pods = false;
  bool prefix = false;
  bool ignore_errors = false;
};

/// One stream of lines.
struct Source {
  std::string path;
  std::string prefix;  ///< "[pod/web-0/main] "
};

Result<std::string> log_query(const LogsOptions& options) {
  std::string out;
  const auto add = [&](std::string_view key, std::string_view value) {
    out += fmt::format("&{}={}", key, url_encode(value));
  };
  if (options.follow) add("follow", "true");
  if (options.previous) add("previous", "true");
  if (options.timestamps) add("timestamps", "true");
  if (options.tail && *options.tail >= 0) add("tailLines", std::to_string(*options.tail));
  if (options.limit_bytes && *options.limit_bytes > 0) add("limitBytes", std::to_string(*options.limit_bytes));
  if (!options.since.empty() && !options.since_time.empty()) {
    return Error(ErrorCode::InvalidArgument, "at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (!options.since_time.empty()) add("sinceTime", options.since_time);
  if (!options.since.empty()) {
    const auto duration = parse_go_duration(options.since);
    if (!duration) return duration.error().context("--since");
    // Rounded up: a fraction of a second back must not become "all".
    if (duration->count() > 0) add("sinceSeconds", std::to_string((duration->count() + 999) / 1000));
  }
  return out;
}

void add_sources(const LogsOptions& options, const json::value& pod, const std::string& query,
                 std::vector<Source>& out) {
  std::vector<std::string> names;
  if (options.all_containers) {
    for (const auto list : {"initContainers", "containers"}) {
      const auto* containers = find(pod, {"spec", list});
      if (containers == nullptr || !containers->is_array()) continue;
      for (const auto& container : containers->get_array()) names.emplace_back(find_string(container, {"name"}));
    }
  } else {
    names.push_back(options.container.empty() ? default_container(pod) : options.container);
  }
  const auto path = resource_path(model::info(Kind::Pod), namespace_of(pod), name_of(pod));
  for (const auto& name : names) {
    out.push_back({fmt::format("{}/log?container={}{}", path, url_encode(name), query),
                   options.prefix ? fmt::format("[pod/{}/{}] ", name_of(pod), name) : ""});
  }
}

/// Lines of several streams, none torn. `out` is shared under `mutex`.
class LinePrinter {
 public:
  LinePrinter(std::mutex& mutex, std::string prefix) : mutex_(mutex), prefix_(std::move(prefix)) {}

  bool add(std::string_view piece) {
    if (prefix_.empty() && !whole_lines_) return put(piece);
    pending_ += piece;
    std::string ready;
    std::size_t start = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', start)) {
      ready += prefix_;
      ready.append(pending_, start, end + 1 - start);
      start = end + 1;
    }
    pending_.erase(0, start);
    constexpr std::size_t kLongestLine = 1024 * 1024;
    if (pending_.size() > kLongestLine) {
      ready += prefix_ + pending_ + "\n";
      pending_.clear();
    }
    return put(ready);
  }
  void finish() {
    if (!pending_.empty()) put(prefix_ + pending_ + "\n");
  }
  void keep_lines_whole() { whole_lines_ = true; }

 private:
  bool put(std::string_view text) {
    if (text.empty()) return true;
    const std::lock_guard lock(mutex_);
    std::cout << text << std::flush;
    return static_cast<bool>(std::cout);
  }

  std::mutex& mutex_;
  std::string prefix_;
  std::string pending_;
  bool whole_lines_ = false;
};

Status print_source(const HttpClient& client, const Source& source, std::mutex& mutex, bool several) {
  LinePrinter printer(mutex, source.prefix);
  if (several) printer.keep_lines_whole();
  auto reply = client.stream(
      {.method = "GET", .target = source.path, .accept = "*/*", .content_type = {}, .body = {}, .deadline = {}},
      [&](std::string_view piece) { return printer.add(piece); });
  printer.finish();
  if (!reply) return reply.error();
  if (reply->code >= 300) {
    if (auto read = read_reply(*reply); !read) return read.error();
  }
  return Ok{};
}

/// All at once: each is followed until it ends.
int follow_all(const HttpClient& client, const std::vector<Source>& sources) {
  std::mutex mutex;
  std::vector<std::optional<Error>> failures(sources.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    threads.emplace_back([&, i] {
      if (auto done = print_source(client, sources[i], mutex, /*several=*/true); !done) failures[i] = done.error();
    });
  }
  for (auto& thread : threads) thread.join();
  int code = 0;
  for (const auto& failure : failures) {
    if (failure) code = fail(*failure);
  }
  return code;
}

Result<std::vector<Source>> find_sources(const Global& global, const LogsOptions& options, const Arguments& arguments) {
  const Server server(global);
  auto adjusted = options;
  std::vector<json::value> pods;
  if (!options.labels.empty()) {
    if (!arguments.words.empty()) {
      return Error(ErrorCode::InvalidArgument, "only a selector (-l) or a POD name is allowed");
    }
    const auto list = server.list(model::info(Kind::Pod), global.ns, {options.labels, ""});
    if (!list) return list.error();
    for (const auto& pod : items_of(*list)) pods.push_back(pod);
    constexpr std::int64_t kLinesOfMany = 10;  // kubectl's
    if (!adjusted.tail) adjusted.tail = kLinesOfMany;
  } else {
    if (arguments.words.empty()) {
      return Error(ErrorCode::InvalidArgument,
                   "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a "
                   "required argument for the logs command");
    }
    auto found = pods_behind(server, global, arguments.words[0]);
    if (!found) return found.error();
    pods = *std::move(found);
    if (pods.empty()) return Error(ErrorCode::NotFound, fmt::format("no pods found for {}", arguments.words[0]));
    if (pods.size() > 1 && !options.all_pods) {
      std::cerr << fmt::format("Found {} pods, using pod/{}\n", pods.size(), name_of(pods[0]));
      pods.resize(1);
    }
    adjusted.prefix = adjusted.prefix || options.all_pods;
    if (arguments.words.size() == 2 && options.container.empty()) adjusted.container = arguments.words[1];
  }
  const auto query = log_query(adjusted);
  if (!query) return query.error();
  std::vector<Source> out;
  for (const auto& pod : pods) add_sources(adjusted, pod, *query, out);
  return out;
}

int logs(const Global& global, const LogsOptions& options, const Arguments& arguments) {
  if (options.all_containers && !options.container.empty()) {
    return fail({ErrorCode::InvalidArgument, "--all-containers=true should not be specified with container name"});
  }
  const auto sources = find_sources(global, options, arguments);
  if (!sources) return fail(sources.error());
  if (sources->empty()) {
    std::cerr << fmt::format("No resources found in {} namespace.\n", global.ns);
    return 0;
  }
  const Server server(global);
  if (options.follow && sources->size() > 1) {
    const auto most = options.most_at_once.value_or(5);
    if (static_cast<std::int64_t>(sources->size()) > most) {
      return fail(
          {ErrorCode::InvalidArgument,
           fmt::format("you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use "
                       "--max-log-requests to increase the limit",
                       sources->size(), most)});
    }
    return follow_all(server.http(), *sources);
  }
  std::mutex mutex;
  int code = 0;
  for (const auto& source : *sources) {
    if (auto done = print_source(server.http(), source, mutex, sources->size() > 1); !done) {
      code = fail(done.error());
      if (!options.ignore_errors) return code;
    }
  }
  return options.ignore_errors ? 0 : code;
}

}  // namespace

Command logs_command() {
  auto options = std::make_shared<LogsOptions>();
  Command command;
  command.usage = "(POD | KIND/NAME | -l SELECTOR) [-c CONTAINER] [flags]";
  command.words = Words::Pods;
  auto& flags = command.flags;
  flags.add(options->container, "container", 'c', "NAME", "Which container");
  flags.add(options->follow, "follow", 'f', "Go on until the container ends");
  flags.add(options->previous, "previous", 'p', "The run before the last restart");
  flags.add(options->tail, "tail", 0, "LINES", "Only the last lines; -1: all (10 with a selector)");
  flags.add(options->since, "since", 0, "DURATION", "Only newer than 90s, 5m, 1h30m");
  flags.add(options->since_time, "since-time", 0, "TIME", "Only since this time: 2026-11-21T13:00:00Z");
  flags.add(options->timestamps, "timestamps", 0, "Each line with its time");
  flags.add(options->limit_bytes, "limit-bytes", 0, "BYTES", "No more than this");
  flags.add(options->all_containers, "all-containers", 0, "Of all containers of the pod");
  flags.add(options->all_pods, "all-pods", 0, "Of all pods of the workload");
  flags.add(options->prefix, "prefix", 0, "Each line with pod and container before it");
  flags.add(options->labels, "selector", 'l', "SELECTOR", "Of all pods with these labels");
  flags.add(options->most_at_once, "max-log-requests", 0, "N", "How many streams may be followed at once (default 5)");
  flags.add(options->ignore_errors, "ignore-errors", 0, "Go on with the others when one fails");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return logs(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
