// tests/agent/image_words_test.cpp - what people read of images in `kubectl describe`.
#include "agent/pods/image_words.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

TEST(ImageWords, DurationsAreAsGoPrintsThem) {
  for (const auto& [time, text] : std::vector<std::pair<std::int64_t, std::string>>{{-5, "0s"},
                                                                                    {0, "0s"},
                                                                                    {7, "7ms"},
                                                                                    {999, "999ms"},
                                                                                    {1000, "1s"},
                                                                                    {8600, "8.6s"},
                                                                                    {8658, "8.658s"},
                                                                                    {10'000, "10s"},
                                                                                    {60'000, "1m0s"},
                                                                                    {68'050, "1m8.05s"},
                                                                                    {7'200'000, "2h0m0s"},
                                                                                    {7'261'001, "2h1m1.001s"}}) {
    EXPECT_EQ(go_duration(milliseconds(time)), text) << time;
  }
}

TEST(ImageWords, APullSaysHowLongItTookAndHowMuchCame) {
  EXPECT_EQ(pulled_text("busybox", {milliseconds(658), milliseconds(1200), 2'000'000}),
            "Successfully pulled image \"busybox\" in 658ms (1.2s including waiting). Image size: 2000000 bytes.");
  EXPECT_EQ(pulled_text("busybox", {milliseconds(658), milliseconds(0), 0}),
            "Successfully pulled image \"busybox\" in 658ms (658ms including waiting).");
}

}  // namespace
}  // namespace berth::agent
