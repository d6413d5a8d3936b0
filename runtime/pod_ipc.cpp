// runtime/pod_ipc.cpp - see pod_ipc.hpp. ipc_namespaces(7), tmpfs(5).
#include "runtime/pod_ipc.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/namespace_pin.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
constexpr auto kNamespace = "ns";
constexpr auto kShm = "shm";
constexpr auto kShmOptions = "mode=1777,size=65536k";

/// Is something mounted on `directory`? The run directory may be a tmpfs itself.
bool is_mounted(const fs::path& directory) {
  struct stat own {};
  struct stat above {};
  return ::stat(directory.c_str(), &own) == 0 && ::stat(directory.parent_path().c_str(), &above) == 0 &&
         own.st_dev != above.st_dev;
}

Status mount_shm(const fs::path& directory) {
  if (auto made = make_directories(directory, 0755); !made) return made;
  if (is_mounted(directory)) return Ok{};
  if (::mount("shm", directory.c_str(), "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, kShmOptions) != 0) {
    return Error::from_errno(errno, "mount a tmpfs at " + directory.native());
  }
  return Ok{};
}

}  // namespace

Status PodIpc::prepare_dir() {
  const std::scoped_lock lock(mutex_);
  if (ready_) return Ok{};
  auto made = prepare_pin_dir(dir_);
  ready_ = made.ok();
  return made;
}

Result<IpcPaths> PodIpc::prepare(const std::string& uid) {
  const auto doing = "make what the pod's containers share";
  if (auto ready = prepare_dir(); !ready) return ready.error().context(doing);
  const auto own = dir_ / uid;
  const auto pin = own / kNamespace;
  if (auto made = make_directories(own, 0755); !made) return made.error().context(doing);
  if (!pinned_namespace(pin)) {
    const auto pinned = on_own_thread([&] { return enter_and_pin_new(kIpcNamespace, pin); });
    if (!pinned) return pinned.error().context(doing);
  }
  const auto shm = own / kShm;
  if (auto mounted = mount_shm(shm); !mounted) return mounted.error().context(doing);
  return IpcPaths{pin, shm};
}

std::set<std::string> PodIpc::pods() const {
  std::set<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(dir_, error), end; !error && it != end; it.increment(error)) {
    found.insert(it->path().filename());
  }
  return found;
}

Status PodIpc::remove(const std::string& uid) const {
  const auto own = dir_ / uid;
  const auto shm = own / kShm;
  while (::umount2(shm.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) return Error::from_errno(errno, "unmount " + shm.native());
  if (auto removed = remove_pin(own / kNamespace); !removed) return removed;
  for (const auto& directory : {shm, own}) {
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) {
      return Error::from_errno(errno, "remove " + directory.native());
    }
  }
  return Ok{};
}

}  // namespace berth::runtime
