// model/foreign_kinds.hpp - kinds that are somebody else's: a manifest may name them, and the rest of it runs all the
// same.
#pragma once

#include <string_view>

namespace berth::model {

/// Is this, which no row of kinds.cpp is, a kind that Kubernetes or one of its extensions has? Not so: a slip of the
/// pen in a name of ours ("StatfulSet" in apps/v1). In API groups of which we serve a part only Kubernetes' own other
/// kinds are foreign; in all other groups whatever is there is. Pure.
bool is_foreign_kind(std::string_view api_version, std::string_view kind);

}  // namespace berth::model
