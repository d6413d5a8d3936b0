// store/etcd/copy_keeper.hpp - keeps the copy on disk as the store is, a little later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/lane.hpp"
#include "base/loop.hpp"
#include "store/etcd/copy_file.hpp"
#include "store/etcd/loop_poster.hpp"
#include "store/object_table.hpp"
#include "store/problem_list.hpp"

namespace berth::store::etcd {

/// Loop thread only, but for its end. A file that cannot be written is said, and tried again a minute later.
class CopyKeeper {
 public:
  struct Options {
    std::filesystem::path file;
    CopyOf of;
    std::function<bool(const model::ObjectKey&)> leaves_out;  ///< Besides Events. May be empty.
    std::chrono::milliseconds after;  ///< From a change to its write; more where a write takes long.
  };

  /// All outlive it.
  CopyKeeper(Loop& loop, std::shared_ptr<LoopPoster> poster, const ObjectTable& table, ProblemList& problems,
             Options options);
  /// Writes what is not written yet. Once the loop has ended.
  ~CopyKeeper();
  CopyKeeper(const CopyKeeper&) = delete;
  CopyKeeper& operator=(const CopyKeeper&) = delete;

  /// The table was taken anew; it is of the store whose id is this.
  void take_all(const std::string& store);
  /// These changed in it.
  void take(const std::vector<Change>& changes);

 private:
  struct Batch {
    std::string store;
    bool all = false;
    CopyFile::Changed objects;
    Revision revision = 0;
  };

  bool is_left_out(const model::ObjectKey& key) const;
  void write_soon();
  void write();
  Batch gather();
  void written(const Status& status, std::chrono::milliseconds took);
  /// On the lane.
  Status bring(Batch batch);

  Loop& loop_;
  const std::shared_ptr<LoopPoster> poster_;
  const ObjectTable& table_;
  ProblemList& problems_;
  const Options options_;

  std::string store_;  ///< Empty: nothing is known that is worth keeping.
  bool all_ = false;   ///< Everything has to be compared, not only `changed_`.
  std::set<model::ObjectKey> changed_;
  std::chrono::milliseconds wait_;
  bool writing_ = false;
  std::unique_ptr<LoopHandle> timer_;

  std::unique_ptr<CopyFile> file_;  ///< The lane's.
  std::unique_ptr<Lane> lane_;
};

}  // namespace berth::store::etcd
