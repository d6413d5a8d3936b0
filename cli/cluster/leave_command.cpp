// cli/cluster/leave_command.cpp - berth cluster leave: this host goes its own way.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/cluster/change_over.hpp"
#include "cli/cluster/commands.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_services.hpp"
#include "cli/messages.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

constexpr int kAgentSeconds = 60;

struct LeaveOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
  bool keep_objects = false;
  bool force = false;
};

class Leave {
 public:
  Leave(const Global& global, HostConfig host, const LeaveOptions& options)
      : global_(global),
        host_(std::move(host)),
        options_(options),
        services_(host_services(host_.places, global.socket)),
        etcdctl_(host_.places, host_.endpoints) {}

  /// Each step may have been done by an earlier try, which may have stopped the agent.
  Status run() {
    if (host_.in_cluster()) {
      if (auto there = wake_agent(); !there) return there;
      if (auto may = may_leave(); !may) return may;
      auto left = options_.keep_objects ? take_objects_along() : leave_others();
      if (!left) return left;
    }
    if (auto gone = remove_rest(); !gone) return gone;
    if (auto there = wake_agent(); !there) return there;
    std::cout << host_.node_name << " is in no cluster; its objects are in SQLite\n";
    return Ok{};
  }

 private:
  Status wake_agent() {
    if (auto started = services_->start_agent(); !started) return started;
    if (wait_until(kAgentSeconds, [&] { return agent_answers(global_.socket); })) return Ok{};
    return Error(ErrorCode::DeadlineExceeded, "the agent does not answer: see its journal (journalctl -u berthd)");
  }

  Status may_leave() {
    // Its agent would not start any more, which stands without a cluster.
    if (!host_.fencing_said_by.empty()) {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("{} has cluster.fencing: true, which a host in no cluster cannot have: take that out, "
                               "and restart berthd",
                               host_.fencing_said_by.native()));
    }
    const Server agent(global_);
    const auto nodes = agent.list(model::info(model::Kind::Node), "", {});
    if (!nodes) return nodes.error();
    const bool is_last = items_of(*nodes).size() <= 1;
    if (options_.keep_objects) {
      if (is_last) return Ok{};
      return Error(
          ErrorCode::FailedPrecondition,
          "other hosts are in the cluster, and its objects are theirs, too: --keep-objects is for the last one");
    }
    if (options_.force) return Ok{};
    if (is_last) {
      return Error(
          ErrorCode::FailedPrecondition,
          "this is the last host: with --keep-objects its objects come along, with --force they are left behind");
    }
    const auto pods =
        agent.list(model::info(model::Kind::Pod), "", {.labels = {}, .fields = "spec.nodeName=" + host_.node_name});
    if (!pods) return pods.error();
    if (items_of(*pods).empty()) return Ok{};
    const auto& first = items_of(*pods).front();
    return Error(
        ErrorCode::FailedPrecondition,
        fmt::format("{0} pods are bound to this host, {1}/{2} among them. Drain it first: berth drain {3} --force "
                    "--delete-emptydir-data --ignore-daemonsets. With --force they run on here as strangers, "
                    "while the cluster may make them elsewhere",
                    items_of(*pods).size(), namespace_of(first), name_of(first), host_.node_name));
  }

  /// The way back from `berth cluster init`.
  Status take_objects_along() {
    if (auto stopped = services_->stop_agent(); !stopped) return stopped;
    if (auto moved = move_objects(host_.places, {}, "to-sqlite"); !moved) {
      if (auto started = services_->start_agent(); !started) return started;
      return moved;
    }
    return remove(host_.places.drop_in);
  }

  /// First what etcd may refuse: then nothing was changed.
  Status leave_others() {
    const auto members = etcdctl_.members();
    if (!members) return members.error();
    std::vector<std::string> others;
    for (const auto& each : *members) {
      if (each.name != host_.node_name && !each.client_url.empty() && !each.learner) others.push_back(each.client_url);
    }
    const Etcdctl elsewhere(host_.places, others.empty() ? host_.endpoints : others);
    for (const auto& each : *members) {
      if (each.name != host_.node_name || others.empty()) continue;
      const auto removed = elsewhere.run({"member", "remove", each.hex_id()});
      if (!removed) return removed.error();
    }
    if (auto stopped = services_->stop_agent(); !stopped) return stopped;
    const auto node = fmt::format("{}/objects/Node/_/{}", host_.etcd_prefix, host_.node_name);
    if (const auto forgotten = elsewhere.run({"del", node}); !forgotten) return forgotten.error();
    return remove(host_.places.drop_in);
  }

  Status remove_rest() {
    if (auto stopped = services_->stop_etcd(); !stopped) return stopped;
    for (const auto& each :
         {host_.places.etcd_config, host_.places.etcd_data, host_.places.certificates, host_.places.staged}) {
      if (auto removed = remove(each); !removed) return removed;
    }
    return Ok{};
  }

  static Status remove(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return error ? Status(Error::from_errno(error.value(), "remove " + path.native())) : Status(Ok{});
  }

  const Global& global_;
  const HostConfig host_;
  const LeaveOptions& options_;
  const std::unique_ptr<HostServices> services_;
  const Etcdctl etcdctl_;
};

int leave(const Global& global, const LeaveOptions& options) {
  if (::geteuid() != 0) return fail({ErrorCode::PermissionDenied, "only root can do this: sudo berth cluster leave"});
  auto host = read_host_config(options.config);
  if (!host) return fail(host.error());
  const bool half_left =
      ::access(host->places.etcd_config.c_str(), F_OK) == 0 || ::access(host->places.certificates.c_str(), F_OK) == 0;
  if (!host->in_cluster() && !half_left) {
    std::cout << host->node_name << " is in no cluster of `berth cluster init`\n";
    return 0;
  }
  const auto done = Leave(global, *std::move(host), options).run();
  return done ? 0 : fail(done.error());
}

}  // namespace

Command cluster_leave_command() {
  auto options = std::make_shared<LeaveOptions>();
  Command command;
  command.usage = "[flags]";
  command.details =
      "Takes this host's member out of the etcd, forgets its Node and certificates, and starts its agent on SQLite. "
      "Drain "
      "the host first: with pods it refuses. The last host takes all objects along with --keep-objects, and its pods "
      "run "
      "on. As root.";
  command.flags.add(options->keep_objects, "keep-objects", 0, "Of the last host: its objects go back into SQLite");
  command.flags.add(options->force, "force", 0, "Although pods are bound to it, or it is the last one");
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    if (!arguments.words.empty()) return usage_error("cluster leave", {ErrorCode::InvalidArgument, "takes no words"});
    return leave(global, *options);
  };
  return command;
}

}  // namespace berth::cli
