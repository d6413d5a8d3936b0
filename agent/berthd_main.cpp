// agent/berthd_main.cpp - the daemon: options, configuration, agent, API.
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "agent/agent.hpp"
#include "agent/config.hpp"
#include "agent/start.hpp"
#include "api/api_server.hpp"
#include "base/log.hpp"
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
  }
  return api;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"berthd runs Kubernetes manifests on this host"};
  std::string file = berth::agent::kDefaultConfigFile;
  auto check = false;
  auto debug = false;
  app.add_option("--config", file, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "read the configuration, say whether it is valid, and exit");
  app.add_flag("--debug", debug, "log more");
  app.set_version_flag("--version", "berthd " BERTH_VERSION);
  CLI11_PARSE(app, argc, argv);

  const auto load = [file, debug] {
    auto config = berth::agent::load_config(file);
    if (config && debug) config->log_level = berth::LogLevel::Debug;
    return config;
  };
  auto config = load();
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message());
    return 1;
  }
  if (check) {
    std::string over;
    for (const auto& each : config->files) {
      if (each != file) over += (over.empty() ? ", with " : ", ") + each.native();
    }
    fmt::print("{}{}: valid\n", file, over);
    return 0;
  }
  berth::set_log_level(config->log_level);

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
  served.host_status = [&agent] { return (*agent)->status(); };
  auto api = berth::api::start_api_server(served, (*agent)->store(), (*agent)->runtime(), (*agent)->logs(),
                                          [&agent] { return (*agent)->health(); });
  if (!api) return fail(api.error());
  fd_store.drop_others();
  (*agent)->reload_by(load);
  (*agent)->run();
  return 0;
}
