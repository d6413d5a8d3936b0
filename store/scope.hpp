// store/scope.hpp - what a follower of a scope sees of a change. Pure.
#pragma once

#include <optional>

#include "store/store.hpp"

namespace berth::store {

bool in_scope(const Scope& scope, const model::Object& object);

/// The change as it looks from within `scope`: moving in is Added, moving out is Deleted; nullopt: nothing is seen.
std::optional<Change> scoped(const Scope& scope, const Change& change);

}  // namespace berth::store
