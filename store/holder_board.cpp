// store/holder_board.cpp - see holder_board.hpp.
#include "store/holder_board.hpp"

#include <utility>

namespace berth::store {

/// As those of object_table.cpp: silent once destroyed, also by its own callback.
struct HolderBoard::Watcher {
  std::recursive_mutex mutex;
  bool wanted = true;
  std::function<void(const Holders&)> on_change;
};

class HolderBoard::WatchHandle final : public Watch {
 public:
  explicit WatchHandle(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
  WatchHandle(const WatchHandle&) = delete;
  WatchHandle& operator=(const WatchHandle&) = delete;
  ~WatchHandle() override {
    const std::scoped_lock lock(watcher_->mutex);
    watcher_->wanted = false;
  }

 private:
  std::shared_ptr<Watcher> watcher_;
};

HolderBoard::HolderBoard(Post post) : post_(std::move(post)) {}

bool HolderBoard::add(const std::string& name, Holder holder) {
  const std::scoped_lock lock(mutex_);
  if (!holders_.emplace(name, std::move(holder)).second) return false;
  tell();
  return true;
}

void HolderBoard::set(const std::string& name, Holder holder) {
  const std::scoped_lock lock(mutex_);
  const auto [found, is_new] = holders_.try_emplace(name);
  if (!is_new && found->second == holder) return;
  found->second = std::move(holder);
  tell();
}

void HolderBoard::remove(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  if (holders_.erase(name) != 0) tell();
}

void HolderBoard::replace(Holders all) {
  const std::scoped_lock lock(mutex_);
  if (holders_ == all) return;
  holders_ = std::move(all);
  tell();
}

std::unique_ptr<Watch> HolderBoard::follow(std::function<void(const Holders&)> on_change) {
  auto watcher = std::make_shared<Watcher>();
  watcher->on_change = std::move(on_change);
  const std::scoped_lock lock(mutex_);
  watchers_.push_back(watcher);
  tell(watcher, std::make_shared<const Holders>(holders_));
  return std::make_unique<WatchHandle>(std::move(watcher));
}

void HolderBoard::close() {
  const std::scoped_lock lock(mutex_);
  post_ = nullptr;
}

void HolderBoard::tell() {
  std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
  const auto all = std::make_shared<const Holders>(holders_);
  for (const auto& each : watchers_) {
    if (const auto watcher = each.lock()) tell(watcher, all);
  }
}

void HolderBoard::tell(const std::shared_ptr<Watcher>& watcher, const Shown& all) {
  if (!post_) return;
  post_([watcher, all] {
    const std::scoped_lock lock(watcher->mutex);
    if (watcher->wanted) watcher->on_change(*all);
  });
}

}  // namespace berth::store
