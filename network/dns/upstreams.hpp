// network/dns/upstreams.hpp - whom to ask for outside names: from the configuration, or from resolv.conf as it is now.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "network/dns/socket.hpp"

namespace berth::network::dns {

/// The addresses of `servers`, in order, each once. What is none is left out, and so is whatever leads back to `own`,
/// the addresses that we listen on: asking ourselves would go round for ever. Pure.
std::vector<SocketAddress> usable_upstreams(const std::vector<std::string>& servers, std::uint16_t default_port,
                                            const std::vector<SocketAddress>& own);

/// Follows a resolv.conf: the file, the directories that it and the links to it are in, and, while such a directory is
/// missing, the nearest one above. DHCP clients, VPNs and systemd-resolved rename, rewrite or relink it at any time.
/// One thread.
class ResolvConfWatch {
 public:
  /// Without inotify (no instances left) fd() is -1: then the file is what it was when it was read.
  explicit ResolvConfWatch(std::filesystem::path path);

  /// Readable when changed() has something to say.
  int fd() const { return inotify_.get(); }

  /// Takes the events that wait. True: the file may say something else now.
  bool changed();

  /// Watches what is there now, then reads: nothing that happens meanwhile is lost. The name servers; empty when there
  /// is no file, or none in it.
  std::vector<std::string> read();

 private:
  void watch();

  std::filesystem::path path_;
  UniqueFd inotify_;
  std::map<int, std::set<std::string>> names_;  ///< By watch: the entries that matter; empty for a file itself.
};

}  // namespace berth::network::dns
