// agent/objects/back_off.cpp - see back_off.hpp.
#include "agent/objects/back_off.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

/// first, 2*first, 4*first ... at most `longest`; `failures` counts from 1.
milliseconds doubling(milliseconds first, milliseconds longest, std::uint32_t failures) {
  const auto doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 16);
  return std::min(longest, milliseconds(first.count() << doublings));
}

}  // namespace

milliseconds crash_back_off(std::uint32_t failures) {
  if (failures == 0) return milliseconds{0};
  return doubling(milliseconds{10'000}, milliseconds{300'000}, failures);
}

milliseconds step_back_off(ErrorCode code, std::uint32_t failures, double jitter) {
  const auto base = [&] {
    switch (code) {
      // The user has to change something; a changed object kicks the pod at once anyway.
      case ErrorCode::InvalidArgument:
      case ErrorCode::Unimplemented:
      case ErrorCode::PermissionDenied:
      case ErrorCode::Unauthenticated:
      case ErrorCode::OutOfRange:
      case ErrorCode::DataLoss: return doubling(milliseconds{10'000}, milliseconds{300'000}, failures);
      // The world may change at any moment: a lost race, a peer that restarts.
      case ErrorCode::Aborted:
      case ErrorCode::Cancelled:
      case ErrorCode::AlreadyExists: return doubling(milliseconds{50}, milliseconds{30'000}, failures);
      case ErrorCode::Unavailable: return doubling(milliseconds{200}, milliseconds{10'000}, failures);
      case ErrorCode::NotFound:
      case ErrorCode::FailedPrecondition:
      case ErrorCode::ResourceExhausted:
      case ErrorCode::DeadlineExceeded:
      case ErrorCode::Internal:
      case ErrorCode::Unknown: return doubling(milliseconds{1'000}, milliseconds{120'000}, failures);
    }
    return milliseconds{1'000};
  }();
  return base + milliseconds{static_cast<std::int64_t>(static_cast<double>(base.count()) * 0.25 * jitter)};
}

}  // namespace berth::agent
