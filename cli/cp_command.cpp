// cli/cp_command.cpp - berth cp: files from and to containers, by the container's tar.
#include <filesystem>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/exec_stream.hpp"
#include "cli/extraction.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

namespace fs = std::filesystem;
using model::Kind;

struct CopyOptions {
  std::string container;
  bool no_preserve = false;
};

/// "[[NAMESPACE/]POD:]PATH"
struct Place {
  std::string ns;
  std::string pod;  ///< Empty: on this host.
  std::string path;
};

Result<Place> parse_place(const std::string& word) {
  const auto colon = word.find(':');
  if (colon == std::string::npos) return Place{{}, {}, word};
  Place out{{}, word.substr(0, colon), word.substr(colon + 1)};
  const auto slash = out.pod.find('/');
  if (slash != std::string::npos) {
    out.ns = out.pod.substr(0, slash);
    out.pod.erase(0, slash + 1);
  }
  if (out.pod.empty() || out.pod.find('/') != std::string::npos) {
    return Error(ErrorCode::InvalidArgument, "filespec must match the canonical format: [[namespace/]pod:]file/path");
  }
  if (out.path.empty()) return Error(ErrorCode::InvalidArgument, "filepath can not be empty");
  return out;
}

/// Without a trailing slash, "." steps and doubled slashes.
std::string cleaned(const std::string& path) {
  auto out = fs::path(path).lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

class Copier {
 public:
  Copier(const Global& global, const CopyOptions& options, Place pod)
      : global_(global), options_(options), place_(std::move(pod)) {
    if (!place_.ns.empty()) global_.ns = place_.ns;
  }

  int from_container(const std::string& to) {
    if (auto found = find_pod(); !found) return fail(found.error());
    const auto source = cleaned(place_.path);
    fs::path destination = to;
    std::error_code error;
    if (fs::is_directory(destination, error)) destination /= fs::path(source).filename();
    if (destination.has_relative_path() && !destination.has_filename()) destination = destination.parent_path();
    auto prefix = source;
    while (prefix.starts_with('/')) prefix.erase(0, 1);
    Extraction extraction(prefix == "." ? "" : prefix, destination);
    TarReader reader(extraction);
    std::optional<Error> failure;
    const auto code = run({"tar", "cf", "-", source},
                          {.own_stdin = false, .terminal = false, .produce = {}, .take = [&](std::string_view bytes) {
                             auto done = reader.add(bytes);
                             if (!done) failure = done.error();
                             return done.ok();
                           }});
    if (failure) return fail(*failure);
    if (!code) return fail(code.error());
    if (*code != 0) return 1;
    if (!reader.is_complete()) return fail({ErrorCode::DataLoss, "the archive from the container is cut off"});
    return 0;
  }

  int to_container(const std::string& from) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(from, error)))
      return fail({ErrorCode::NotFound, fmt::format("{} doesn't exist in local filesystem", from)});
    if (auto found = find_pod(); !found) return fail(found.error());
    auto destination = cleaned(place_.path);
    const auto source = fs::absolute(from).lexically_normal();
    const auto name = source.has_filename() ? source.filename() : source.parent_path().filename();
    const auto is_folder = is_remote_folder(destination);
    if (!is_folder) return fail(is_folder.error());
    if (*is_folder) destination = cleaned(fmt::format("{}/{}", destination, name.string()));
    const fs::path target(destination);
    std::vector<std::string> words{"tar", "-xmf", "-"};
    if (options_.no_preserve) words = {"tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-"};
    if (target.has_parent_path() && target.parent_path() != ".") {
      words.emplace_back("-C");
      words.push_back(target.parent_path().string());
    }
    // A link on the command line means the file behind it.
    TarWriter writer(fs::is_symlink(source, error) ? fs::canonical(source, error) : source, target.filename().string());
    const auto code =
        run(words, {.own_stdin = false, .terminal = false, .produce = [&] { return writer.next(); }, .take = {}});
    if (!code) return fail(code.error());
    if (!writer.problem().empty()) return fail({ErrorCode::Unknown, writer.problem()});
    return *code == 0 ? 0 : 1;
  }

 private:
  Status find_pod() {
    auto pod = pod_behind(Server(global_), global_, place_.pod);
    if (!pod) return pod.error();
    const auto phase = find_string(*pod, {"status", "phase"});
    if (phase == "Succeeded" || phase == "Failed") {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("cannot exec into a container in a completed pod; current phase is {}", phase));
    }
    container_ = options_.container.empty() ? default_container(*pod) : options_.container;
    return Ok{};
  }

  std::string exec_path(const std::vector<std::string>& words, bool input) const {
    auto path =
        resource_path(model::info(Kind::Pod), global_.ns, place_.pod) +
        fmt::format("/exec?container={}&stdout=true&stderr=true{}", url_encode(container_), input ? "&stdin=true" : "");
    for (const auto& word : words) path += fmt::format("&command={}", url_encode(word));
    return path;
  }

  Result<int> run(const std::vector<std::string>& words, const StreamEnds& ends) const {
    return run_stream(global_, exec_path(words, static_cast<bool>(ends.produce)), ends);
  }

  /// `test -d` in the container; its failure is an answer, not a message.
  Result<bool> is_remote_folder(const std::string& path) const {
    const auto code =
        run({"sh", "-c", "test -d \"$0\" && echo yes || true", path},
            {.own_stdin = false, .terminal = false, .produce = {}, .take = [this](std::string_view bytes) {
               answer_ += bytes.substr(0, 16);
               return true;
             }});
    if (!code) return code.error();
    return answer_.starts_with("yes");
  }

  Global global_;
  const CopyOptions& options_;
  Place place_;
  std::string container_;
  mutable std::string answer_;
};

int copy(const Global& global, const CopyOptions& options, const Arguments& arguments) {
  if (arguments.words.size() != 2)
    return usage_error("cp", {ErrorCode::InvalidArgument, "source and destination are required"});
  auto from = parse_place(arguments.words[0]);
  if (!from) return fail(from.error());
  auto to = parse_place(arguments.words[1]);
  if (!to) return fail(to.error());
  if (!from->pod.empty() && !to->pod.empty())
    return fail({ErrorCode::InvalidArgument, "one of src or dest must be a local file specification"});
  if (from->path.empty() || to->path.empty()) return fail({ErrorCode::InvalidArgument, "filepath can not be empty"});
  if (!from->pod.empty()) return Copier(global, options, *std::move(from)).from_container(to->path);
  if (!to->pod.empty()) return Copier(global, options, *std::move(to)).to_container(from->path);
  return fail({ErrorCode::InvalidArgument, "one of src or dest must be a remote file specification"});
}

}  // namespace

Command cp_command() {
  auto options = std::make_shared<CopyOptions>();
  Command command;
  command.usage = "([NAMESPACE/]POD:PATH LOCAL | LOCAL [NAMESPACE/]POD:PATH) [-c CONTAINER]";
  command.details =
      "The container needs tar and sh. From a container, links are left out, and nothing is written outside of LOCAL.";
  command.words = Words::Files;
  command.flags.add(options->container, "container", 'c', "NAME", "Which container");
  command.flags.add(options->no_preserve, "no-preserve", 0, "Leave owner and permissions to the container");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return copy(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
