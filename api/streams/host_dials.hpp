// api/streams/host_dials.hpp - no host takes all the connections that are made to others.
#pragma once

#include <cstddef>

#include "api/request/api_context.hpp"

namespace berth::api {

/// Connections to one host that may be under way at once. One that is silent has them for as long as a dial lasts; what
/// is made to all others goes on.
inline constexpr std::size_t kMostDialsOfOneHost = 32;

/// `dial`, but of one address at most `most` at once. The rest waits until one of them is made; when one fails, those
/// that wait are told what it was told, unless others were made since that one began: a host that is busy answers late,
/// and not each. How many wait is bounded by how many requests the API has in hand.
HostDialer shared_fairly(HostDialer dial, std::size_t most = kMostDialsOfOneHost);

}  // namespace berth::api
