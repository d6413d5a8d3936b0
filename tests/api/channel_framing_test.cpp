// tests/api/channel_framing_test.cpp - channels' messages, as bytes and as base64.
#include "api/streams/channel_framing.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

TEST(ChannelFraming, AMessageIsANumberAndBytes) {
  ChannelFraming framing("v4.channel.k8s.io");
  EXPECT_EQ(framing.write(1, "ab"),
            "\x01"
            "ab");
  const auto message = framing.read(std::string_view("\x00x\0y", 4));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->channel, 0);
  EXPECT_EQ(message->bytes, std::string_view("x\0y", 3));
  EXPECT_EQ(framing.read("\xff")->channel, 255);
  EXPECT_EQ(framing.read("\xff")->bytes, "");
  EXPECT_FALSE(framing.read(""));
}

TEST(ChannelFraming, InBase64TheNumberIsADigit) {
  ChannelFraming framing("v4.base64.channel.k8s.io");
  EXPECT_EQ(framing.write(2, "hello"), "2aGVsbG8=");
  const auto message = framing.read("0aGVsbG8=");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->channel, 0);
  EXPECT_EQ(message->bytes, "hello");
  EXPECT_FALSE(framing.read("0not base64!"));
  EXPECT_FALSE(framing.read(""));
}

}  // namespace
}  // namespace berth::api
