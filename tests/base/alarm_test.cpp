// tests/base/alarm_test.cpp - what is done after a time, or called off.
#include "base/alarm.hpp"

#include <gtest/gtest.h>

#include <future>

namespace berth {
namespace {

TEST(Alarm, RingsOnceAfterItsTime) {
  std::promise<void> rung;
  const Alarm alarm(std::chrono::milliseconds(1), [&] { rung.set_value(); });  // a second time would throw
  rung.get_future().get();
}

TEST(Alarm, CalledOffItEndsAtOnceAndIsSilent) {
  bool rung = false;
  {
    const Alarm alarm(std::chrono::hours(1), [&] { rung = true; });
  }
  EXPECT_FALSE(rung);
}

}  // namespace
}  // namespace berth
