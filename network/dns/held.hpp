// network/dns/held.hpp - questions for names that will be there in a moment: kept until then, but not for long.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "network/dns/name.hpp"
#include "network/ip.hpp"

namespace berth::network::dns {

struct HoldLimits {
  std::chrono::milliseconds longest{0};  ///< How long a question waits; 0: none does.
  std::size_t questions = 512;           ///< In all; one more is answered at once.
  std::size_t per_source = 32;           ///< A driver that looks for all members of a set asks for some ten at a time.
};

/// A question as it came, and where its reply goes.
struct HeldQuestion {
  std::vector<std::uint8_t> packet;
  IpAddress source{};
  bool tcp = false;
  std::function<void(Octets reply)> send;
  SteadyTime deadline{};
};

/// In the order in which they came, which is that of their deadlines. One thread; pure but for the callers' senders,
/// which are never called from here.
class HeldQuestions {
 public:
  explicit HeldQuestions(HoldLimits limits) : limits_(limits) {}

  /// May another one of `source` wait?
  bool has_room(const IpAddress& source) const;

  /// has_room() was true. Its deadline is set from `now`.
  void hold(HeldQuestion question, SteadyTime now);

  /// Out go those for which `is_answered` is true: their names are there by now, or will not be.
  std::vector<HeldQuestion> take(const std::function<bool(const HeldQuestion&)>& is_answered);

  /// Out go those that have waited for long enough.
  std::vector<HeldQuestion> expire(SteadyTime now);
  /// When expire() has something; none with nothing held.
  std::optional<SteadyTime> next_due() const;

  std::size_t size() const { return questions_.size(); }

 private:
  HoldLimits limits_;
  std::deque<HeldQuestion> questions_;
};

}  // namespace berth::network::dns
