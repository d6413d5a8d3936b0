// agent/pods/image_words.cpp - see image_words.hpp.
#include "agent/pods/image_words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::agent {

std::string go_duration(std::chrono::milliseconds time) {
  const auto all = std::max<std::int64_t>(time.count(), 0);
  constexpr std::int64_t kSecond = 1000;
  constexpr std::int64_t kMinute = 60 * kSecond;
  constexpr std::int64_t kHour = 60 * kMinute;
  if (all == 0) return "0s";
  if (all < kSecond) return fmt::format("{}ms", all);
  auto seconds = fmt::format("{}.{:03}", all % kMinute / kSecond, all % kSecond);
  seconds.erase(seconds.find_last_not_of('0') + 1);
  if (seconds.back() == '.') seconds.pop_back();
  std::string text;
  if (all >= kHour) text += fmt::format("{}h", all / kHour);
  if (all >= kMinute) text += fmt::format("{}m", all % kHour / kMinute);
  return text + seconds + 's';
}

std::string pulled_text(const std::string& image, const PullEffort& effort) {
  auto text = fmt::format("Successfully pulled image \"{}\" in {} ({} including waiting).", image,
                          go_duration(effort.took), go_duration(std::max(effort.took, effort.waited)));
  if (effort.bytes > 0) text += fmt::format(" Image size: {} bytes.", effort.bytes);
  return text;
}

std::string present_text(const std::string& image) {
  return fmt::format("Container image \"{}\" already present on machine", image);
}

std::string pull_back_off_text(const std::string& image) { return fmt::format("Back-off pulling image \"{}\"", image); }

}  // namespace berth::agent
