// api/access/bootstrap_token.hpp - tokens with which a machine asks to be a host of the cluster: Kubernetes' bootstrap
// tokens (KEP-130), kept as Secrets.
#pragma once

#include <optional>
#include <string_view>

#include "api/request/user.hpp"
#include "base/clock.hpp"
#include "store/store.hpp"

namespace berth::api {

/// Whose `token` ("abcdef.0123456789abcdef") it is: `system:bootstrap:abcdef`, in the group `system:bootstrappers`,
/// when Secret kube-system/bootstrap-token-abcdef has it, is for authentication and has not expired. The time taken
/// does not tell how much of a token was right. Any thread.
std::optional<User> bootstrap_user(const store::Store& store, std::string_view token, WallTime now);

}  // namespace berth::api
