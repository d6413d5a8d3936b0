// store/holder_board.hpp - who holds which sessions, and who wants to know; shared by the backends.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/session.hpp"
#include "store/store.hpp"

namespace berth::store {

/// Any thread. Watches may outlive it.
class HolderBoard {
 public:
  using Job = std::function<void()>;
  using Post = std::function<void(Job)>;

  /// Watchers are told by `post`, which must run one job at a time, in order.
  explicit HolderBoard(Post post);

  /// False: another one is there, and stays.
  bool add(const std::string& name, Holder holder);
  void set(const std::string& name, Holder holder);
  void remove(const std::string& name);
  /// Takes the place of everything.
  void replace(Holders all);

  std::unique_ptr<Watch> follow(std::function<void(const Holders&)> on_change);

  /// Nobody is told anything from now on; `post` is not used any more.
  void close();

 private:
  struct Watcher;
  class WatchHandle;
  using Shown = std::shared_ptr<const Holders>;

  void tell();
  void tell(const std::shared_ptr<Watcher>& watcher, const Shown& all);

  std::mutex mutex_;
  Post post_;  ///< Empty: closed.
  Holders holders_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace berth::store
