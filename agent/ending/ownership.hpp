// agent/ending/ownership.hpp - the writes by which a controller takes what its selector matches, and lets it go. Pure.
#pragma once

#include <string_view>

#include "agent/control/work.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// The reference to the owner that rules the object; null: none does.
const json::value* controller_of(const json::object& raw);

/// Makes `owner` the controller of an object that has none; when another was faster, that is a lost race.
Write adopt(const model::ObjectKey& key, const model::ObjectMeta& object, const model::ObjectMeta& owner,
            std::string_view owner_kind);

/// The object lives on without that owner.
Write release(const model::ObjectKey& key, const std::string& uid, const std::string& owner_uid);

}  // namespace berth::agent
