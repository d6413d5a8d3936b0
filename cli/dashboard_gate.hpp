// cli/dashboard_gate.hpp - who may look through `berth dashboard`, and at what. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::cli {

/// What a request to the dashboard's port says of itself. Views live as long as the request.
struct DashboardVisit {
  std::string_view method;
  std::string_view target;      ///< "/ui/?a=b"
  std::string_view host;        ///< "127.0.0.1:8001"
  std::string_view cookies;     ///< "a=b; c=d"
  std::string_view fetch_site;  ///< Sec-Fetch-Site; empty: the client does not say.
  bool upgrade = false;
  bool body = false;
};

/// The command runs with the rights of whoever may use the agent's socket, and every user of the host can connect to
/// its port: only who knows the key of the printed address gets the pass, a cookie that scripts cannot read, and with
/// that only what the page needs, which is no write, no secret and no stream into a container.
struct DashboardGate {
  std::string key;         ///< In the printed address.
  std::string pass;        ///< In the cookie.
  std::uint16_t port = 0;  ///< Cookies know hosts, not ports: the name has it.
};

enum class DashboardVerdict {
  Forward,
  GiveCookie,     ///< The key is right: take the pass, and go to /ui/.
  NoKey,          ///< 401
  NotHere,        ///< 404: not what the page needs.
  NotAllowed,     ///< 405: this is only for looking.
  ForeignHost,    ///< 421: a name that is not this host's loopback, so some page's script was led here by its DNS.
  ForeignOrigin,  ///< 403: a page of another site asks.
};

DashboardVerdict judge(const DashboardGate& gate, const DashboardVisit& visit);

std::string cookie_name(const DashboardGate& gate);

/// Whether the page reads that: its files, lists and watches of pods, sets, claims, events and nodes, usage, a pod's
/// log, and what the agent says of its host.
bool is_dashboard_path(std::string_view target);

}  // namespace berth::cli
