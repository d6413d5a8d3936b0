// cli/backup_commands.cpp - berth backup, berth restore: all objects, as one file.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/backup_file.hpp"
#include "cli/keeping_commands.hpp"
#include "cli/messages.hpp"
#include "cli/private_file.hpp"
#include "cli/server.hpp"
#include "cli/standard_streams.hpp"

namespace berth::cli {

namespace {

constexpr std::string_view kBackupPath = "/berth/v1/backup";

/// The agent's copy into `fd`, checked to be whole.
Result<std::uint64_t> fetch(const Global& global, int fd) {
  Request request;
  request.target = kBackupPath;
  request.accept = "application/vnd.sqlite3, application/json";
  std::string begin;
  std::uint64_t size = 0;
  auto written = Status(Ok{});
  const auto reply = Server(global).http().stream(request, [&](std::string_view bytes) {
    if (begin.size() < kDatabaseHead) begin += bytes.substr(0, kDatabaseHead - begin.size());
    size += bytes.size();
    written = write_fully(fd, bytes);
    return written.ok();
  });
  if (!reply) return reply.error();
  if (!written) return written.error();
  if (reply->code != 200) return server_error(reply->code, parse_json(reply->body).value_or(json::value()));
  if (const auto whole = database_size(begin); whole != size) {
    return Error(ErrorCode::DataLoss, fmt::format("the agent's copy ended after {} of {} bytes", size, whole));
  }
  return size;
}

int backup(const Global& global, const std::string& name) {
  if (name == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return usage_error("backup", {ErrorCode::InvalidArgument, "a copy is no text: name a file, or use a pipe"});
    }
    const auto size = fetch(global, STDOUT_FILENO);
    return size ? 0 : fail(size.error());
  }
  // Whoever finds a file of that name has a whole copy: the new one, or the one before.
  auto file = PrivateFile::make(name);
  if (!file) return fail(file.error());
  const auto size = fetch(global, file->fd());
  if (!size) return fail(size.error());
  if (auto kept = file->keep(); !kept) return fail(kept.error());
  std::cout << fmt::format("{}: {} bytes\n", name, *size);
  return 0;
}

struct RestoreOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
  bool any_node = false;
};

/// The daemon knows its configuration and its store; this command knows neither. It is beside us, or where packages put
/// it.
int restore(const std::string& copy, const RestoreOptions& options) {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::vector<std::string> line{"berthd", "--config", options.config.string(), "--restore", copy};
  if (options.any_node) line.emplace_back("--any-node");
  std::vector<char*> argv;
  argv.reserve(line.size() + 1);
  for (auto& word : line) argv.push_back(word.data());
  argv.push_back(nullptr);
  for (const auto& folder : {self.parent_path(), std::filesystem::path("/usr/sbin"), std::filesystem::path("/usr/bin"),
                             std::filesystem::path("/usr/local/sbin"), std::filesystem::path("/usr/local/bin")}) {
    const auto program = folder / "berthd";
    if (!folder.empty()) ::execv(program.c_str(), argv.data());
  }
  return fail({ErrorCode::NotFound, "berthd, which does the work, is not beside this command"});
}

}  // namespace

Command backup_command() {
  Command command;
  command.usage = "FILE";
  command.details =
      "All objects as one SQLite file (mode 0600: Secrets are in it), consistent however much is being written "
      "meanwhile; "
      "- is standard output. FILE is the whole new copy or what it was before. For admins.\n"
      "Not in it: what claims' volumes hold, <stateDir>/pki, manifests, the configuration.";
  command.words = Words::Files;
  command.run = [](const Global& global, const Arguments& arguments) {
    if (arguments.words.size() != 1) return usage_error("backup", {ErrorCode::InvalidArgument, "name one file"});
    return backup(global, arguments.words[0]);
  };
  return command;
}

Command restore_command() {
  auto options = std::make_shared<RestoreOptions>();
  Command command;
  command.usage = "FILE [flags]";
  command.details =
      "Stop berthd first (pods run on). FILE is checked and read whole before anything is changed; what was there is "
      "kept "
      "beside the store.\n"
      "Pods that run here and are in the copy go on as they are; for those that are not see berth pods strangers.";
  command.words = Words::Files;
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.flags.add(options->any_node, "any-node", 0, "Also a copy that was made for another node");
  command.run = [options](const Global&, const Arguments& arguments) {
    if (arguments.words.size() != 1) return usage_error("restore", {ErrorCode::InvalidArgument, "name one file"});
    return restore(arguments.words[0], *options);
  };
  return command;
}

}  // namespace berth::cli
