// agent/objects/object_index.hpp - finds objects by what they name, so that nobody has to look through all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace berth::agent {

/// (namespace, name); namespace is empty for kinds without.
using Name = std::pair<std::string, std::string>;

/// Of pointers in the order of their names: where `name` is, or would be.
template <typename Pointers>
auto place_of(Pointers& all, const Name& name) {
  return std::lower_bound(all.begin(), all.end(), name, [](const Name* a, const Name& b) { return *a < b; });
}

/// Names in their order, which somebody else has: those of an index hold until it changes.
class Names {
 public:
  using value_type = Name;
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Name;
    using difference_type = std::ptrdiff_t;
    using pointer = const Name*;
    using reference = const Name&;

    const_iterator() = default;
    explicit const_iterator(const Name* const* at) : at_(at) {}
    reference operator*() const { return **at_; }
    pointer operator->() const { return *at_; }
    const_iterator& operator++() {
      ++at_;
      return *this;
    }
    const_iterator operator++(int) { return const_iterator(at_++); }
    bool operator==(const const_iterator&) const = default;

   private:
    const Name* const* at_ = nullptr;
  };
  using iterator = const_iterator;

  Names() = default;
  explicit Names(std::span<const Name* const> all) : all_(all) {}

  const_iterator begin() const { return const_iterator(all_.data()); }
  const_iterator end() const { return const_iterator(all_.data() + all_.size()); }
  bool empty() const { return all_.empty(); }
  std::size_t size() const { return all_.size(); }
  const Name& front() const { return *all_.front(); }
  const Name& back() const { return *all_.back(); }
  bool contains(const Name& name) const {
    const auto at = place_of(all_, name);
    return at != all_.end() && **at == name;
  }

 private:
  std::span<const Name* const> all_;
};

/// Names of objects by a value that they have. What an object had before is the caller's to know: it keeps the object,
/// and the name that is given here, which has to live where it is as long as the object has a value: the key of a
/// std::map. There are as many entries as objects times values, and each is a pointer.
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
      auto& names = found->second;
      const auto at = place(names, object);
      if (at != names.end() && **at == object) names.erase(at);
      if (names.empty()) objects_.erase(found);
    }
    for (const auto& value : after) {
      auto& names = objects_[value];
      const auto at = place(names, object);
      if (at == names.end() || **at != object) names.insert(at, &object);
    }
  }

  /// In order of their names.
  Names of(const Value& value) const {
    const auto found = objects_.find(value);
    return found == objects_.end() ? Names() : Names(found->second);
  }

 private:
  using Pointers = std::vector<const Name*>;

  /// A snapshot comes in order: most go to the end.
  static Pointers::iterator place(Pointers& names, const Name& name) {
    if (names.empty() || *names.back() < name) return names.end();
    return place_of(names, name);
  }

  std::map<Value, Pointers> objects_;
};

}  // namespace berth::agent
