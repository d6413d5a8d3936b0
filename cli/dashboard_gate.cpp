// cli/dashboard_gate.cpp - see dashboard_gate.hpp.
#include "cli/dashboard_gate.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "model/ailments.hpp"
#include "model/host_status.hpp"

namespace berth::cli {

namespace {

constexpr std::array<std::string_view, 9> kPages{
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/events",
    "/api/v1/persistentvolumeclaims",
    "/apis/apps/v1/statefulsets",
    "/apis/metrics.k8s.io/v1beta1/pods",
    "/apis/metrics.k8s.io/v1beta1/nodes",
    model::kHostStatusPath,
    model::kAilmentsPath,
};

/// Takes as long for any two texts of one length.
bool is_same(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < left.size(); ++i) differs |= static_cast<unsigned char>(left[i] ^ right[i]);
  return differs == 0;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

/// The value of `key` in "/?key=VALUE"; empty when there is none.
std::string_view key_in(std::string_view target) {
  constexpr std::string_view kStart = "/?key=";
  return target.starts_with(kStart) ? target.substr(kStart.size()) : std::string_view();
}

bool is_loopback(std::string_view host) {
  if (const auto colon = host.rfind(':'); colon != std::string_view::npos && !host.ends_with(']')) {
    const auto port = host.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
    host = host.substr(0, colon);
  }
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

bool has_pass(const DashboardGate& gate, std::string_view cookies) {
  const auto name = cookie_name(gate) + "=";
  for (std::size_t at = 0; at < cookies.size();) {
    const auto end = std::min(cookies.find(';', at), cookies.size());
    auto cookie = cookies.substr(at, end - at);
    cookie.remove_prefix(std::min(cookie.find_first_not_of(' '), cookie.size()));
    if (cookie.starts_with(name) && is_same(cookie.substr(name.size()), gate.pass)) return true;
    at = end + 1;
  }
  return false;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

/// A name that means itself to whoever reads the path next: no escapes, no "..".
bool is_plain(std::string_view segment) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !segment.empty() && segment != "." && segment != ".." &&
         segment.find_first_not_of(kPlain) == std::string_view::npos;
}

}  // namespace

std::string cookie_name(const DashboardGate& gate) { return fmt::format("berth-dashboard-{}", gate.port); }

bool is_dashboard_path(std::string_view target) {
  const auto path = path_of(target);
  if (path == "/ui" || path == "/ui/") return true;
  if (std::find(kPages.begin(), kPages.end(), path) != kPages.end()) return true;
  if (!path.starts_with('/')) return false;
  const auto parts = segments_of(path);
  if (!std::all_of(parts.begin(), parts.end(), is_plain)) return false;
  if (parts.size() == 2) return parts[0] == "ui";
  return parts.size() == 7 && parts[0] == "api" && parts[1] == "v1" && parts[2] == "namespaces" && parts[4] == "pods" &&
         parts[6] == "log";
}

DashboardVerdict judge(const DashboardGate& gate, const DashboardVisit& visit) {
  if (!is_loopback(visit.host)) return DashboardVerdict::ForeignHost;
  if ((visit.method != "GET" && visit.method != "HEAD") || visit.upgrade || visit.body) {
    return DashboardVerdict::NotAllowed;
  }
  // Whoever follows the printed address may come from anywhere.
  if (const auto key = key_in(visit.target); !key.empty()) {
    return is_same(key, gate.key) ? DashboardVerdict::GiveCookie : DashboardVerdict::NoKey;
  }
  const bool own = visit.fetch_site.empty() || visit.fetch_site == "same-origin" || visit.fetch_site == "none";
  if (!own) return DashboardVerdict::ForeignOrigin;
  if (!has_pass(gate, visit.cookies)) return DashboardVerdict::NoKey;
  return is_dashboard_path(visit.target) ? DashboardVerdict::Forward : DashboardVerdict::NotHere;
}

}  // namespace berth::cli
