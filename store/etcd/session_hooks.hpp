// store/etcd/session_hooks.hpp - for who must end something when a session does: until when it surely holds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "store/session.hpp"

namespace berth::store::etcd {

/// Any thread of the store; must not block. Each may be empty.
struct SessionHooks {
  /// The session of that number (its lease: another one after each loss) surely holds until then. Told when it begins
  /// and whenever etcd has answered.
  std::function<void(std::uint64_t session, BootClock::time_point until)> on_kept{};
  /// Followers have been told all that was stored before the session of that number had the name; 0: nobody has it. Of
  /// everybody's sessions, on the thread on which followers are told.
  std::function<void(const std::string& name, std::uint64_t session)> on_seen{};
  /// Asked when a Session is destroyed: may others have the name at once? If not it ends with its lease, as if we had
  /// died.
  std::function<bool()> may_give_back{};
};

}  // namespace berth::store::etcd
