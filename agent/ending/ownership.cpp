// agent/sets/ownership.cpp - see ownership.hpp.
#include "agent/sets/ownership.hpp"

#include "agent/ending/garbage_plan.hpp"
#include "agent/objects/revision.hpp"

namespace berth::agent {

Write adopt(const model::ObjectKey& key, const model::ObjectMeta& object, const model::ObjectMeta& owner,
            std::string_view owner_kind) {
  return {.key = key, .uid = object.uid, .edit = [owner = make_owner_reference(owner, owner_kind)](json::object& raw) {
            auto& owners = raw["metadata"].get_object()["ownerReferences"];
            if (!owners.is_array()) owners.emplace_array();
            for (const auto& other : owners.get_array()) {
              const auto* rules = find(other, {"controller"});
              if (rules != nullptr && rules->is_bool() && rules->get_bool()) return Edit::Refuse;
            }
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
