// cli/cluster/host_certificate.cpp - see host_certificate.hpp.
#include "cli/cluster/host_certificate.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/cluster/before_joining.hpp"

namespace berth::cli {
namespace {

constexpr const char* kPath = "/berth/v1/cluster/certificate";

}  // namespace

/// The body of what is asked; its key is on disk before anybody signs it.
Result<std::string> HostCertificate::request() const {
  const auto module = https::https_module();
  if (!module) return module.error();
  if (auto made = make_directories(places_.certificates, 0700); !made) return made.error();
  auto key = read_file(places_.key());
  if (!key && !failed_with(key, ErrorCode::NotFound)) return key.error();
  const bool is_new = !key;
  auto made = (*module)->make_request(is_new ? "" : *key, node_);
  if (!made) return made.error().context(places_.key().native());
  if (is_new) {
    auto written = write_file(places_.key(), made->key, 0600, Durability::Durable);
    if (!written) return written.error();
  }
  return json::serialize(
      json::object{{"request", made->request}, {"node", node_}, {"addresses", json::array{address_}}});
}

/// The host's own last: with it all is there.
Result<ClusterSetting> HostCertificate::keep(const json::value& answer) const {
  const auto ca = find_string(answer, {"ca"});
  const auto certificate = find_string(answer, {"certificate"});
  if (ca.empty() || certificate.empty()) {
    return Error(ErrorCode::Internal, "the answer has no certificate: is that berthd of another version?");
  }
  for (const auto& [file, text] : {std::pair(places_.ca(), ca), std::pair(places_.certificate(), certificate)}) {
    if (auto written = write_file(file, text, 0644, Durability::Durable); !written) return written.error();
  }
  ClusterSetting setting;
  const auto* endpoints = find(answer, {"settings", "etcdEndpoints"});
  if (endpoints != nullptr && endpoints->is_array()) {
    for (const auto& each : endpoints->get_array()) {
      if (each.is_string()) setting.endpoints.emplace_back(view(each.get_string()));
    }
  }
  const auto text = [&](std::string_view key) { return std::string(find_string(answer, {"settings", key})); };
  if (auto prefix = text("etcdPrefix"); !prefix.empty()) setting.etcd_prefix = std::move(prefix);
  setting.cluster_cidr = text("clusterCIDR");
  setting.service_cidr = text("serviceCIDR");
  setting.cluster_domain = text("clusterDomain");
  setting.mode = text("mode");
  return setting;
}

Result<ClusterSetting> HostCertificate::ask_agent(const Server& agent) const {
  auto body = request();
  if (!body) return body.error();
  const auto sent = parse_json(*body);
  if (!sent) return sent.error();
  const auto answer = agent.create(kPath, *sent);
  if (!answer) return answer.error().context("ask this host's agent for a certificate");
  return keep(*answer);
}

Result<ClusterSetting> HostCertificate::ask_host(const TcpAddress& host, const JoinToken& token) const {
  const auto doing = fmt::format("ask {} for a certificate", host.text());
  auto body = request();
  if (!body) return body.error();
  const auto module = https::https_module();
  if (!module) return module.error();
  const auto answer = (*module)->post_pinned({.url = fmt::format("https://{}{}", host.text(), kPath),
                                              .ca_pin = token.ca_pin,
                                              .bearer_token = token.bearer(),
                                              .body = *std::move(body)});
  if (!answer) return answer.error().context(doing);
  const auto alike = is_of_our_time(host.text(), answer->date, std::chrono::system_clock::now());
  if (!alike) return alike.error();
  constexpr long kOk = 200;
  constexpr long kUnauthorized = 401;
  if (answer->code == kUnauthorized) {
    return Error(
        ErrorCode::Unauthenticated,
        doing + ": it does not know the token, or the token is over: `berth cluster init` there prints a new one");
  }
  const auto document = parse_json(answer->body);
  if (answer->code != kOk || !document) {
    return Error(ErrorCode::Unavailable,
                 fmt::format("{}: {} {}", doing, answer->code, document ? find_string(*document, {"message"}) : ""));
  }
  return keep(*document);
}

Result<https::CertificateFacts> certificate_facts(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return text.error();
  const auto module = https::https_module();
  if (!module) return module.error();
  auto facts = (*module)->certificate_facts(*text);
  if (!facts) return facts.error().context(file.native());
  return facts;
}

}  // namespace berth::cli
