// volumes/helper/claim_lock.cpp - see claim_lock.hpp.
#include "volumes/helper/claim_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"
#include "volumes/helper/file_lock.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/host_registry.hpp"

namespace berth::volumes::helper {

Result<UniqueFd> take_lock(const std::string& name, const std::string& what, HandDown hand_down) {
  constexpr std::size_t kDigits = 16;
  constexpr std::chrono::seconds kPatience{60};
  const auto host = want_host_dir();
  if (!host) return host.error();
  const auto directory = *host / "locks";
  if (auto made = make_directories(directory, 0700); !made) return made.error();
  const auto path = directory / fmt::format("{}-{}", name, sha256_hex(what).substr(0, kDigits));
  const int inherit = hand_down == HandDown::Yes ? 0 : O_CLOEXEC;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | inherit, 0600));
  if (!fd) return Error::from_errno(errno, fmt::format("open {}", path.string()));
  const auto locked = lock_within(fd.get(), kPatience, [&what, patience = kPatience] {
    say_doing(fmt::format("wait for an earlier job on {}", what), 2 * patience);
  });
  if (failed_with(locked, ErrorCode::Unavailable)) {
    return Error(ErrorCode::Unavailable, fmt::format("an earlier job on {} is still running", what));
  }
  if (!locked) return locked.error().context(fmt::format("lock {}", path.string()));
  return fd;
}

}  // namespace berth::volumes::helper
