// network/sysctl.hpp - settings below /proc/sys/net, of the calling thread's network namespace.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::network {

/// Sets e.g. "ipv4/ip_forward". A value that is right is not written: /proc/sys may be read-only for us. NotFound: this
/// kernel has no such setting.
Status set_sysctl(const std::string& name, std::string_view value);

/// Whoever is on `link` may not tell this namespace where to send its packets: no router advertisements, no redirects.
/// A pod could make itself the default router of the host, or of the other pods (CVE-2020-10749). "default": for links
/// that come later. Without IPv6 in the kernel there is less to set.
Status ignore_routers_on(const std::string& link);

}  // namespace berth::network
