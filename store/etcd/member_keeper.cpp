// store/etcd/member_keeper.cpp - see member_keeper.hpp.
#include "store/etcd/member_keeper.hpp"

#include <utility>

#include "base/etcd_member_file.hpp"

namespace berth::store::etcd {

MemberKeeper::MemberKeeper(std::filesystem::path file, std::vector<std::string> configured)
    : file_(std::move(file)), configured_(std::move(configured)), lane_(make_thread_lane("members", 1)) {}

void MemberKeeper::learned(std::vector<std::string> members) {
  {
    const std::scoped_lock lock(mutex_);
    members_ = std::move(members);
  }
  lane_->run([this] { write(); });
}

void MemberKeeper::look(std::chrono::steady_clock::time_point now) {
  {
    const std::scoped_lock lock(mutex_);
    if (last_ || now - failed_at_ < kAgain) return;
    failed_at_ = now;
  }
  lane_->run([this] { write(); });
}

void MemberKeeper::follow(std::function<void(const Status&)> on_written) {
  const std::scoped_lock telling(telling_);
  on_written_ = std::move(on_written);
  if (!on_written_) return;
  Status last = Ok{};
  {
    const std::scoped_lock lock(mutex_);
    last = last_;
  }
  if (!last) on_written_(last);
}

void MemberKeeper::write() {
  const std::scoped_lock telling(telling_);
  std::vector<std::string> members;
  {
    const std::scoped_lock lock(mutex_);
    members = members_;
  }
  const auto written = write_etcd_members(file_, configured_, members);
  {
    const std::scoped_lock lock(mutex_);
    last_ = written;
    failed_at_ = std::chrono::steady_clock::now();
  }
  if (on_written_) on_written_(written);
}

}  // namespace berth::store::etcd
