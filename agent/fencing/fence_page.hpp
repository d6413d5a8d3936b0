// agent/fencing/fence_page.hpp - our end of what we share with berth-fence: orders are written, answers are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/boot_time.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "fence/page.hpp"

namespace berth::agent {

/// Any thread. Each call that changes something writes all orders anew: microseconds, on tmpfs.
class FencePage {
 public:
  /// Opens RUN_DIR/fence.orders, or makes it. What an agent before us ordered stays in force: its pods may run yet;
  /// those of which no cgroup is left are dropped. `arm`: from the first session on there is a deadline; else only one
  /// that is there already goes on, until disarm().
  static Result<std::unique_ptr<FencePage>> open(const std::filesystem::path& run_dir, bool arm,
                                                 std::filesystem::path cgroups = "/sys/fs/cgroup");
  ~FencePage();
  FencePage(const FencePage&) = delete;
  FencePage& operator=(const FencePage&) = delete;

  /// Our session surely holds until then. The deadline is then kTimeToKill before it, and never goes back.
  void on_kept(BootTime until);

  /// Is there a deadline? Then pods are killed when we fail, and our name must not be given back.
  bool is_armed() const;
  void disarm();

  /// From which generation on the pod may run; none: it was not admitted.
  std::optional<std::uint64_t> admission(const std::string& uid) const;
  /// It may run from now on, once that is acknowledged. ResourceExhausted: there are kMaxPods. InvalidArgument: its
  /// words are none of a pod.
  Result<std::uint64_t> admit(const std::string& uid, const std::string& cgroup);
  /// Nothing of it is on this host any more.
  void drop(const std::string& uid);

  struct Answer {
    bool is_there = false;           ///< A berth-fence lives.
    std::uint64_t acknowledged = 0;  ///< What it has read.
    std::uint64_t fired = 0;         ///< Under which orders it killed last.
    bool is_late = false;            ///< It did not read for `kSlow` what we wrote.
  };
  static constexpr std::chrono::seconds kSlow{3};
  Answer answer(BootTime now) const;

 private:
  FencePage() = default;
  void write();

  mutable std::mutex mutex_;
  UniqueFd orders_file_;
  std::filesystem::path state_path_;
  fence::Orders orders_;
  bool armed_ = false;
  BootTime wrote_at_{};                          ///< The oldest that is not acknowledged.
  mutable std::optional<std::uint64_t> unread_;  ///< Its generation.
};

}  // namespace berth::agent
