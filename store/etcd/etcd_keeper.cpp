// store/etcd/etcd_keeper.cpp - see etcd_keeper.hpp.
#include "store/etcd/etcd_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace berth::store::etcd {
namespace {

constexpr const char* kCompaction = "compaction";
constexpr const char* kAlarm = "alarm";
constexpr std::int64_t kMegabyte = 1024 * 1024;

StoreProblem problem_of(std::string reason) {
  return {.what = "etcd", .reason = std::move(reason), .kind = {}, .ns = {}, .name = {}};
}

}  // namespace

bool keeps(const Holders& holders, const std::string& node) {
  return holders.empty() || holders.begin()->second.node == node;
}

EtcdKeeper::EtcdKeeper(Loop& loop, std::shared_ptr<LoopPoster> poster, EtcdClient& client, ProblemList& problems,
                       Options options)
    : loop_(loop), poster_(std::move(poster)), client_(client), problems_(problems), options_(std::move(options)) {}

void EtcdKeeper::on_seen(Revision revision) {
  seen_ = revision;
  if (timer_ != nullptr || seen_ <= goal_) return;
  goal_ = seen_;
  timer_ = loop_.after(options_.keep, [this] { compact(); });
}

void EtcdKeeper::compact() {
  timer_.reset();
  const auto done = goal_;
  on_seen(seen_);
  if (!options_.is_ours()) return;
  client_.compact(done, [this, poster = poster_](const Result<Ok>& compacted) {
    // Somebody else went further.
    const auto known = compacted.ok() || compacted.error().code() == ErrorCode::OutOfRange;
    const auto why = known ? std::string() : compacted.error().message();
    poster->post([this, why] {
      if (why.empty()) {
        problems_.solve(kCompaction);
      } else {
        problems_.report(kCompaction, problem_of("old revisions are not dropped, so that it grows to its quota: " +
                                                 why + "; or run it with --auto-compaction-retention=10m"));
      }
      look();
    });
  });
}

void EtcdKeeper::on_write(bool full) {
  // The end of the trouble is seen by a write that was taken.
  if (full || complains_) look();
}

void EtcdKeeper::look() {
  if (std::exchange(asking_, true)) return;
  client_.status([this, poster = poster_](const Result<EtcdStatus>& status) {
    poster->post([this, status] { on_status(status); });
  });
}

void EtcdKeeper::on_status(const Result<EtcdStatus>& status) {
  asking_ = false;
  if (!status) return;  // That it is away is said elsewhere.
  complains_ = !status->alarms.empty();
  if (!complains_) return problems_.solve(kAlarm);
  problems_.report(kAlarm, problem_of(fmt::format(
                               "it complains: {} (its file has {} MB); writes are refused while it is full: raise "
                               "--quota-backend-bytes, or `etcdctl defrag`, then `etcdctl alarm disarm`",
                               fmt::join(status->alarms, ", "), status->size / kMegabyte)));
}

}  // namespace berth::store::etcd
