// cli/simple_commands.cpp - berth logs, scale, version, check.
#include <csignal>
#include <iostream>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "model/model.hpp"

namespace berth::cli {

namespace {

/// "pod/web-0" or "web-0" → "web-0". InvalidArgument for another kind.
Result<std::string> pod_name(const std::string& word) {
  const auto slash = word.find('/');
  if (slash == std::string::npos) return word;
  const auto* kind = model::find_kind(std::string_view(word).substr(0, slash));
  if (kind == nullptr || kind->kind != model::Kind::Pod) {
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is not a pod", word));
  }
  return word.substr(slash + 1);
}

}  // namespace

int run_logs(const Global& global, const LogsOptions& options) {
  const auto name = pod_name(options.pod);
  if (!name) return fail(name.error());
  auto target = resource_path(model::info(model::Kind::Pod), global.ns, *name) + "/log?";
  const auto add = [&](std::string_view key, std::string_view value) {
    target += fmt::format("{}={}&", key, url_encode(value));
  };
  if (!options.container.empty()) add("container", options.container);
  if (options.follow) add("follow", "true");
  if (options.previous) add("previous", "true");
  if (options.timestamps) add("timestamps", "true");
  if (options.tail && *options.tail >= 0) add("tailLines", std::to_string(*options.tail));
  if (!options.since.empty()) {
    const auto seconds = parse_duration(options.since);
    if (!seconds) return fail(seconds.error().context("--since"));
    add("sinceSeconds", std::to_string(*seconds));
  }
  target.pop_back();
  const HttpClient client(global.socket);
  auto reply = client.stream({.method = "GET", .target = target, .accept = "*/*", .content_type = {}, .body = {}},
                             [](std::string_view piece) {
                               std::cout << piece << std::flush;
                               return static_cast<bool>(std::cout);
                             });
  if (!reply) return fail(reply.error());
  if (reply->code >= 300) {
    if (auto read = read_reply(*reply); !read) return fail(read.error());
  }
  return 0;
}

int run_scale(const Global& global, const ScaleOptions& options) {
  const auto refs = parse_resources(options.what);
  if (!refs) return fail(refs.error());
  const HttpClient client(global.socket);
  for (const auto& ref : *refs) {
    if (ref.name.empty())
      return fail({ErrorCode::InvalidArgument, "name the set to scale: berth scale sts NAME --replicas N"});
    if (ref.kind->kind != model::Kind::StatefulSet) {
      return fail({ErrorCode::InvalidArgument, fmt::format("{} cannot be scaled", ref.kind->plural)});
    }
    auto reply = client.send({.method = "PATCH",
                              .target = resource_path(*ref.kind, global.ns, ref.name) + "/scale",
                              .accept = "application/json",
                              .content_type = "application/merge-patch+json",
                              .body = fmt::format(R"({{"spec":{{"replicas":{}}}}})", options.replicas)});
    if (!reply) return fail(reply.error());
    if (auto read = read_reply(*reply); !read) return fail(read.error());
    std::cout << display_name(*ref.kind, ref.name) << " scaled\n";
  }
  return 0;
}

int run_version(const Global& global) {
  std::cout << "Client Version: v" BERTH_VERSION "\n";
  const auto reply =
      HttpClient(global.socket)
          .send({.method = "GET", .target = "/version", .accept = "application/json", .content_type = {}, .body = {}});
  if (!reply) return fail(reply.error());
  const auto read = read_reply(*reply);
  if (!read) return fail(read.error());
  std::cout << "Server Version: " << find_string(*read, {"gitVersion"}) << '\n';
  return 0;
}

int run_check(const std::vector<std::string>& files) {
  int code = 0;
  for (const auto& file : files) {
    std::string text;
    if (file == "-") {
      text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
      auto content = read_file(file);
      if (!content) {
        code = fail(content.error());
        continue;
      }
      text = *std::move(content);
    }
    const auto manifest = model::read_manifest(text, file == "-" ? "stdin" : file);
    for (const auto& problem : manifest.errors) std::cout << "error: " << problem.text() << '\n';
    for (const auto& problem : manifest.warnings) std::cout << "warning: " << problem.text() << '\n';
    if (!manifest.errors.empty()) {
      code = 1;
      continue;
    }
    for (const auto& object : manifest.objects) std::cout << file << ": " << object.key().display() << " is valid\n";
    if (manifest.objects.empty()) std::cout << file << ": no objects\n";
  }
  return code;
}

}  // namespace berth::cli
