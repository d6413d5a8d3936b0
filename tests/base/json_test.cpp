// tests/base/json_test.cpp - what we accept as JSON, and how we look into it.
#include "base/json.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Json, ReadsOneDocumentWithSpaceAroundIt) {
  const auto value = parse_json(" {\"a\": [1, \"x\"]} \n");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(json::serialize(*value), R"({"a":[1,"x"]})");
}

TEST(Json, NamesTheByteWhereTheWrongTokenStarts) {
  const auto value = parse_json(R"({"a": tru })");
  ASSERT_TRUE(failed_with(value, ErrorCode::InvalidArgument));
  EXPECT_NE(value.error().message().find("byte 6"), std::string::npos) << value.error().message();
}

TEST(Json, RefusesHalfADocumentTwoDocumentsAndNone) {
  for (const char* text : {"", " ", "{", "{\"a\":1", "{} {}", "{}x", "nul", "\"\xff"}) {
    EXPECT_TRUE(failed_with(parse_json(text), ErrorCode::InvalidArgument)) << text;
  }
}

TEST(Json, WhatIsNoUtf8IsTheReplacementCharacter) {
  const auto value = parse_json("{\"a\xff\": \"b\xfe\xc3\xa9\xc3\"}");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(json::serialize(*value), "{\"a\xef\xbf\xbd\":\"b\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"}");
}

TEST(Json, RefusesNestingDeeperThan64) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(64)).ok());
  EXPECT_TRUE(failed_with(parse_json(nested(65)), ErrorCode::InvalidArgument));
}

TEST(Json, FindsByPathAndAnswersNullForAnyMissingStep) {
  const auto value = parse_json(R"({"metadata":{"name":"web","n":3}})");
  ASSERT_TRUE(value.ok());
  ASSERT_NE(find(*value, {"metadata", "name"}), nullptr);
  EXPECT_EQ(find(*value, {"metadata", "none"}), nullptr);
  EXPECT_EQ(find(*value, {"metadata", "name", "deeper"}), nullptr);
  EXPECT_EQ(find_string(*value, {"metadata", "name"}), "web");
  EXPECT_EQ(find_string(*value, {"metadata", "n"}, "fallback"), "fallback");
  EXPECT_EQ(find_string(*value, {"spec"}, "fallback"), "fallback");
}

}  // namespace
}  // namespace berth
