// volumes/helper/pool_records.hpp - which claim has which disk of a pool: one file each in state_dir/pool.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes::helper {

struct PoolRecord {
  std::string device;  ///< Candidate::name.
  std::string ns, claim;
  std::int64_t bytes = 0;
  std::string fs_type;  ///< The claim's file system; empty: a raw device.

  bool is_of(const std::string& its_ns, const std::string& its_claim) const {
    return ns == its_ns && claim == its_claim;
  }
};

class PoolRecords {
 public:
  explicit PoolRecords(const std::filesystem::path& state_dir) : directory_(state_dir / "pool") {}

  /// All of them. DataLoss: one that does not parse is a disk whose owner is unknown: nothing is given out.
  Result<std::vector<PoolRecord>> read() const;
  /// Durable before it returns.
  Status write(const PoolRecord& record) const;
  /// Gone is success.
  Status remove(const std::string& device) const;

 private:
  std::filesystem::path file_of(const std::string& device) const;

  std::filesystem::path directory_;
};

}  // namespace berth::volumes::helper
