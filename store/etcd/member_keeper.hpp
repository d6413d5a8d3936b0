// store/etcd/member_keeper.hpp - has the etcd's members on disk as they were last heard of, also after a disk that was
// full for a while.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "base/result.hpp"

namespace berth::store::etcd {

/// Any thread; files are written on a lane of its own.
class MemberKeeper {
 public:
  /// After a write that failed.
  static constexpr std::chrono::minutes kAgain{1};

  /// `configured`: the endpoints by which members are learned.
  MemberKeeper(std::filesystem::path file, std::vector<std::string> configured);
  /// What is being written ends first.
  ~MemberKeeper() { lane_.reset(); }
  MemberKeeper(const MemberKeeper&) = delete;
  MemberKeeper& operator=(const MemberKeeper&) = delete;

  /// These are the members now.
  void learned(std::vector<std::string> members);
  /// Tries again what failed kAgain ago, or longer.
  void look(std::chrono::steady_clock::time_point now);
  /// Tells what became of each write, on the lane; that the last one failed at once, on the caller's thread. Empty:
  /// nobody hears any more when it returns.
  void follow(std::function<void(const Status&)> on_written);

  const std::filesystem::path& file() const { return file_; }

 private:
  void write();

  const std::filesystem::path file_;
  const std::vector<std::string> configured_;
  std::mutex mutex_;  ///< Guards what follows.
  std::vector<std::string> members_;
  Status last_ = Ok{};
  std::chrono::steady_clock::time_point failed_at_{};
  std::mutex telling_;  ///< Held while on_written_ runs; before mutex_.
  std::function<void(const Status&)> on_written_;
  std::unique_ptr<Lane> lane_;
};

}  // namespace berth::store::etcd
