// base/result.hpp - a value or an Error: what every call that can fail returns.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace berth {

/// What kind of failure it is. Names and meaning are gRPC's, so that a status from containerd keeps
/// its class all the way up. Retries are chosen by this code, never by text.
enum class ErrorCode {
  Cancelled,           ///< The caller gave up.
  Unknown,             ///< A peer failed and did not say how.
  InvalidArgument,     ///< Wrong whatever the state of the host: wait for the input to change.
  DeadlineExceeded,    ///< May or may not have happened.
  NotFound,            ///< Success when removing.
  AlreadyExists,       ///< Success when creating the same thing again.
  PermissionDenied,    ///< The host refuses: a capability or a mode is missing.
  ResourceExhausted,   ///< A limit is reached: disk, addresses, our own bounds.
  FailedPrecondition,  ///< Something else has to happen first.
  Aborted,             ///< Lost a race (stale revision): read again, decide again.
  OutOfRange,          ///< Asked for what is no longer, or not yet, there (compacted revision).
  Unimplemented,       ///< This host or this peer cannot do it.
  Internal,            ///< A bug, here or in the peer.
  Unavailable,         ///< The peer is away for now: retry with back-off.
  DataLoss,            ///< Stored data is damaged.
  Unauthenticated,     ///< Credentials missing or refused.
};

/// "NotFound", "Unavailable", ...
std::string_view to_string(ErrorCode code);

/// A failure: its class, and one sentence of the form `doing: to what: what the system said`.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  /// From an errno value: `what: strerror`. Pass errno itself, at once: any call may change it.
  static Error from_errno(int errno_value, std::string_view what);

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  /// The same failure, prefixed by what the caller was doing.
  Error context(std::string_view doing) const&;
  Error context(std::string_view doing) &&;

  bool operator==(const Error&) const = default;

 private:
  ErrorCode code_;
  std::string message_;
};

/// The value of a call that succeeds without one.
struct Ok {
  bool operator==(const Ok&) const = default;
};

/// A `T` or an `E`: an Error, unless a room words its failures itself. Reading the wrong side is a bug and aborts.
///
///     auto image = images.find(ref);
///     if (!image) return image.error().context("start " + id);
///     use(*image);
template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(*-explicit-*)
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(*-explicit-*)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  const E& error() const& { return std::get<1>(state_); }
  E&& error() && { return std::get<1>(std::move(state_)); }

  T value_or(T fallback) const& { return ok() ? **this : std::move(fallback); }

 private:
  std::variant<T, E> state_;
};

/// Success, or an Error.
using Status = Result<Ok>;

/// Is `result` a failure of class `code`?
template <typename T>
bool failed_with(const Result<T>& result, ErrorCode code) {
  return !result.ok() && result.error().code() == code;
}

/// Turns "it was not there" into success: removing what is gone is done.
Status ignore_not_found(Status status);

}  // namespace berth
