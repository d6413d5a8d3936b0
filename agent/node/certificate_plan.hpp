// agent/node/certificate_plan.hpp - which certificates make this host one of many, and when something is to be done
// about one. Pure.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/config.hpp"
#include "base/clock.hpp"

namespace berth::agent {

struct WatchedFile {
  std::filesystem::path file;
  bool is_authority = false;  ///< A CA that is believed: nobody here renews it.
  bool operator==(const WatchedFile&) const = default;
};

/// With what this host knows the etcd and other hosts, and they it: each file once.
std::vector<WatchedFile> watched_certificates(const Config& config);

enum class CertificateStep {
  None,
  Renew,  ///< The last third of its life has begun.
  Warn,   ///< Somebody else has to renew it, and it ends within 30 days; within a third of its life, when that is less.
};

struct CertificatePlan {
  CertificateStep step = CertificateStep::None;
  WallTime due{};  ///< When the step is, or was, to be taken.
};

/// `may_renew`: the CA whose key is in the store has signed it.
CertificatePlan plan_certificate(WallTime begins, WallTime ends, bool may_renew, WallTime now);

/// A certificate about which a person should know.
struct CertificateTrouble {
  std::filesystem::path file{};
  std::string ends{};         ///< As format_rfc3339() has it; empty: not known.
  std::string not_renewed{};  ///< Why not, as it should have been; empty: it is not ours to renew.
  bool is_authority = false;
};

}  // namespace berth::agent
