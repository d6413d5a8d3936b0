// agent/sets/pod_names.cpp - see pod_names.hpp.
#include "agent/sets/pod_names.hpp"

#include <string_view>

namespace berth::agent {
namespace {

/// As Kubernetes' generateName: five letters of its alphabet, after what leaves room for them in 63 characters.
std::string generate(const std::string& prefix, std::mt19937_64& random) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::size_t kLongestPrefix = 58;
  std::uniform_int_distribution<std::size_t> pick(0, kAlphabet.size() - 1);
  auto name = (prefix + "-").substr(0, kLongestPrefix);
  for (int i = 0; i < 5; ++i) name += kAlphabet[pick(random)];
  return name;
}

}  // namespace

std::vector<std::string> PodNames::draw(const std::string& prefix, std::size_t count,
                                        const std::function<bool(const std::string&)>& is_seen) {
  std::erase_if(asked_, is_seen);
  std::vector<std::string> names(asked_.begin(), asked_.end());
  if (names.size() > count) names.resize(count);
  while (names.size() < count) {
    auto name = generate(prefix, random_);
    if (!is_seen(name) && asked_.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace berth::agent
