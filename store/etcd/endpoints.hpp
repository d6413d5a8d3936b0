// store/etcd/endpoints.hpp - where an etcd is reached: as it is configured, and as its members say. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::store::etcd {

struct Endpoint {
  bool tls = false;
  std::string host;
  std::string port;

  /// "https://10.0.0.1:2379"
  std::string text() const;
  /// "10.0.0.1:2379"
  std::string authority() const;
  bool operator==(const Endpoint&) const = default;
};

/// InvalidArgument: no "[http[s]://]HOST[:PORT]".
Result<Endpoint> parse_endpoint(std::string_view text);

/// A member as its etcd lists it (etcdserverpb.Member).
struct EtcdMember {
  std::vector<std::string> client_urls{};  ///< None: it has not begun yet.
  bool is_learner = false;                 ///< It answers nothing of what we ask.
};

/// So many members are followed besides those that are configured; more than seven are no good for an etcd.
inline constexpr std::size_t kMostMembers = 16;

/// Where `members` are reached, of what is not in `configured` anyway: only what has the scheme that is configured
/// (TLS, when any has it), can be reached from another host (loopback only where that is configured, as Debian's etcd
/// says it as long as nobody says otherwise), and kMostMembers at the most. `configured` is of endpoints that parse.
std::vector<std::string> member_endpoints(const std::vector<std::string>& configured,
                                          const std::vector<EtcdMember>& members);

}  // namespace berth::store::etcd
