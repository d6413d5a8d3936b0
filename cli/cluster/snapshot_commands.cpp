// cli/cluster/snapshot_commands.cpp - berth cluster backup, berth cluster restore: the etcd's content, as one file.
#include <unistd.h>

#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "cli/cluster/change_over.hpp"
#include "cli/cluster/commands.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_services.hpp"
#include "cli/messages.hpp"

namespace berth::cli {

namespace {

constexpr int kSeconds = 60;
constexpr std::chrono::minutes kSnapshot{5};

Result<HostConfig> host_in_cluster(const std::filesystem::path& config) {
  auto host = read_host_config(config);
  if (host && !host->in_cluster()) {
    return Error(ErrorCode::FailedPrecondition,
                 "this host is in no cluster of `berth cluster init`: berth backup and berth restore are for it alone");
  }
  return host;
}

Status snapshot(const std::filesystem::path& config, const std::string& file) {
  const auto host = host_in_cluster(config);
  if (!host) return host.error();
  // One member is asked; the first that answers.
  const auto states = Etcdctl(host->places, host->endpoints).states();
  if (states.empty()) return Error(ErrorCode::Unavailable, "no member of the etcd answers");
  const auto saved = Etcdctl(host->places, {states.front().endpoint}).run({"snapshot", "save", file}, kSnapshot);
  if (!saved) return saved.error();
  std::cout << fmt::format("{}: the cluster at revision {}, from {}\n", file, states.front().revision,
                           states.front().endpoint);
  return Ok{};
}

Status move_aside(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return Ok{};
  auto stamp = format_rfc3339(std::chrono::system_clock::now());
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  auto old = directory;
  old += ".before-" + stamp;
  std::filesystem::rename(directory, old, error);
  if (error) return Error::from_errno(error.value(), "keep " + directory.native() + " as " + old.native());
  std::cout << "what was there before is kept as " << old.native() << '\n';
  return Ok{};
}

/// Each step may have been done by an earlier try, but for the check that nobody works on what goes.
Status restore(const Global& global, const std::filesystem::path& config, const std::string& file) {
  if (::geteuid() != 0) return Error(ErrorCode::PermissionDenied, "only root can do this: sudo berth cluster restore");
  const auto host = host_in_cluster(config);
  if (!host) return host.error();
  const auto advertise = parse_advertise(host->advertise);
  if (!advertise) return advertise.error();
  const auto& places = host->places;
  if (const auto states = Etcdctl(places, host->endpoints).states(); !states.empty()) {
    return Error(
        ErrorCode::FailedPrecondition,
        fmt::format("the etcd's member at {} runs: what it has would be lost, and come back with it. Stop all of "
                    "them first (systemctl stop berth-etcd on each host); pods run on",
                    states.front().endpoint));
  }
  const auto services = host_services(places, global.socket);
  const auto fresh = places.etcd_data.native() + ".new";
  std::error_code error;
  std::filesystem::remove_all(fresh, error);
  const auto peer = peer_url(advertise->host);
  const auto cluster = fmt::format("{}={}", host->node_name, peer);
  const auto made =
      Etcdctl(places, {client_url(advertise->host)})
          .run({"snapshot", "restore", file, "--name=" + host->node_name, "--initial-cluster=" + cluster,
                "--initial-cluster-token=berth", "--initial-advertise-peer-urls=" + peer, "--data-dir=" + fresh},
               kSnapshot);
  if (!made) return made.error();
  if (auto stopped = services->stop_agent(); !stopped) return stopped;
  if (auto stopped = services->stop_etcd(); !stopped) return stopped;
  if (auto moved = move_aside(places.etcd_data); !moved) return moved;
  std::filesystem::rename(fresh, places.etcd_data, error);
  if (error) return Error::from_errno(error.value(), "put " + fresh + " in place");
  const auto text =
      etcd_text({.name = host->node_name, .host = advertise->host, .initial_cluster = cluster, .is_new = true}, places);
  if (auto written = write_file(places.etcd_config, text, 0644, Durability::Durable); !written) return written;
  const ClusterSetting setting{.advertise = *advertise,
                               .listen = host->listen,
                               .endpoints = {client_url(advertise->host)},
                               .etcd_prefix = host->etcd_prefix,
                               .cluster_cidr = host->cluster_cidr,
                               .service_cidr = host->service_cidr,
                               .cluster_domain = host->cluster_domain,
                               .mode = host->mode};
  auto written = write_file(places.drop_in, drop_in_text(setting, places), 0644, Durability::Durable);
  if (!written) return written;
  if (auto started = services->start_etcd(); !started) return started;
  const Etcdctl etcdctl(places, setting.endpoints);
  if (!wait_until(kSeconds, [&] { return etcdctl.has_quorum(); })) {
    return Error(ErrorCode::DeadlineExceeded, "etcd does not answer: see its journal (journalctl -u berth-etcd)");
  }
  if (auto started = services->start_agent(); !started) return started;
  if (!wait_until(kSeconds, [&] { return agent_answers(global.socket); })) {
    return Error(ErrorCode::DeadlineExceeded, "the agent does not answer: see its journal (journalctl -u berthd)");
  }
  std::cout << fmt::format(
      "{} begins the cluster anew with what is in {}. Pods run on; those that are not in it: berth pods strangers.\n"
      "On each other host: berth cluster join {} TOKEN, with a token of `berth cluster init` here\n",
      host->node_name, file, advertise->text());
  return Ok{};
}

using Deed = Status (*)(const Global&, const std::filesystem::path& config, const std::string& file);

/// A command that does one thing to one file on this host.
Command of_one_file(const char* name, std::string details, Deed deed) {
  auto config = std::make_shared<std::filesystem::path>("/etc/berth/berthd.yaml");
  Command command;
  command.usage = "FILE [flags]";
  command.details = std::move(details);
  command.words = Words::Files;
  command.flags.add_path(*config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [name, config, deed](const Global& global, const Arguments& arguments) {
    if (arguments.words.size() != 1) return usage_error(name, {ErrorCode::InvalidArgument, "name one file"});
    const auto done = deed(global, *config, arguments.words[0]);
    return done ? 0 : fail(done.error());
  };
  return command;
}

}  // namespace

Command cluster_backup_command() {
  return of_one_file(
      "cluster backup",
      "A snapshot of the etcd, by etcdctl: all objects of all hosts, Secrets and the hosts' CA among them. FILE is the "
      "whole new copy or what it was before. As root.",
      [](const Global&, const std::filesystem::path& config, const std::string& file) {
        return snapshot(config, file);
      });
}

Command cluster_restore_command() {
  return of_one_file(
      "cluster restore",
      "When all members of the etcd are stopped or lost: this host begins it anew, alone, with a snapshot of `berth "
      "cluster backup`. The others then join again. What was there is kept beside. As root.",
      restore);
}

}  // namespace berth::cli
