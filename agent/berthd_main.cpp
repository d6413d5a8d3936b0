// agent/berthd_main.cpp - the daemon: options, configuration, agent, API.
#include <sys/socket.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "agent/agent.hpp"
#include "agent/config.hpp"
#include "agent/object_move.hpp"
#include "agent/start.hpp"
#include "api/api_server.hpp"
#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"
#include "store/backup.hpp"
#include "systemd/fd_store.hpp"

namespace {

int fail(const berth::Error& error) {
  berth::log(berth::LogLevel::Error, "cannot start", {{"error", error.message()}});
  return 1;
}

berth::api::ApiConfig api_config(const berth::agent::Config& config) {
  berth::api::ApiConfig api;
  api.socket = config.socket();
  api.node_name = config.node_name;
  if (const auto& tls = config.api_tls) {
    api.tls = berth::api::TlsConfig{.listen = tls->listen,
                                    .certificate_file = tls->cert_file,
                                    .key_file = tls->key_file,
                                    .client_ca_file = tls->client_ca_file,
                                    .client_groups = tls->client_groups,
                                    .token_file = tls->token_file,
                                    .pki_directory = config.state_dir / "pki",
                                    .names = tls->names};
    if (const auto& cluster = config.cluster) {
      api.tls->hosts = berth::api::HostCertificates{cluster->ca_file, cluster->cert_file, cluster->key_file};
      api.tls->names.push_back(cluster->advertise.host);
    }
  }
  api.cluster = {.etcd_prefix = config.etcd ? config.etcd->prefix : "",
                 .cluster_cidr = config.cluster_cidr,
                 .service_cidr = config.service_cidr,
                 .cluster_domain = config.cluster_domain,
                 .mode = config.overlay};
  if (config.etcd) api.cluster.etcd_endpoints = config.etcd->endpoints;
  return api;
}

/// Does an agent answer there? One whose store was removed under it holds no file of that name.
bool answers(const std::filesystem::path& socket) {
  const auto address = berth::unix_address(socket);
  const berth::UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!address || !fd) return false;
  // EAGAIN: its backlog is full, so somebody listens.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 || errno == EAGAIN;
}

/// `berth restore`.
int restore(const berth::agent::Config& config, const std::string& copy, bool any_node) {
  const auto say = [](const std::string& text) {
    fmt::print(stderr, "error: {}\n", text);
    return 1;
  };
  if (answers(config.socket())) {
    return say(fmt::format("an agent answers at {}: stop it first (systemctl stop berthd); pods run on",
                           config.socket().string()));
  }
  if (auto made = berth::make_directories(config.state_dir, 0755); !made) return say(made.error().message());
  if (config.etcd) {
    return say(
        "the objects are in an etcd (store.etcd in the configuration): put back a snapshot of that, with etcdctl");
  }
  const auto file = berth::agent::store_file(config);
  const auto restored = berth::store::restore_sqlite_store(copy, file, any_node ? std::string() : config.node_name);
  if (!restored) {
    return say(restored.error().message() + (berth::failed_with(restored, berth::ErrorCode::FailedPrecondition)
                                                 ? "; set nodeName in the configuration, or say --any-node"
                                                 : ""));
  }
  fmt::print("{} objects of node {}, written by berthd {}, are now in {}\n", restored->objects,
             restored->identity.node.empty() ? "?" : restored->identity.node,
             restored->version.empty() ? "?" : restored->version, file.string());
  if (!restored->old.empty()) fmt::print("what was there before is kept as {}\n", restored->old.string());
  for (const auto& problem : restored->problems) {
    fmt::print(stderr, "warning: {} cannot be read by this version and counts for nobody: {}\n", problem.what,
               problem.reason);
  }
  fmt::print(
      "start the agent: systemctl start berthd. Pods that run here and are in the copy go on as they are. Pods that "
      "are\n"
      "not in it run on, too, until you decide: berth pods strangers, berth pods adopt, berth pods remove.\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"berthd runs Kubernetes manifests on this host"};
  std::string file = berth::agent::kDefaultConfigFile;
  auto check = false;
  auto debug = false;
  std::string copy;
  auto any_node = false;
  app.add_option("--config", file, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "read the configuration, say whether it is valid, and exit");
  auto* restoring = app.add_option("--restore", copy, "put a copy of the store in its place, and exit (berth restore)");
  app.add_flag("--any-node", any_node, "with --restore: also one that was made for another node")->needs(restoring);
  std::string where;
  std::string over;
  app.add_option("--move-objects", where, "to-etcd or to-sqlite, and exit (berth cluster)");
  app.add_option("--over", over, "a file that is laid over the configuration, of one that is not in force yet");
  app.add_flag("--debug", debug, "log more");
  app.set_version_flag("--version", "berthd " BERTH_VERSION);
  CLI11_PARSE(app, argc, argv);

  const auto load = [file, over, debug] {
    auto config = over.empty() ? berth::agent::load_config(file) : berth::agent::load_config_with(file, over);
    if (config && debug) config->log_level = berth::LogLevel::Debug;
    return config;
  };
  auto config = load();
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message());
    return 1;
  }
  if (check) {
    std::string laid;
    for (const auto& each : config->files) {
      if (each != file) laid += (laid.empty() ? ", with " : ", ") + each.native();
    }
    fmt::print("{}{}: valid\n", file, laid);
    return 0;
  }
  berth::set_log_level(config->log_level);

  if (!where.empty()) return berth::agent::move_objects(*config, where);
  if (!copy.empty()) return restore(*config, copy, any_node);

  berth::systemd::FdStore fd_store;
  auto agent = berth::agent::start_agent(*config, fd_store.sockets());
  if (berth::failed_with(agent, berth::ErrorCode::Cancelled)) {
    berth::log(berth::LogLevel::Info, agent.error().message());
    return 0;
  }
  if (!agent) return fail(agent.error());
  auto served = api_config(*config);
  served.kept = fd_store.sockets();
  if (served.tls) served.tls->kept = served.kept;
  served.dial_pod = [&agent](const std::string& uid, std::uint16_t port) { return (*agent)->dial_pod(uid, port); };
  served.back_up = [&agent] { return (*agent)->back_up(); };
  served.rehearsal.copy = [&agent] { return (*agent)->copy_for_rehearsal(); };
  served.rehearsal.play = [&agent](berth::store::Store& tried, const std::set<berth::model::ObjectKey>& objects) {
    return (*agent)->rehearse(tried, objects);
  };
  served.host_status = [&agent] { return (*agent)->status(); };
  auto api = berth::api::start_api_server(served, (*agent)->store(), (*agent)->runtime(), (*agent)->logs(),
                                          [&agent] { return (*agent)->health(); });
  if (!api) return fail(api.error());
  fd_store.drop_others();
  fd_store.close();
  (*agent)->reload_by(load);
  return (*agent)->run() ? 0 : 1;
}
