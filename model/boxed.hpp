// model/boxed.hpp - an optional that takes a pointer's room while it is empty.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace berth::model {

/// A std::optional whose value is on the heap: for large things that most objects do not have, as a container's probes
/// and hooks. A copy is a copy of the value.
template <typename T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(std::nullopt_t /*none*/) {}                                  // NOLINT(google-explicit-constructor): as optional
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT(google-explicit-constructor): as optional
  Boxed(std::optional<T> value) {  // NOLINT(google-explicit-constructor): what a reader found
    if (value) value_ = std::make_unique<T>(*std::move(value));
  }
  /// What a `T` can be made of: one of the kinds of a variant.
  template <typename U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<U, T>) Boxed(U value)
      : Boxed(T(std::move(value))) {}  // NOLINT(google-explicit-constructor): as optional
  Boxed(const Boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  explicit operator bool() const { return value_ != nullptr; }
  bool has_value() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  template <typename... Args>
  T& emplace(Args&&... args) {
    value_ = std::make_unique<T>(T{std::forward<Args>(args)...});
    return *value_;
  }
  void reset() { value_.reset(); }

  bool operator==(const Boxed& other) const { return *this ? other && *value_ == *other : !other; }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace berth::model
