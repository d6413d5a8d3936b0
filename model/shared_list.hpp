// model/shared_list.hpp - a list that is in memory once, however many copies of it there are, until one of them
// changes.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace berth::model {

/// A std::vector whose copies share their items (copy on write): for what is the same in many objects, as containers
/// are in the pods of one set. Whoever may change it, that is, reads it through something that is not const, gets items
/// of its own first. An empty one has no memory at all.
///
/// As safe on many threads as a vector: those that only read may do so at once, whatever happens to other copies.
template <typename T>
class SharedList {
 public:
  using value_type = T;
  using const_iterator = typename std::vector<T>::const_iterator;
  using iterator = typename std::vector<T>::iterator;

  SharedList() = default;
  SharedList(std::initializer_list<T> items) : SharedList(std::vector<T>(items)) {}
  SharedList(std::vector<T> items)  // NOLINT(google-explicit-constructor): it is a vector to those who make one.
      : items_(items.empty() ? nullptr : std::make_shared<std::vector<T>>(std::move(items))) {}

  const std::vector<T>& items() const {
    static const std::vector<T> kNone;
    return items_ == nullptr ? kNone : *items_;
  }
  operator const std::vector<T>&() const { return items(); }  // NOLINT(google-explicit-constructor): as above

  bool empty() const { return items().empty(); }
  std::size_t size() const { return items().size(); }
  const_iterator begin() const { return items().begin(); }
  const_iterator end() const { return items().end(); }
  const T& operator[](std::size_t at) const { return items()[at]; }
  const T& front() const { return items().front(); }
  const T& back() const { return items().back(); }

  /// The items, no other's any more.
  std::vector<T>& own() {
    if (items_ == nullptr) {
      items_ = std::make_shared<std::vector<T>>();
    } else if (items_.use_count() > 1) {
      items_ = std::make_shared<std::vector<T>>(*items_);
    }
    return *items_;
  }
  iterator begin() { return own().begin(); }
  iterator end() { return own().end(); }
  T& operator[](std::size_t at) { return own()[at]; }
  T& front() { return own().front(); }
  T& back() { return own().back(); }
  void push_back(T item) { own().push_back(std::move(item)); }
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    return own().emplace_back(std::forward<Args>(args)...);
  }
  void clear() { items_.reset(); }

  bool operator==(const SharedList& other) const { return items_ == other.items_ || items() == other.items(); }

  /// Has `other`'s items from now on, if they are equal to its own.
  bool share(const SharedList& other) {
    if (*this != other) return false;
    items_ = other.items_;
    return true;
  }

 private:
  std::shared_ptr<std::vector<T>> items_;  ///< Null: none.
};

}  // namespace berth::model
