// cli/cluster/host_certificate.hpp - this host's certificate of the cluster's CA: asked for, and kept.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "cli/cluster/host_config.hpp"
#include "cli/cluster/join_token.hpp"
#include "cli/server.hpp"
#include "https/loader.hpp"

namespace berth::cli {

/// What is kept in HostPlaces::certificates: the key is made once, and asked with again.
class HostCertificate {
 public:
  HostCertificate(const HostPlaces& places, std::string node, std::string address)
      : places_(places), node_(std::move(node)), address_(std::move(address)) {}

  /// Of this host's own agent, whose word an admin has. Returns what all hosts have alike.
  Result<ClusterSetting> ask_agent(const Server& agent) const;
  /// Of another host, by a token. Unauthenticated: it is not who the token means, or the token is over;
  /// FailedPrecondition: it has another time.
  Result<ClusterSetting> ask_host(const TcpAddress& host, const JoinToken& token) const;

 private:
  Result<std::string> request() const;
  Result<ClusterSetting> keep(const json::value& answer) const;

  const HostPlaces& places_;
  std::string node_;
  std::string address_;
};

/// Of a file of certificates, the first.
Result<https::CertificateFacts> certificate_facts(const std::filesystem::path& file);

}  // namespace berth::cli
