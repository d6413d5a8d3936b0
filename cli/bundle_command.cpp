// cli/bundle_command.cpp - berth support-bundle: what somebody who helps wants to see, without anybody's secrets.
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "cli/bundle_archive.hpp"
#include "cli/bundle_collector.hpp"
#include "cli/bundle_writer.hpp"
#include "cli/keeping_commands.hpp"
#include "cli/messages.hpp"
#include "cli/private_file.hpp"
#include "cli/standard_streams.hpp"

namespace berth::cli {

namespace {

struct BundleOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
};

int make_bundle(const Global& global, const BundleOptions& options, std::string name) {
  utsname host{};
  ::uname(&host);
  auto stamp = format_rfc3339(std::chrono::system_clock::now());
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  const auto folder = fmt::format("berth-support-{}-{}", host.nodename, stamp);
  const auto into = [&](int fd) {
    BundleArchive archive(folder, [fd](std::string_view bytes) { return write_fully(fd, bytes); });
    BundleWriter out(archive);
    return collect_bundle(global, options.config, out);
  };
  if (name == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return usage_error("support-bundle", {ErrorCode::InvalidArgument, "it is no text: name a file, or use a pipe"});
    }
    const auto made = into(STDOUT_FILENO);
    return made ? 0 : fail(made.error());
  }
  if (name.empty()) name = folder + ".tar.gz";
  auto file = PrivateFile::make(name);
  if (!file) return fail(file.error());
  if (auto made = into(file->fd()); !made) return fail(made.error());
  if (auto kept = file->keep(); !kept) return fail(kept.error());
  std::cout << name << '\n';
  return 0;
}

}  // namespace

Command support_bundle_command() {
  auto options = std::make_shared<BundleOptions>();
  Command command;
  command.usage = "[FILE] [flags]";
  command.details =
      "status, doctor, configuration, versions, journals of the services, objects, metrics, containerd, mounts, "
      "firewall and "
      "cgroups in one .tar.gz (mode 0600). Without an agent: what is to be had from disk.\n"
      "Left out: data of Secrets and ConfigMaps, environments, commands, annotations, output of containers, tokens and "
      "keys. "
      "- is standard output.";
  command.words = Words::Files;
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    if (arguments.words.size() > 1) {
      return usage_error("support-bundle", {ErrorCode::InvalidArgument, "name one file, or none"});
    }
    return make_bundle(global, *options, arguments.words.empty() ? std::string() : arguments.words[0]);
  };
  return command;
}

}  // namespace berth::cli
