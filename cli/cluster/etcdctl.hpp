// cli/cluster/etcdctl.hpp - etcdctl(1) of Debian's package, as this host.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/cluster/etcd_members.hpp"
#include "cli/cluster/host_config.hpp"

namespace berth::cli {

/// Blocking. Errors: FailedPrecondition (etcdctl is not installed), DeadlineExceeded, Unavailable (what etcdctl said).
class Etcdctl {
 public:
  Etcdctl(const HostPlaces& places, std::vector<std::string> endpoints)
      : places_(places), endpoints_(std::move(endpoints)) {}

  Result<std::string> run(const std::vector<std::string>& words,
                          std::chrono::seconds time = std::chrono::seconds(10)) const;
  Result<std::vector<Member>> members() const;
  /// Of those that answer within two seconds each.
  std::vector<MemberState> states() const;
  /// Does a majority answer?
  bool has_quorum() const { return run({"get", "berth-cluster"}, std::chrono::seconds(3)).ok(); }

  const std::vector<std::string>& endpoints() const { return endpoints_; }

 private:
  std::vector<std::string> line(const std::vector<std::string>& words, std::chrono::seconds time) const;

  const HostPlaces& places_;
  std::vector<std::string> endpoints_;
};

}  // namespace berth::cli
