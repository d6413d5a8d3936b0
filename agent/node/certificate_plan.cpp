// agent/node/certificate_plan.cpp - see certificate_plan.hpp.
#include "agent/node/certificate_plan.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

constexpr std::chrono::hours kWarnBefore{30 * 24};

}  // namespace

std::vector<WatchedFile> watched_certificates(const Config& config) {
  std::vector<WatchedFile> out;
  const auto add = [&](const std::filesystem::path& file, bool is_authority) {
    const WatchedFile one{file, is_authority};
    if (!file.empty() && std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  };
  if (!config.etcd) return out;
  add(config.etcd->cert_file, false);
  add(config.etcd->ca_file, true);
  if (config.cluster) {
    add(config.cluster->cert_file, false);
    add(config.cluster->ca_file, true);
  }
  if (config.api_tls) add(config.api_tls->cert_file, false);
  return out;
}

CertificatePlan plan_certificate(WallTime begins, WallTime ends, bool may_renew, WallTime now) {
  const auto third = (ends - begins) / 3;
  const auto due = ends - (may_renew ? third : std::min<WallTime::duration>(third, kWarnBefore));
  if (now < due) return {CertificateStep::None, due};
  return {may_renew ? CertificateStep::Renew : CertificateStep::Warn, due};
}

}  // namespace berth::agent
