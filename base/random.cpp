// base/random.cpp - see random.hpp.
#include "base/random.hpp"

namespace berth {

std::mt19937_64& thread_random() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

void seed_thread_random(std::uint64_t seed) { thread_random().seed(seed); }

}  // namespace berth
