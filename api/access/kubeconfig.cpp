// api/access/kubeconfig.cpp - what kubectl needs to reach this agent.
#include "api/access/kubeconfig.hpp"

#include <fmt/format.h>

#include "api/request/api_error.hpp"
#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/tcp_address.hpp"
#include "model/base64.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxFile = 256 * 1024;

HttpResponse plain_error(unsigned code, std::string_view reason, std::string message) {
  return to_response({.code = code, .reason = std::string(reason), .message = std::move(message)});
}

/// Where clients on this host reach us.
std::string default_server(const TlsConfig& tls) {
  auto address = tls.listen.front();
  if (address.is_any()) address.host = address.is_v6() ? "::1" : "127.0.0.1";
  return "https://" + address.text();
}

/// `key: "/path"` or `key-data: base64`, as kubeconfig has both.
Result<std::string> entry(std::string_view key, const std::filesystem::path& file, bool embed) {
  // A JSON string is a YAML one.
  if (!embed) return fmt::format("    {}: {}\n", key, json::serialize(json::value(file.string())));
  const auto text = read_file(file, kMaxFile);
  if (!text) return text.error();
  return fmt::format("    {}-data: {}\n", key, model::encode_base64(*text));
}

}  // namespace

HttpResponse handle_kubeconfig(const ApiConfig& config, const Query& query) {
  if (!config.tls) {
    return plain_error(404, "NotFound",
                       "TLS is not configured: add `api: {tls: {listen: \"127.0.0.1:6550\"}}` to the agent's "
                       "configuration (/etc/berth/berthd.yaml) and restart berthd");
  }
  const auto user = query.has("user") ? std::string(query.get("user")) : std::string("admin");
  if (user != "admin" && user != "viewer") {
    return to_response(bad_request(fmt::format("user \"{}\" must be admin or viewer", user)));
  }
  const auto server = query.has("server") ? std::string(query.get("server")) : default_server(*config.tls);
  if (!server.starts_with("https://") || server.size() == std::string_view("https://").size()) {
    return to_response(bad_request(fmt::format("server \"{}\" must begin with https://", server)));
  }
  const bool embed = !query.has("embed") || query.flag("embed");
  const auto& pki = config.tls->pki_directory;
  // A server certificate of the administrator's own may be of any CA: the file with its chain is then what is trusted.
  const auto authority =
      entry("certificate-authority",
            config.tls->certificate_file.empty() ? pki / "ca.crt" : config.tls->certificate_file, embed);
  const auto certificate = entry("client-certificate", pki / (user + ".crt"), embed);
  const auto key = entry("client-key", pki / (user + ".key"), embed);
  for (const auto* part : {&authority, &certificate, &key}) {
    if (!*part) return plain_error(500, "InternalError", fmt::format("make a kubeconfig: {}", part->error().message()));
  }
  HttpResponse response;
  response.content_type = "application/yaml";
  response.body = fmt::format(
      "apiVersion: v1\nkind: Config\nclusters:\n- name: berth\n  cluster:\n    server: {}\n{}"
      "contexts:\n- name: berth\n  context:\n    cluster: berth\n    user: berth-{}\ncurrent-context: berth\n"
      "preferences: {{}}\nusers:\n- name: berth-{}\n  user:\n{}{}",
      json::serialize(json::value(server)), *authority, user, user, *certificate, *key);
  return response;
}

}  // namespace berth::api
