// cli/cluster/join_command.cpp - berth cluster join: this host becomes one of a cluster, or stays one.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"
#include "cli/cluster/before_joining.hpp"
#include "cli/cluster/change_over.hpp"
#include "cli/cluster/commands.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_certificate.hpp"
#include "cli/cluster/host_services.hpp"
#include "cli/cluster/join_token.hpp"
#include "cli/cluster/member_steps.hpp"
#include "cli/messages.hpp"

namespace berth::cli {

namespace {

struct JoinOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
  std::string advertise;
  std::string member = "auto";
  bool discard_local = false;
};

/// Of a bootstrap token; none: this host is one of the cluster, and asks its own agent.
struct Invitation {
  TcpAddress host;
  JoinToken token;
};

/// The address from which this host talks to `host`: a UDP socket that is connected sends nothing, see udp(7).
Result<std::string> own_address_towards(const TcpAddress& host) {
  const auto doing = "find this host's address towards " + host.text();
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(host.port);
  socklen_t size = sizeof address;
  if (::inet_pton(AF_INET, host.host.c_str(), &address.sin_addr) != 1) {
    return Error(ErrorCode::InvalidArgument, doing + ": say --advertise");
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Error::from_errno(errno, doing);
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return std::string(text.data());
}

std::optional<Membership> membership_of(std::string_view word) {
  if (word == "auto") return Membership::Auto;
  if (word == "yes") return Membership::Yes;
  if (word == "no") return Membership::No;
  return std::nullopt;
}

class Join {
 public:
  Join(const Global& global, HostConfig host, TcpAddress advertise, const JoinOptions& options)
      : global_(global),
        host_(std::move(host)),
        advertise_(std::move(advertise)),
        options_(options),
        services_(host_services(host_.places, global.socket)) {}

  /// Each step may have been done by an earlier try.
  Status run(const std::optional<Invitation>& invitation) {
    const auto& places = host_.places;
    if (!host_.in_cluster()) {
      if (auto free = has_no_pods(); !free) return free;
      // Whoever listens already, by its own configuration, is this host's agent.
      if (host_.listen.empty()) {
        if (auto free = is_free(advertise_, "this host's agent"); !free) return free;
      }
    }
    const HostCertificate certificate(places, host_.node_name, advertise_.host);
    auto setting =
        invitation ? certificate.ask_host(invitation->host, invitation->token) : certificate.ask_agent(Server(global_));
    if (!setting) return setting.error();
    if (setting->endpoints.empty()) {
      return Error(ErrorCode::FailedPrecondition, "that host is in no cluster yet: run `berth cluster init` there");
    }
    auto ask = setting->endpoints;
    if (host_.in_cluster() && host_.advertise != advertise_.text()) ask.push_back(client_url(advertise_.host));
    const Etcdctl etcdctl(places, ask);
    if (!host_.in_cluster()) {
      if (auto writable = takes_writes(etcdctl.states()); !writable) return writable;
    }
    const auto members = take_member_steps(etcdctl, places, *services_, host_.node_name, advertise_.host,
                                           *membership_of(options_.member));
    if (!members) return members.error();
    setting->advertise = advertise_;
    setting->listen = host_.listen;
    setting->endpoints = client_endpoints(*members, client_url(advertise_.host));
    return put_in_force(*setting);
  }

 private:
  /// Their addresses are those of a host that is alone: here they would have to begin anew, and that is for people to
  /// say when.
  Status has_no_pods() {
    if (!agent_answers(global_.socket)) return Ok{};
    const auto pods = Server(global_).list(model::info(model::Kind::Pod), "", {});
    if (!pods) return pods.error();
    const auto& all = items_of(*pods);
    if (all.empty()) return Ok{};
    std::string names;
    constexpr std::size_t kShown = 10;
    for (std::size_t i = 0; i < all.size() && i < kShown; ++i) {
      names += fmt::format("\n  {}/{}", namespace_of(all[i]), name_of(all[i]));
    }
    if (all.size() > kShown) names += fmt::format("\n  and {} more", all.size() - kShown);
    return Error(
        ErrorCode::FailedPrecondition,
        fmt::format("this host has pods, whose addresses the cluster's other hosts may have, too. End them, and "
                    "run this again: berth drain {0} --force --delete-emptydir-data --ignore-daemonsets; berth "
                    "delete daemonsets -A --all. Their sets come along and begin anew.{1}",
                    host_.node_name, names));
  }

  /// Its agent begins anew in any case: it may have another address, or other endpoints.
  Status put_in_force(const ClusterSetting& setting) {
    const auto& places = host_.places;
    const auto text = drop_in_text(setting, places);
    if (auto made = make_directories(places.staged.parent_path()); !made) return made;
    if (auto written = write_file(places.staged, text, 0644, Durability::Durable); !written) return written;
    if (auto good = check_config(places, places.staged); !good) return good;
    if (options_.discard_local && !host_.in_cluster()) {
      if (auto kept = discard_local(); !kept) return kept;
    }
    auto changed = change_over(places, *services_, global_.socket, /*move=*/!host_.in_cluster());
    if (!changed) return changed;
    std::cout << fmt::format("{} is in the cluster; its etcd: {}\n", host_.node_name,
                             fmt::join(setting.endpoints, ", "));
    return Ok{};
  }

  /// Nobody's any more, and nobody destroys it.
  Status discard_local() {
    if (auto stopped = services_->stop_agent(); !stopped) return stopped;
    for (const auto* suffix : {"-wal", "-shm", ""}) {
      auto from = host_.places.database;
      from += suffix;
      auto to = host_.places.database;
      to += std::string(".discarded") + suffix;
      std::error_code error;
      std::filesystem::rename(from, to, error);
      if (error && error != std::errc::no_such_file_or_directory) {
        return Error::from_errno(error.value(), "keep " + from.native() + " as " + to.native());
      }
    }
    return Ok{};
  }

  const Global& global_;
  const HostConfig host_;
  const TcpAddress advertise_;
  const JoinOptions& options_;
  const std::unique_ptr<HostServices> services_;
};

/// Where other hosts reach us: as it is said, as it is, or as it goes to who invited us.
Result<TcpAddress> own_address(const JoinOptions& options, const HostConfig& host,
                               const std::optional<Invitation>& invitation) {
  if (!options.advertise.empty()) return parse_advertise(options.advertise);
  if (host.in_cluster()) return parse_advertise(host.advertise);
  auto address = own_address_towards(invitation->host);
  if (!address) return address.error();
  return parse_advertise(*address);
}

int join(const Global& global, const JoinOptions& options, const std::vector<std::string>& words) {
  const auto wrong = [](std::string why) {
    return usage_error("cluster join", {ErrorCode::InvalidArgument, std::move(why)});
  };
  if (!membership_of(options.member)) return wrong("--member: must be auto, yes or no");
  if (words.size() != 2 && !words.empty())
    return wrong("name the address and the token that `berth cluster init` printed");
  std::optional<Invitation> invitation;
  if (!words.empty()) {
    const auto address = parse_advertise(words[0]);
    if (!address) return usage_error("cluster join", address.error());
    const auto token = parse_join_token(words[1]);
    if (!token) return usage_error("cluster join", token.error());
    invitation = Invitation{*address, *token};
  }
  if (::geteuid() != 0) return fail({ErrorCode::PermissionDenied, "only root can do this: sudo berth cluster join"});
  auto host = read_host_config(options.config);
  if (!host) return fail(host.error());
  if (!host->etcd_said_by.empty()) {
    return fail({ErrorCode::FailedPrecondition, host->etcd_said_by.native() +
                                                    " names an etcd (store.etcd): take that out, or go on without "
                                                    "`berth cluster`"});
  }
  if (!invitation && !host->in_cluster()) return wrong("this host is in no cluster: name an address and a token");
  auto address = own_address(options, *host, invitation);
  if (!address) return fail(address.error());
  // Before a member of the etcd is given up for one that could not be.
  if (auto own = has_address(*address); !own) return fail(own.error());
  const auto done = Join(global, *std::move(host), *std::move(address), options).run(invitation);
  return done ? 0 : fail(done.error());
}

}  // namespace

Command cluster_join_command() {
  auto options = std::make_shared<JoinOptions>();
  Command command;
  command.usage = "[ADDRESS[:PORT] TOKEN] [flags]";
  command.details =
      "Gets this host a certificate of the host at ADDRESS, which the token lets believe and be believed, and makes it "
      "a "
      "member of the etcd while there are fewer than three. Objects that it has come along when their names are free.\n"
      "Without words, on a host of a cluster: renews its certificate, learns the etcd's members anew, and tells a new "
      "--advertise. Run again it goes on where it broke off; on a new machine under a lost host's nodeName it takes "
      "that "
      "one's place in the etcd. As root.";
  command.flags.add(
      options->advertise, "advertise", 0, "ADDRESS[:PORT]",
      "Where other hosts reach this one (default: the address from which it reaches ADDRESS; port: 6550)");
  command.flags.add(options->member, "member", 0, "WHEN", "auto, yes or no: whether it is a member of the etcd");
  command.flags.add(options->discard_local, "discard-local", 0,
                    "Leave behind what this host has in SQLite; the file is kept beside");
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return join(global, *options, arguments.words);
  };
  return command;
}

}  // namespace berth::cli
