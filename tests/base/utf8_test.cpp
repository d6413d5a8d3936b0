// tests/base/utf8_test.cpp - bytes that somebody wrote, made text.
#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Utf8, WhatIsWellFormedStays) {
  for (const std::string text : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
    EXPECT_EQ(to_utf8(text), text);
  }
}

TEST(Utf8, WhatIsNotIsReplacedByteByByte) {
  const std::string sign = "\xef\xbf\xbd";
  EXPECT_EQ(to_utf8("a\xff\xfe"
                    "b"),
            "a" + sign + sign + "b");
  EXPECT_EQ(to_utf8("cut \xe2\x82"), "cut " + sign + sign);
  EXPECT_EQ(to_utf8("\xed\xa0\x80"), sign + sign + sign) << "half of a surrogate pair";
  EXPECT_EQ(to_utf8("\xc0\xaf"), sign + sign) << "longer than need be";
  EXPECT_EQ(to_utf8(std::string("a\0b\xff", 4)), std::string("a\0b", 3) + sign) << "a NUL is UTF-8";
}

TEST(Utf8, EveryTextOfADocumentIsMended) {
  json::value document = {{"k\xff", json::array{"x\xff", 1, json::object{{"deep", "\xfe"}}}}, {"good", "\xc3\xa9"}};
  EXPECT_TRUE(make_utf8(document));
  EXPECT_TRUE(is_utf8(json::serialize(document))) << json::serialize(document);
  EXPECT_EQ(document.at("good"), "\xc3\xa9");
  EXPECT_FALSE(make_utf8(document));
}

}  // namespace
}  // namespace berth
