// agent/ending/ownership.cpp - see ownership.hpp.
#include "agent/ending/ownership.hpp"

#include <algorithm>

#include "agent/ending/garbage_plan.hpp"
#include "agent/objects/revision.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {

const json::value* controller_of(const json::object& raw) {
  const auto* metadata = raw.if_contains("metadata");
  const auto* owners = metadata == nullptr ? nullptr : find(*metadata, {"ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return nullptr;
  const auto& all = owners->get_array();
  const auto* const found = std::find_if(all.begin(), all.end(), [](const json::value& owner) {
    const auto* rules = find(owner, {"controller"});
    return rules != nullptr && rules->is_bool() && rules->get_bool();
  });
  return found == all.end() ? nullptr : found;
}

Write adopt(const model::ObjectKey& key, const model::ObjectMeta& object, const model::ObjectMeta& owner,
            std::string_view owner_kind) {
  return {.key = key, .uid = object.uid, .edit = [owner = make_owner_reference(owner, owner_kind)](json::object& raw) {
            if (controller_of(raw) != nullptr) return Edit::Refuse;
            auto& owners = model::object_in(raw, "metadata")["ownerReferences"];
            if (!owners.is_array()) owners.emplace_array();
            owners.get_array().push_back(owner);
            return Edit::Done;
          }};
}

Write release(const model::ObjectKey& key, const std::string& uid, const std::string& owner_uid) {
  return {.key = key, .uid = uid, .edit = [owner_uid](json::object& raw) {
            return drop_owner(raw, owner_uid) ? Edit::Done : Edit::Leave;
          }};
}

}  // namespace berth::agent
