// agent/store_mark.hpp - which store made the pods on this host: a file in runDir that says so, and one in stateDir
// where hosts share the store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"
#include "store/store.hpp"

namespace berth::agent {

struct StoreMark {
  std::string id;                   ///< store::Identity::id
  std::uint64_t opened = 0;         ///< store::Identity::opened
  std::set<std::string> strangers;  ///< uids of pods that were here before that store was.

  bool operator==(const StoreMark&) const = default;
};

/// nullopt: there is none, as after a boot. A file that cannot be read is an error: it may have said something else.
Result<std::optional<StoreMark>> read_store_mark(const std::filesystem::path& file);
Status write_store_mark(const std::filesystem::path& file, const StoreMark& mark,
                        Durability durability = Durability::Lazy);

/// Did the store that `mark` names make what runs here, and is it `identity`? An older state of it that was put back
/// has been opened less often than the mark says, and does not know what was made since. Pure.
bool same_store(const StoreMark& mark, const store::Identity& identity);

}  // namespace berth::agent
