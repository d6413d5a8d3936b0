// systemd/fd_store.hpp - front door: sockets that systemd keeps for us while we are restarted. See sd_notify(3),
// FDSTORE.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/kept_sockets.hpp"
#include "base/unique_fd.hpp"

namespace berth::systemd {

/// The descriptors that an earlier process of this service stored. One per process, made while it has one thread: it
/// takes them out of the environment. Outlives whoever has its sockets(). Loop-less: calls come from main's thread.
class FdStore {
 public:
  FdStore();
  FdStore(const FdStore&) = delete;
  FdStore& operator=(const FdStore&) = delete;

  UniqueFd take(const std::string& name);
  void keep(const std::string& name, int fd);
  void drop_others();
  /// Everybody has taken what is theirs, descriptors of their own: closes ours. Nothing is taken after that.
  void close() { stored_.clear(); }

  /// Empty when nobody keeps anything: not started by systemd.
  KeptSockets sockets();

 private:
  std::map<std::string, UniqueFd> stored_;
  std::set<std::string> taken_;
};

}  // namespace berth::systemd
