// runtime/exec_directory.cpp - see exec_directory.hpp.
#include "runtime/exec_directory.hpp"

#include <fcntl.h>

#include <cstddef>
#include <system_error>

#include "base/atomic_file.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxContainerId = 4096;
/// A full FIFO and a full pipe of 64 KiB each, and what the shim's buffer holds: see pipe(7).
constexpr int kRoom = 256 * 1024;

}  // namespace

std::vector<UniqueFd> hold_fifos(const fs::path& directory) {
  std::vector<UniqueFd> fifos;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (it->symlink_status(unknown).type() != fs::file_type::fifo) continue;
    UniqueFd fd(::open(it->path().c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (fd) fifos.push_back(std::move(fd));
  }
  return fifos;
}

std::vector<HeldExec> hold_all_execs(const fs::path& directory) {
  std::vector<HeldExec> execs;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    auto fifos = hold_fifos(it->path());  // first of all
    const auto container = read_file(it->path() / kContainerOfExec, kMaxContainerId);
    execs.push_back({container.value_or({}), it->path().filename().string(), it->path(), std::move(fifos)});
  }
  return execs;
}

void make_room(const std::vector<UniqueFd>& fifos) {
  for (const auto& fifo : fifos) (void)::fcntl(fifo.get(), F_SETPIPE_SZ, kRoom);  // fcntl(2); helps, is not needed
}

}  // namespace berth::runtime
