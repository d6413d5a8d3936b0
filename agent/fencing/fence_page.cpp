// agent/fencing/fence_page.cpp - see fence_page.hpp.
#include "agent/fencing/fence_page.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "base/log.hpp"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

/// In version 2's hierarchy, or in any of version 1.
bool is_anywhere(const fs::path& cgroups, const std::string& cgroup) {
  const auto below = fs::path(cgroup).relative_path();
  std::error_code error;
  if (fs::exists(cgroups / below, error)) return true;
  for (fs::directory_iterator it(cgroups, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (fs::exists(it->path() / below, gone)) return true;
  }
  return false;
}

template <typename T>
bool write_at(int fd, const T& what, std::size_t offset) {
  return ::pwrite(fd, &what, sizeof what, static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof what);
}

}  // namespace

FencePage::~FencePage() = default;

Result<std::unique_ptr<FencePage>> FencePage::open(const fs::path& run_dir, bool arm, fs::path cgroups) {
  std::unique_ptr<FencePage> self(new FencePage);
  const auto file = fence::orders_file(run_dir);
  self->orders_file_.reset(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!self->orders_file_) return Error::from_errno(errno, "open " + file.native());
  self->state_path_ = fence::state_file(run_dir);
  const auto page = std::make_unique<fence::Page>();
  const auto got = ::pread(self->orders_file_.get(), page.get(), sizeof *page, 0);
  if (got < 0) return Error::from_errno(errno, "read " + file.native());
  auto before = fence::read_page(*page, boot_time());
  if (before.orders) {
    self->orders_ = *std::move(before.orders);
    std::erase_if(self->orders_.pods, [&](const auto& pod) { return !is_anywhere(cgroups, pod.cgroup); });
  } else if (!write_at(self->orders_file_.get(), fence::make_page(), 0)) {
    return Error::from_errno(errno, "write " + file.native());
  }
  self->armed_ = arm || self->orders_.deadline != fence::kNever;
  return self;
}

void FencePage::on_kept(BootTime until) {
  const std::scoped_lock lock(mutex_);
  if (!armed_) return;
  const auto deadline = until - fence::kTimeToKill;
  if (orders_.deadline == fence::kNever || deadline > orders_.deadline) orders_.deadline = deadline;
  write();
}

bool FencePage::is_armed() const {
  const std::scoped_lock lock(mutex_);
  return armed_;
}

void FencePage::disarm() {
  const std::scoped_lock lock(mutex_);
  armed_ = false;
  orders_.deadline = fence::kNever;
  write();
}

std::optional<std::uint64_t> FencePage::admission(const std::string& uid) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& pod : orders_.pods) {
    if (pod.uid == uid) return pod.admission;
  }
  return std::nullopt;
}

Result<std::uint64_t> FencePage::admit(const std::string& uid, const std::string& cgroup) {
  const std::scoped_lock lock(mutex_);
  const fence::FencedPod pod{.uid = uid, .cgroup = cgroup, .admission = orders_.generation + 1};
  if (!fence::is_plausible(pod)) return Error(ErrorCode::InvalidArgument, "not a pod's cgroup: " + cgroup);
  const auto found =
      std::find_if(orders_.pods.begin(), orders_.pods.end(), [&](const auto& each) { return each.uid == uid; });
  if (found != orders_.pods.end()) {
    *found = pod;
  } else if (orders_.pods.size() == fence::kMaxPods) {
    return Error(ErrorCode::ResourceExhausted, "berth-fence takes " + std::to_string(fence::kMaxPods) + " pods");
  } else {
    orders_.pods.push_back(pod);
  }
  write();
  return pod.admission;
}

void FencePage::drop(const std::string& uid) {
  const std::scoped_lock lock(mutex_);
  if (std::erase_if(orders_.pods, [&](const auto& pod) { return pod.uid == uid; }) > 0) write();
}

/// Into the slot that is not in force.
void FencePage::write() {
  ++orders_.generation;
  if (!unread_) {
    unread_ = orders_.generation;
    wrote_at_ = boot_time();
  }
  const auto slot = fence::make_slot(orders_);
  const auto at = offsetof(fence::Page, slots) + fence::slot_of(orders_) * sizeof(fence::Slot);
  if (!write_at(orders_file_.get(), slot, at)) {
    // The orders before stay in force: pods are killed too early, at worst.
    log(LogLevel::Error, "fence.orders not written", {{"error", Error::from_errno(errno, "write").message()}});
  }
}

FencePage::Answer FencePage::answer(BootTime now) const {
  const std::scoped_lock lock(mutex_);
  Answer out;
  const UniqueFd file(::open(state_path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return out;
  struct flock lives {};
  lives.l_type = F_WRLCK;
  lives.l_whence = SEEK_SET;
  out.is_there = ::fcntl(file.get(), F_GETLK, &lives) == 0 && lives.l_type != F_UNLCK;
  fence::State state{};
  if (::pread(file.get(), &state, sizeof state, 0) == static_cast<ssize_t>(sizeof state)) {
    if (const auto said = fence::read_state(state)) {
      out.acknowledged = said->acknowledged;
      out.fired = said->fired;
    }
  }
  if (unread_ && out.acknowledged >= *unread_) unread_.reset();
  out.is_late = unread_ && now - wrote_at_ > kSlow;
  return out;
}

}  // namespace berth::agent
