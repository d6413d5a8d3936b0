// store/backup.hpp - front door: a copy of a whole store, and a copy put in a store's place.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"

namespace berth::store {

/// What a store with a file can do, besides. A remote one is kept where it is.
class Copyable {
 public:
  virtual ~Copyable() = default;
  /// See copy_store().
  virtual Status copy_to(const std::filesystem::path& target) = 0;
};

/// Makes `target` a consistent copy of everything written so far, mode 0600, there as a whole or not at all; who opens
/// it as a store learns that it is a copy. Blocks for as long as the disk takes, and writes wait meanwhile.
/// Unimplemented: this store has no file. Else as writes fail. Any thread but the store's own.
Status copy_store(Store& store, const std::filesystem::path& target);

/// All that can be read of `store` now, in memory: to try things on that nobody else shall see. Objects are as they are
/// there, with their uids, times and revisions. Any thread.
std::unique_ptr<Store> copy_in_memory(const Store& store, const StoreLimits& limits);

/// What was put in the place of a store, and of what.
struct Restored {
  Identity identity{};                   ///< That the copy says it has; `node` is whom it was made for.
  std::string version{};                 ///< Of the program that wrote it last; empty when it does not say.
  std::size_t objects = 0;               ///< That this version reads.
  std::vector<StoreProblem> problems{};  ///< Rows that it does not: they stay as they are.
  std::filesystem::path old{};           ///< Where what was there before is kept; empty: nothing was.
};

/// Puts a copy that somebody kept in the place of the store at `file`, as a whole or not at all, while no agent runs on
/// it. `copy` is checked (all of it is read) and left as it is; what was there before is kept beside it. The store then
/// knows that it was restored: pods that run here and are not in it are strangers at its first start. `node`: whom it
/// has to be made for; empty: whoever. Errors: Unavailable (an agent holds the store), DataLoss (`copy` is no database
/// of ours, damaged, or of a newer schema), FailedPrecondition (made for another node), NotFound, PermissionDenied,
/// ResourceExhausted. Blocks.
Result<Restored> restore_sqlite_store(const std::filesystem::path& copy, const std::filesystem::path& file,
                                      const std::string& node);

}  // namespace berth::store
