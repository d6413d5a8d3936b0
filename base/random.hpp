// base/random.hpp - numbers for what need not be secret: suffixes of names, jitter.
#pragma once

#include <cstdint>
#include <random>

namespace berth {

/// The calling thread's generator; begins anywhere (std::random_device).
std::mt19937_64& thread_random();

/// From now on the calling thread's numbers are those of `seed`: a simulation that has failed can be played again.
void seed_thread_random(std::uint64_t seed);

}  // namespace berth
