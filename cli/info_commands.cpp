// cli/info_commands.cpp - berth version, api-resources, check.
#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/command.hpp"
#include "cli/json_path.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"
#include "model/model.hpp"

namespace berth::cli {

namespace {

int version(const Global& global, bool client_only) {
  std::cout << "Client Version: v" BERTH_VERSION "\n";
  if (client_only) return 0;
  const auto read = Server(global).read("/version");
  if (!read) return fail(read.error());
  std::cout << "Server Version: " << find_string(*read, {"gitVersion"}) << '\n';
  return 0;
}

int check(const std::vector<std::string>& files) {
  if (files.empty())
    return usage_error("check", {ErrorCode::InvalidArgument, "name the files to check; - is standard input"});
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
    for (const auto& problem : manifest.left_out) std::cout << "left out: " << problem.text() << '\n';
    for (const auto& problem : manifest.warnings) std::cout << "warning: " << problem.text() << '\n';
    if (!manifest.left_out.empty()) code = 1;
    if (!manifest.errors.empty()) {
      code = 1;
      continue;
    }
    for (const auto& object : manifest.objects) std::cout << file << ": " << object.key().display() << " is valid\n";
    if (manifest.objects.empty() && manifest.left_out.empty()) std::cout << file << ": no objects\n";
  }
  return code;
}

struct ResourcesOptions {
  std::string group = "*";
  std::string output;
  std::string namespaced;
  bool no_headers = false;
};

std::string joined(const json::value* list) {
  std::string out;
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& one : list->get_array()) out += fmt::format("{}{}", out.empty() ? "" : ",", plain_text(one));
  return out;
}

/// "v1" and "apps/v1", "storage.k8s.io/v1", ... sorted by group.
Result<std::vector<std::string>> group_versions(const Server& server) {
  std::vector<std::string> out{"v1"};
  const auto groups = server.read("/apis");
  if (!groups) return groups.error();
  const auto* list = find(*groups, {"groups"});
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& group : list->get_array())
    out.emplace_back(find_string(group, {"preferredVersion", "groupVersion"}));
  std::sort(out.begin() + 1, out.end());
  return out;
}

int api_resources(const Global& global, const ResourcesOptions& options) {
  const Server server(global);
  const auto versions = group_versions(server);
  if (!versions) return fail(versions.error());
  const bool wide = options.output == "wide";
  const bool names = options.output == "name";
  std::string out;
  if (!options.no_headers && !names) {
    out = fmt::format("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND{}\n", wide ? "\tVERBS\tCATEGORIES" : "");
  }
  for (const auto& version : *versions) {
    const auto slash = version.find('/');
    const auto group = slash == std::string::npos ? "" : version.substr(0, slash);
    if (options.group != "*" && options.group != group) continue;
    const auto list = server.read(slash == std::string::npos ? "/api/v1" : fmt::format("/apis/{}", version));
    if (!list) return fail(list.error());
    const auto* resources = find(*list, {"resources"});
    if (resources == nullptr || !resources->is_array()) continue;
    for (const auto& resource : resources->get_array()) {
      const auto name = find_string(resource, {"name"});
      const auto* namespaced = find(resource, {"namespaced"});
      const std::string_view in_namespace =
          namespaced != nullptr && namespaced->is_bool() && namespaced->get_bool() ? "true" : "false";
      if (name.find('/') != std::string_view::npos) continue;
      if (!options.namespaced.empty() && options.namespaced != in_namespace) continue;
      if (names) {
        out += fmt::format("{}{}{}\n", name, group.empty() ? "" : ".", group);
        continue;
      }
      out += fmt::format("{}\t{}\t{}\t{}\t{}", name, joined(find(resource, {"shortNames"})), version, in_namespace,
                         find_string(resource, {"kind"}));
      if (wide)
        out += fmt::format("\t{}\t{}", joined(find(resource, {"verbs"})), joined(find(resource, {"categories"})));
      out += '\n';
    }
  }
  std::cout << (names ? out : align_tabs(out, 6, 3));
  return 0;
}

}  // namespace

Command version_command() {
  auto client_only = std::make_shared<bool>(false);
  Command command;
  command.usage = "[--client]";
  command.flags.add(*client_only, "client", 0, "Of this command only, without an agent");
  command.run = [client_only](const Global& global, const Arguments&) { return version(global, *client_only); };
  return command;
}

Command check_command() {
  Command command;
  command.usage = "FILE...";
  command.details = "- is standard input. Ends with 1 when one of them has an error.";
  command.words = Words::Files;
  command.run = [](const Global&, const Arguments& arguments) { return check(arguments.words); };
  return command;
}

Command api_resources_command() {
  auto options = std::make_shared<ResourcesOptions>();
  Command command;
  command.usage = "[flags]";
  auto& flags = command.flags;
  flags.add(options->group, "api-group", 0, "GROUP", "Only of this group");
  auto& namespaced =
      flags.add(options->namespaced, "namespaced", 0, "BOOL", "Only kinds that live in namespaces, or (false) do not");
  namespaced.bare = "true";
  namespaced.choices = {"true", "false"};
  flags.add(options->output, "output", 'o', "FORMAT", "wide or name").choices = {"wide", "name"};
  flags.add(options->no_headers, "no-headers", 0, "No column titles");
  command.run = [options](const Global& global, const Arguments&) { return api_resources(global, *options); };
  return command;
}

}  // namespace berth::cli
