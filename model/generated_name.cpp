// model/generated_name.cpp - see generated_name.hpp.
#include "model/generated_name.hpp"

#include <cstddef>

#include "base/random.hpp"

namespace berth::model {

std::string generated_name(std::string_view prefix) {
  constexpr std::size_t kLongest = 63;
  constexpr std::size_t kSuffix = 5;
  std::uniform_int_distribution<std::size_t> pick(0, kNameLetters.size() - 1);
  auto name = std::string(prefix.substr(0, kLongest - kSuffix));
  for (std::size_t i = 0; i < kSuffix; ++i) name += kNameLetters[pick(thread_random())];
  return name;
}

}  // namespace berth::model
