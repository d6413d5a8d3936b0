// runtime/logs/line_budget.cpp - see line_budget.hpp.
#include "runtime/logs/line_budget.hpp"

#include <algorithm>

namespace berth::runtime {

LineBudget::LineBudget(const LineLimit& limit) : limit_(limit), tokens_(static_cast<double>(limit.lines)) {}

bool LineBudget::take(Time now, std::uint64_t cost) {
  if (limit_.lines == 0) return true;
  const auto most = static_cast<double>(limit_.lines);
  if (filled_ != Time{}) {
    const std::chrono::duration<double> passed = now - filled_;
    const std::chrono::duration<double> period = limit_.period;
    tokens_ = std::min(most, tokens_ + most * (passed / period));
  }
  filled_ = now;
  if (empty_ && tokens_ < most / 10) return false;
  // One line that costs more than there can ever be goes when the bucket is full.
  const auto price = std::min(static_cast<double>(cost), most);
  empty_ = tokens_ < price;
  if (!empty_) tokens_ -= price;
  return !empty_;
}

void LineBudget::give_back(std::uint64_t cost) {
  tokens_ = std::min(static_cast<double>(limit_.lines), tokens_ + static_cast<double>(cost));
}

}  // namespace berth::runtime
