// volumes/helper/iscsi_session.cpp - see iscsi_session.hpp; sysfs as scsi_transport_iscsi.c makes it.
#include "volumes/helper/iscsi_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "base/atomic_file.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// One attribute of sysfs without its newline; empty when there is none.
std::string attribute(const fs::path& file) {
  auto text = read_file(file, 4096).value_or("");
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '%';
  });
}

/// session3's connections are connection3:0, ...
void add_portals(const fs::path& sys, IscsiSession& session) {
  const auto prefix = fmt::format("connection{}:", session.name.substr(std::string_view("session").size()));
  std::error_code failure;
  for (const auto& connection : fs::directory_iterator(sys / "class/iscsi_connection", failure)) {
    if (!connection.path().filename().string().starts_with(prefix)) continue;
    for (const auto& [host, port] :
         {std::pair("persistent_address", "persistent_port"), std::pair("address", "port")}) {
      const auto at = number<std::uint16_t>(attribute(connection.path() / port));
      auto name = attribute(connection.path() / host);
      if (at && !name.empty()) session.portals.push_back({std::move(name), *at});
    }
  }
}

fs::path device_of(const IscsiSession& session, const fs::path& sys) {
  return sys / "class/iscsi_session" / session.name / "device";
}

}  // namespace

std::string Portal::text() const {
  return host.find(':') != std::string::npos ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<Portal> parse_portal(const std::string& text) {
  const Error bad(ErrorCode::InvalidArgument,
                  fmt::format("targetPortal \"{}\": must be an address or a name, with or without :port", text));
  std::string_view rest = text;
  Portal portal;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad;
    portal.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else if (std::count(rest.begin(), rest.end(), ':') > 1) {
    portal.host = rest;  // a bare IPv6 address
    rest = {};
  } else {
    portal.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(portal.host.size());
  }
  if (!is_host(portal.host)) return bad;
  if (rest.empty()) return portal;
  const auto port = rest.front() == ':' ? number<std::uint16_t>(rest.substr(1)) : std::nullopt;
  if (!port || *port == 0) return bad;
  portal.port = *port;
  return portal;
}

Result<std::vector<Portal>> portals_of(const model::IscsiSource& source) {
  constexpr std::size_t kMaxPortals = 32;
  if (source.portals.size() >= kMaxPortals) {
    return Error(ErrorCode::InvalidArgument, fmt::format("iscsi: more than {} portals", kMaxPortals));
  }
  std::vector<std::string> texts{source.target_portal};
  texts.insert(texts.end(), source.portals.begin(), source.portals.end());
  std::vector<Portal> portals;
  for (const auto& text : texts) {
    auto portal = parse_portal(text);
    if (!portal) return portal.error();
    if (std::find(portals.begin(), portals.end(), *portal) == portals.end()) portals.push_back(*std::move(portal));
  }
  return portals;
}

std::vector<IscsiSession> iscsi_sessions(const fs::path& sys) {
  std::vector<IscsiSession> sessions;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(sys / "class/iscsi_session", failure)) {
    IscsiSession session;
    session.name = entry.path().filename().string();
    if (!session.name.starts_with("session")) continue;
    session.iqn = attribute(entry.path() / "targetname");
    session.iface = attribute(entry.path() / "ifacename");
    add_portals(sys, session);
    sessions.push_back(std::move(session));
  }
  return sessions;
}

std::optional<IscsiSession> find_session(const std::string& iqn, const Portal& portal, const std::string& iface,
                                         const fs::path& sys) {
  for (auto& session : iscsi_sessions(sys)) {
    const auto& portals = session.portals;
    if (session.iqn == iqn && session.iface == iface &&
        std::find(portals.begin(), portals.end(), portal) != portals.end()) {
      return std::move(session);
    }
  }
  return std::nullopt;
}

std::vector<IscsiDisk> disks_of(const IscsiSession& session, const fs::path& sys) {
  std::vector<IscsiDisk> disks;
  std::error_code failure;
  for (const auto& target : fs::directory_iterator(device_of(session, sys), failure)) {
    if (!target.path().filename().string().starts_with("target")) continue;
    std::error_code gone;
    for (const auto& unit : fs::directory_iterator(target.path(), gone)) {
      const auto address = unit.path().filename().string();  // host:channel:target:lun
      const auto lun = number<int>(std::string_view(address).substr(address.rfind(':') + 1));
      if (std::count(address.begin(), address.end(), ':') != 3 || !lun) continue;
      for (const auto& block : fs::directory_iterator(unit.path() / "block", gone)) {
        disks.push_back({*lun, block.path().filename().string()});
      }
    }
  }
  return disks;
}

void scan_for_lun(const IscsiSession& session, int lun, const fs::path& sys) {
  std::error_code failure;
  const auto device = fs::canonical(device_of(session, sys), failure);  // .../host2/session3
  if (failure) return;
  const auto host = device.parent_path().filename();
  if (!host.string().starts_with("host")) return;
  std::ofstream scan(sys / "class/scsi_host" / host / "scan");
  scan << "- - " << lun << std::flush;
}

}  // namespace berth::volumes::helper
