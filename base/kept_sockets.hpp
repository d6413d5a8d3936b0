// base/kept_sockets.hpp - sockets that outlive a process, so that its restart refuses nobody: how rooms ask for them.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// Who keeps them is the caller's affair. Empty functions: nobody does, every socket is made anew.
struct KeptSockets {
  /// What an earlier process kept under that name, or nothing. The name says all that the socket was made by: a taken
  /// one is bound, and listens if it is of a kind that does. Each call gives another descriptor of the same socket.
  std::function<UniqueFd(const std::string& name)> take = {};
  /// Keeps it for the next process. Printable, no colon.
  std::function<void(const std::string& name, int fd)> keep = {};
  /// Forgets what nobody has taken: such a socket may hold the address of one that is to be made. Waits until it is so.
  std::function<void()> drop_others = {};
};

/// For one that is not kept: `make`, and once more when something is in the way (Unavailable) that may be a kept socket
/// which nobody takes.
template <typename Make>
Result<UniqueFd> make_beside(const KeptSockets& kept, const Make& make) {
  auto fd = make();
  if (!failed_with(fd, ErrorCode::Unavailable)) return fd;
  kept.drop_others();
  return make();
}

}  // namespace berth
