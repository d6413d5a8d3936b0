// volumes/helper/iscsi_session.hpp - which iSCSI sessions this host has, and their disks: from sysfs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::volumes::helper {

struct Portal {
  std::string host;  ///< Name or address; IPv6 without brackets.
  std::uint16_t port = 3260;

  /// "10.0.0.5:3260", "[fd00::5]:3260"
  std::string text() const;
  bool operator==(const Portal&) const = default;
};

/// InvalidArgument: not `host` or `host:port`. Pure.
Result<Portal> parse_portal(const std::string& text);

/// targetPortal and portals, each once. Pure.
Result<std::vector<Portal>> portals_of(const model::IscsiSource& source);

struct IscsiSession {
  std::string name;  ///< "session3"
  std::string iqn;
  std::string iface;
  std::vector<Portal> portals;  ///< As configured, and as connected: a name and its address.
};

/// All sessions. `sys`: where sysfs is. No iSCSI in the kernel: none.
std::vector<IscsiSession> iscsi_sessions(const std::filesystem::path& sys = "/sys");

/// The session of that target through that portal; none when there is none.
std::optional<IscsiSession> find_session(const std::string& iqn, const Portal& portal, const std::string& iface,
                                         const std::filesystem::path& sys = "/sys");

struct IscsiDisk {
  int lun = 0;
  std::string name;  ///< "sdb"
};
std::vector<IscsiDisk> disks_of(const IscsiSession& session, const std::filesystem::path& sys = "/sys");

/// Lets the session look for a LUN that came after the login.
void scan_for_lun(const IscsiSession& session, int lun, const std::filesystem::path& sys = "/sys");

}  // namespace berth::volumes::helper
