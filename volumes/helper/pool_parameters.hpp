// volumes/helper/pool_parameters.hpp - what a StorageClass of berth.io/pool says. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"
#include "volumes/helper/wipe.hpp"

namespace berth::volumes::helper {

struct PoolParameters {
  std::vector<std::string> match;  ///< Globs over device paths; empty: LUNs of `target`.
  model::IscsiSource target;       ///< Everything but the LUN.
  std::vector<std::int32_t> luns;  ///< In the order given, each once.
  std::string fs_type;
  Wipe wipe = Wipe::Signatures;  ///< On reclaim.
  bool adopt = false;            ///< Disks with a file system are given out too, as they are.
};
/// InvalidArgument: see ParameterReader.
Result<PoolParameters> pool_parameters(const model::StringMap& parameters);

/// "1-20", "1,3,7", "1-3,9": at most 1024 numbers from 0 to 16383, each once. InvalidArgument says what it must be.
Result<std::vector<std::int32_t>> parse_luns(std::string_view text);

/// "10.0.0.5" and "10.0.0.5:3260" are one portal.
bool same_lun(const model::IscsiSource& a, const model::IscsiSource& b);

}  // namespace berth::volumes::helper
