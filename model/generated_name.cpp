// model/generated_name.cpp - see generated_name.hpp.
#include "model/generated_name.hpp"

#include <cstddef>

#include "base/random.hpp"

namespace berth::model {

std::string suffixed_name(std::string_view prefix, std::string_view letters) {
  constexpr std::size_t kLongest = 63;
  auto name = std::string(prefix.substr(0, kLongest - letters.size()));
  name += letters;
  return name;
}

std::string generated_name(std::string_view prefix) {
  constexpr std::size_t kSuffix = 5;
  std::uniform_int_distribution<std::size_t> pick(0, kNameLetters.size() - 1);
  std::string letters;
  for (std::size_t i = 0; i < kSuffix; ++i) letters += kNameLetters[pick(thread_random())];
  return suffixed_name(prefix, letters);
}

}  // namespace berth::model
