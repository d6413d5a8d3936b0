// agent/sets/set_member.hpp - which StatefulSet a pod belongs to, and its place there. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

struct SetMember {
  const model::StatefulSet* set;  ///< The cache's: for as long as that does not change.
  std::int32_t ordinal;
};

/// Nothing: no StatefulSet that is there controls it, or its name has no ordinal.
std::optional<SetMember> set_member(const model::Pod& pod, const ObjectCache& cache);

}  // namespace berth::agent
