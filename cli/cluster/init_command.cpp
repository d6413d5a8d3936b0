// cli/cluster/init_command.cpp - berth cluster init: this host becomes the first of a cluster.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/cluster/before_joining.hpp"
#include "cli/cluster/change_over.hpp"
#include "cli/cluster/commands.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_certificate.hpp"
#include "cli/cluster/host_services.hpp"
#include "cli/cluster/join_token.hpp"
#include "cli/messages.hpp"

namespace berth::cli {

namespace {

constexpr int kEtcdSeconds = 60;
constexpr int kTokenSeconds = 20;
constexpr std::chrono::hours kTokenLife{24};
constexpr std::string_view kSecrets = "/api/v1/namespaces/kube-system/secrets";

struct InitOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
  std::string advertise;
  std::string cluster_cidr = "10.98.0.0/16";
};

class Init {
 public:
  Init(const Global& global, HostConfig host, TcpAddress advertise, InitOptions options)
      : global_(global),
        host_(std::move(host)),
        advertise_(std::move(advertise)),
        options_(std::move(options)),
        services_(host_services(host_.places, global.socket)),
        etcdctl_(host_.places, host_.in_cluster() ? host_.endpoints : std::vector{client_url(advertise_.host)}) {}

  Status run() {
    if (!host_.in_cluster()) {
      if (auto made = make_cluster(); !made) return made;
    } else if (auto started = start(); !started) {
      return started;
    }
    return say_how_to_join();
  }

 private:
  /// Each step may have been done by an earlier try.
  Status make_cluster() {
    const auto& places = host_.places;
    if (agent_answers(global_.socket)) {
      if (auto staged = stage(); !staged) return staged;
    } else if (::access(places.staged.c_str(), F_OK) != 0) {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("no agent answers at {}: start it first (systemctl start berthd); it makes the "
                               "certificates",
                               global_.socket.native()));
    }
    if (auto good = check_config(places, places.staged); !good) return good;
    if (auto started = start_etcd(); !started) return started;
    std::cout << "moving this host's objects into the etcd; pods run on\n" << std::flush;
    return change_over(places, *services_, global_.socket, /*move=*/true);
  }

  /// Everything on disk that the cluster needs, and nothing in force.
  Status stage() {
    const auto& places = host_.places;
    // Whoever listens already, by its own configuration, is this host's agent.
    if (host_.listen.empty()) {
      if (auto free = is_free(advertise_, "this host's agent"); !free) return free;
    }
    auto setting = HostCertificate(places, host_.node_name, advertise_.host).ask_agent(Server(global_));
    if (!setting) return setting.error();
    if (!setting->endpoints.empty()) {
      return Error(ErrorCode::FailedPrecondition, "the agent's objects are in an etcd already");
    }
    const MemberSetting member{.name = host_.node_name,
                               .host = advertise_.host,
                               .initial_cluster = fmt::format("{}={}", host_.node_name, peer_url(advertise_.host)),
                               .is_new = true};
    const auto text = etcd_text(member, places);
    if (read_file(places.etcd_config).value_or("") != text) {
      // Of an earlier try with another address: nobody's objects are in there yet.
      if (auto stopped = services_->stop_etcd(); !stopped) return stopped;
      if (auto place = has_place_for_member(advertise_.host, places.etcd_data); !place) return place;
      std::error_code error;
      std::filesystem::remove_all(places.etcd_data, error);
      if (auto written = write_file(places.etcd_config, text, 0644, Durability::Durable); !written) return written;
    }
    setting->advertise = advertise_;
    setting->listen = host_.listen;
    setting->endpoints = {client_url(advertise_.host)};
    setting->cluster_cidr = options_.cluster_cidr;
    if (auto made = make_directories(places.staged.parent_path()); !made) return made;
    return write_file(places.staged, drop_in_text(*setting, places), 0644, Durability::Durable);
  }

  Status start_etcd() {
    if (auto started = services_->start_etcd(); !started) return started;
    if (wait_until(kEtcdSeconds, [&] { return etcdctl_.has_quorum(); })) return Ok{};
    return Error(ErrorCode::DeadlineExceeded,
                 fmt::format("the etcd ({}) does not answer after {} s: see its journal (journalctl -u berth-etcd)",
                             fmt::join(etcdctl_.endpoints(), ", "), kEtcdSeconds));
  }

  /// Of a host that is in its cluster: what should run, runs.
  Status start() {
    if (::access(host_.places.etcd_config.c_str(), F_OK) == 0) {
      if (auto started = start_etcd(); !started) return started;
    }
    if (auto started = services_->start_agent(); !started) return started;
    if (wait_until(kEtcdSeconds, [&] { return agent_answers(global_.socket); })) return Ok{};
    return Error(ErrorCode::DeadlineExceeded, "the agent does not answer: see its journal (journalctl -u berthd)");
  }

  Status say_how_to_join() {
    const auto ca = certificate_facts(host_.places.ca());
    if (!ca) return ca.error();
    const auto token = make_join_token(ca->pin);
    const auto secret = token_secret(token, std::chrono::system_clock::now() + kTokenLife);
    // An agent whose etcd has just come back refuses what it is asked for a moment longer.
    std::optional<Error> failure;
    const bool kept = wait_until(kTokenSeconds, [&] {
      const auto created = Server(global_).create(std::string(kSecrets), secret);
      failure = created ? std::nullopt : std::optional(created.error());
      return created.ok();
    });
    if (!kept) return failure->context("keep the token");
    std::cout << fmt::format(
        "{} is in the cluster. On the next host, within 24 hours:\n\n  berth cluster join {} {}\n\n", host_.node_name,
        advertise_.text(), token.text());
    return Ok{};
  }

  const Global& global_;
  const HostConfig host_;
  const TcpAddress advertise_;
  const InitOptions options_;
  const std::unique_ptr<HostServices> services_;
  const Etcdctl etcdctl_;
};

int init(const Global& global, const InitOptions& options) {
  if (::geteuid() != 0) return fail({ErrorCode::PermissionDenied, "only root can do this: sudo berth cluster init"});
  auto host = read_host_config(options.config);
  if (!host) return fail(host.error());
  if (!host->etcd_said_by.empty()) {
    return fail(
        {ErrorCode::FailedPrecondition,
         fmt::format("{} names an etcd (store.etcd): this host is in a cluster that `berth cluster` did not make",
                     host->etcd_said_by.native())});
  }
  const auto said = !options.advertise.empty() ? options.advertise : host->advertise;
  if (said.empty()) {
    return usage_error("cluster init",
                       {ErrorCode::InvalidArgument, "--advertise: at which address do other hosts reach this one?"});
  }
  auto address = parse_advertise(said);
  if (!address) return usage_error("cluster init", address.error());
  if (host->in_cluster() && address->text() != host->advertise) {
    return fail(
        {ErrorCode::FailedPrecondition,
         fmt::format("this host is in a cluster, at {}: a new address is told by `berth cluster join --advertise`",
                     host->advertise)});
  }
  if (auto own = has_address(*address); !own) return fail(own.error());
  const auto done = Init(global, *std::move(host), *std::move(address), options).run();
  return done ? 0 : fail(done.error());
}

}  // namespace

Command cluster_init_command() {
  auto options = std::make_shared<InitOptions>();
  Command command;
  command.usage = "--advertise ADDRESS[:PORT] [flags]";
  command.details =
      "Makes a CA for hosts, starts an etcd (Debian's etcd-server) as berth-etcd.service with TLS on both sides, moves "
      "this "
      "host's objects into it, and prints the line with which others join. Pods run on. Run again it goes on where it "
      "broke "
      "off, and prints a new line. As root.";
  command.flags.add(options->advertise, "advertise", 0, "ADDRESS[:PORT]",
                    "Where other hosts reach this one (port: 6550)");
  command.flags.add(options->cluster_cidr, "cluster-cidr", 0, "CIDR",
                    "All hosts' pods: each host takes a /24 of it (default: 10.98.0.0/16)");
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    if (!arguments.words.empty()) return usage_error("cluster init", {ErrorCode::InvalidArgument, "takes no words"});
    return init(global, *options);
  };
  return command;
}

}  // namespace berth::cli
