// agent/objects/object_index.hpp - finds objects by what they name, so that nobody has to look through all of them.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace berth::agent {

/// (namespace, name); namespace is empty for kinds without.
using Name = std::pair<std::string, std::string>;

/// Names of objects by a value that they have. What an object had before is the caller's to know: it keeps the object.
template <typename Value>
class ObjectIndex {
 public:
  using Values = std::vector<Value>;

  /// `object` had `before` and has `after` now.
  void move(const Name& object, const Values& before, const Values& after) {
    if (before == after) return;
    for (const auto& value : before) {
      if (std::find(after.begin(), after.end(), value) != after.end()) continue;
      const auto found = objects_.find(value);
      if (found == objects_.end()) continue;
      found->second.erase(object);
      if (found->second.empty()) objects_.erase(found);
    }
    for (const auto& value : after) objects_[value].insert(object);
  }

  /// In order of their names; none is an empty set.
  const std::set<Name>& of(const Value& value) const {
    static const std::set<Name> kNone;
    const auto found = objects_.find(value);
    return found == objects_.end() ? kNone : found->second;
  }

 private:
  std::map<Value, std::set<Name>> objects_;
};

}  // namespace berth::agent
