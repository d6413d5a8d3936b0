// api/http/tls_listener.cpp - the API over TCP: certificates, tokens and who they make a peer.
#include "api/http/tls_listener.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/http/tcp_listener.hpp"
#include "base/log.hpp"

namespace berth::api {

namespace {

/// Names that clients on this host, in pods and elsewhere may know us by.
std::vector<std::string> server_names(const TlsConfig& config, const std::string& node_name) {
  std::vector<std::string> names{"localhost",  "127.0.0.1",          "::1",
                                 "kubernetes", "kubernetes.default", "kubernetes.default.svc"};
  const auto add = [&names](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  add(node_name);
  for (const auto& address : config.listen) {
    if (!address.is_any()) add(address.host);
  }
  for (const auto& name : config.names) add(name);
  return names;
}

std::vector<std::string> groups_of(const CertificateName& peer, const std::map<std::string, std::string>& mapping) {
  if (peer.ours) return peer.groups;
  auto groups = groups_of_stranger(peer.groups, mapping);
  const bool says_host = std::find(peer.groups.begin(), peer.groups.end(), kHostsGroup) != peer.groups.end();
  if (peer.of_hosts && says_host) groups.emplace_back(kHostsGroup);
  return groups;
}

}  // namespace

Result<std::unique_ptr<TlsListener>> TlsListener::make(const TlsConfig& config, const std::string& node_name,
                                                       std::size_t connections, const Clock& clock) {
  const auto module = tls_module();
  if (!module) return module.error();
  std::unique_ptr<TlsListener> made(new TlsListener());
  made->module_ = *module;
  auto& options = made->options_;
  options.pki = PkiOptions{config.pki_directory, server_names(config, node_name)};
  if (auto ensured = (*module)->ensure_pki(*options.pki, clock.wall()); !ensured) {
    return ensured.error().context("prepare TLS certificates");
  }
  const bool given = !config.certificate_file.empty();
  options.certificate_file = given ? config.certificate_file : config.pki_directory / "server.crt";
  options.key_file = given ? config.key_file : config.pki_directory / "server.key";
  options.own_ca_file = config.pki_directory / "ca.crt";
  options.client_ca_files.push_back(options.own_ca_file);
  if (!config.client_ca_file.empty()) {
    options.client_ca_files.push_back(config.client_ca_file);
    if (config.client_groups.empty()) {
      log(LogLevel::Warning, "api.tls.clientCaFile without api.tls.clientGroups: its certificates may do nothing",
          {{"file", config.client_ca_file.string()}});
    }
  }
  if (const auto& hosts = config.hosts) {
    options.hosts = HostPki{hosts->ca_file, hosts->certificate_file, hosts->key_file};
    options.client_ca_files.push_back(hosts->ca_file);
  }
  made->client_groups_ = config.client_groups;
  options.connections = connections;
  if (!config.token_file.empty()) {
    made->tokens_.emplace(config.token_file, clock);
    if (auto loaded = made->tokens_->load(); !loaded) return loaded.error().context("api.tls.tokenFile");
  }
  for (const auto& address : config.listen) {
    auto listener = listen_on_tcp(address, config.kept);
    if (!listener) return listener.error();
    options.listeners.push_back(*std::move(listener));
  }
  return made;
}

Status TlsListener::start(std::function<void(UniqueFd socket, std::optional<User> user)> take) {
  options_.on_peer = [take = std::move(take), mapping = client_groups_](TlsPeer peer) {
    std::optional<User> user;
    if (peer.name) {
      auto groups = groups_of(*peer.name, mapping);
      user = make_user(std::move(peer.name->name), std::move(groups));
    }
    take(std::move(peer.socket), std::move(user));
  };
  options_.on_notice = [](std::string_view text) { log(LogLevel::Warning, text); };
  auto gateway = module_->start_gateway(std::move(options_));
  if (!gateway) return gateway.error();
  gateway_ = *std::move(gateway);
  return Ok{};
}

std::optional<User> TlsListener::user_of(std::string_view token) {
  if (!tokens_) return std::nullopt;
  auto user = tokens_->find(token);
  if (const auto complaint = tokens_->take_complaint(); !complaint.empty()) {
    log(LogLevel::Warning, "cannot read the token file again, going on with the tokens that were read before",
        {{"error", complaint}});
  }
  return user;
}

}  // namespace berth::api
