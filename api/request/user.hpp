// api/request/user.hpp - who sends a request.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace berth::api {

/// What somebody may do; see is_allowed() in authorization.hpp.
enum class Role {
  None,    ///< Known, and may do next to nothing: discovery, and asking who they are.
  Joiner,  ///< A machine that wants to be a host of the cluster: asks for a certificate, nothing else.
  Viewer,  ///< Reads everything but secrets.
  Host,    ///< Another host's agent, for somebody whom it has judged: asks for what only this host can answer.
  Admin,
};

/// Somebody whom we know. Names and groups are Kubernetes': a certificate's CN and O, or the columns of a token file.
struct User {
  std::string name;
  std::string uid{};  ///< From the token file; else empty.
  std::vector<std::string> groups{};
  Role role = Role::None;
};

/// What the certificates of the cluster's hosts have for O.
inline constexpr const char* kHostsGroup = "berth:hosts";

/// What somebody who showed a bootstrap token is: Kubernetes' word.
inline constexpr const char* kBootstrappersGroup = "system:bootstrappers";

/// `system:masters` is Admin, else `berth:hosts` Host, else `berth:viewers` and `view` are Viewer, else
/// `system:bootstrappers` Joiner; nothing else counts.
/// Pure.
Role role_of(const std::vector<std::string>& groups);

/// The groups of somebody whose certificate others signed: what they call `system:masters` is theirs, not ours. Ours
/// are those that `mapping` gives for theirs ("admin", "viewer"), and no others. Pure.
std::vector<std::string> groups_of_stranger(const std::vector<std::string>& groups,
                                            const std::map<std::string, std::string>& mapping);

/// The groups' role, and the group `system:authenticated` that everybody is in. Pure.
User make_user(std::string name, std::vector<std::string> groups, std::string uid = {});

/// Who holds the other end of a unix socket (SO_PEERCRED, see unix(7)). Whoever can open it is Admin, in group
/// `system:masters`; the name is the account's in /etc/passwd, else `uid:1000`. Directory services are not asked.
User socket_user(int fd);

}  // namespace berth::api
