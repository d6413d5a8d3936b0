// store/sqlite_store.hpp - the SQLite store with a seam for tests; others include store/store.hpp.
#pragma once

#include "store/store.hpp"

namespace berth::store {

struct SqliteOptions {
  unsigned max_pages = 0;  ///< Largest file, in pages of 4 KiB; 0: no bound.
};

/// As open_sqlite_store(file, limits).
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits,
                                                 const SqliteOptions& options);

}  // namespace berth::store
