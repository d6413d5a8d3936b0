// network/dns/held.cpp - see held.hpp.
#include "network/dns/held.hpp"

#include <algorithm>
#include <utility>

namespace berth::network::dns {

bool HeldQuestions::has_room(const IpAddress& source) const {
  if (limits_.longest.count() == 0 || questions_.size() >= limits_.questions) return false;
  const auto of_source = std::ranges::count(questions_, source, &HeldQuestion::source);
  return static_cast<std::size_t>(of_source) < limits_.per_source;
}

void HeldQuestions::hold(HeldQuestion question, SteadyTime now) {
  question.deadline = now + limits_.longest;
  questions_.push_back(std::move(question));
}

std::vector<HeldQuestion> HeldQuestions::take(const std::function<bool(const HeldQuestion&)>& is_answered) {
  std::vector<HeldQuestion> out;
  std::deque<HeldQuestion> rest;
  for (auto& question : questions_) {
    if (is_answered(question)) {
      out.push_back(std::move(question));
    } else {
      rest.push_back(std::move(question));
    }
  }
  questions_ = std::move(rest);
  return out;
}

std::vector<HeldQuestion> HeldQuestions::expire(SteadyTime now) {
  std::vector<HeldQuestion> out;
  for (; !questions_.empty() && questions_.front().deadline <= now; questions_.pop_front()) {
    out.push_back(std::move(questions_.front()));
  }
  return out;
}

std::optional<SteadyTime> HeldQuestions::next_due() const {
  if (questions_.empty()) return std::nullopt;
  return questions_.front().deadline;
}

}  // namespace berth::network::dns
