// cli/delete_command.cpp - berth delete: ask, then wait until the object is really gone.
#include <iostream>
#include <thread>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

constexpr std::chrono::milliseconds kPollInterval{100};

struct Deleted {
  ResourceRef ref;
  std::string uid;
};

/// NotFound: it was not there.
Result<Deleted> ask(const HttpClient& client, const Global& global, const DeleteOptions& options,
                    const ResourceRef& ref) {
  json::object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}};
  if (options.grace_period && *options.grace_period >= 0) body["gracePeriodSeconds"] = *options.grace_period;
  auto reply = client.send({.method = "DELETE",
                            .target = resource_path(*ref.kind, global.ns, ref.name),
                            .accept = "application/json",
                            .content_type = "application/json",
                            .body = json::serialize(body)});
  if (!reply) return reply.error();
  const auto answer = read_reply(*reply);
  if (!answer) return answer.error();
  auto uid = find_string(*answer, {"metadata", "uid"});
  if (uid.empty()) uid = find_string(*answer, {"details", "uid"});
  return Deleted{ref, std::string(uid)};
}

/// Gone means: not there, or another object of that name (a set makes its pods again).
Status wait_until_gone(const HttpClient& client, const Global& global, const Deleted& deleted) {
  while (true) {
    auto reply = client.send({.method = "GET",
                              .target = resource_path(*deleted.ref.kind, global.ns, deleted.ref.name),
                              .accept = "application/json",
                              .content_type = {},
                              .body = {}});
    if (!reply) return reply.error();
    if (reply->code == 404) return Ok{};
    const auto object = read_reply(*reply);
    if (!object) return object.error();
    if (deleted.uid.empty() || find_string(*object, {"metadata", "uid"}) != deleted.uid) return Ok{};
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int run_delete(const Global& global, const DeleteOptions& options) {
  const auto refs = parse_resources(options.what);
  if (!refs) return fail(refs.error());
  for (const auto& ref : *refs) {
    if (ref.name.empty()) {
      return fail({ErrorCode::InvalidArgument, "resource(s) were provided, but no name was specified"});
    }
  }
  const HttpClient client(global.socket);
  int code = 0;
  std::vector<Deleted> deleted;
  for (const auto& ref : *refs) {
    auto done = ask(client, global, options, ref);
    if (!done) {
      if (options.ignore_not_found && done.error().code() == ErrorCode::NotFound) continue;
      code = fail(done.error());
      if (done.error().code() == ErrorCode::Unavailable) return code;
      continue;
    }
    auto qualified = display_name(*ref.kind, "");
    qualified.pop_back();
    std::cout << fmt::format("{} \"{}\" deleted\n", qualified, ref.name) << std::flush;
    deleted.push_back(*std::move(done));
  }
  if (!options.wait) return code;
  for (const auto& one : deleted) {
    if (auto gone = wait_until_gone(client, global, one); !gone) return fail(gone.error());
  }
  return code;
}

}  // namespace berth::cli
