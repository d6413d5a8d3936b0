// systemd/fd_store.cpp - see fd_store.hpp.
#include "systemd/fd_store.hpp"

#include <fcntl.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdlib>

#include "base/log.hpp"

namespace berth::systemd {
namespace {

constexpr std::chrono::microseconds kBarrier = std::chrono::seconds(3);

}  // namespace

FdStore::FdStore() {
  char** names = nullptr;
  const auto count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(SD_LISTEN_FDS_START + i);  // Close-on-exec is set by sd_listen_fds(3).
    stored_.insert_or_assign(names[i], std::move(fd));
    std::free(names[i]);
  }
  std::free(names);
}

UniqueFd FdStore::take(const std::string& name) {
  const auto found = stored_.find(name);
  if (found == stored_.end()) return {};
  taken_.insert(name);
  return UniqueFd(::fcntl(found->second.get(), F_DUPFD_CLOEXEC, 0));
}

void FdStore::keep(const std::string& name, int fd) {
  taken_.insert(name);
  // Not to be watched for its end (FDPOLL=0): a socket that waits for its next process looks like one that has ended.
  const auto message = "FDSTORE=1\nFDNAME=" + name + "\nFDPOLL=0";
  ::sd_pid_notify_with_fds(/*pid=*/0, /*unset_environment=*/0, message.c_str(), &fd, 1);
}

void FdStore::drop_others() {
  auto dropped = false;
  for (auto it = stored_.begin(); it != stored_.end();) {
    if (taken_.contains(it->first)) {
      ++it;
      continue;
    }
    ::sd_notify(/*unset_environment=*/0, ("FDSTOREREMOVE=1\nFDNAME=" + it->first).c_str());
    log(LogLevel::Info, "a kept socket fits the configuration no more", {{"socket", it->first}});
    it = stored_.erase(it);
    dropped = true;
  }
  if (dropped) ::sd_notify_barrier(/*unset_environment=*/0, static_cast<std::uint64_t>(kBarrier.count()));
}

KeptSockets FdStore::sockets() {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return {};
  return {.take = [this](const std::string& name) { return take(name); },
          .keep = [this](const std::string& name, int fd) { keep(name, fd); },
          .drop_others = [this] { drop_others(); }};
}

}  // namespace berth::systemd
