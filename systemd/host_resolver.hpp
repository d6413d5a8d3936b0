// systemd/host_resolver.hpp - front door: tells the host's systemd-resolved which names we answer for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace berth::systemd {

/// What a link of the host answers for.
struct LinkNames {
  std::vector<std::string> domains{};  ///< Asked of the link's server and of no other; all that is below them, too.
  std::size_t left_out = 0;            ///< More there are, than resolved takes.

  bool operator==(const LinkNames&) const = default;
};

/// How many domains resolved takes of one link (LINK_SEARCH_DOMAINS_MAX, since version 239).
constexpr std::size_t kMostDomains = 256;

struct HostResolverConfig {
  std::string link;                  ///< "berth0"
  std::vector<std::string> servers;  ///< IPv4 addresses.
  std::uint16_t port = 53;
};

/// Speaks to resolved over D-Bus (org.freedesktop.resolve1(5)) on a thread of its own, as often as once a second; tells
/// it again when it was restarted. No resolved, no bus: waits for one. What was told is the link's, and goes with the
/// link: it stays while we are away, so that the host's names survive our restart.
class HostResolver {
 public:
  virtual ~HostResolver() = default;

  /// From now on. Any thread.
  virtual void set(LinkNames names) = 0;
};

/// `on_news(error)`: the host's resolver was told for the first time, or after a failure (""), or refused, and why;
/// from the thread. Never of a host without resolved.
std::unique_ptr<HostResolver> make_host_resolver(HostResolverConfig config,
                                                 std::function<void(const std::string& error)> on_news);

}  // namespace berth::systemd
