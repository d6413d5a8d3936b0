// tests/api/json_text_test.cpp - our writer says what Boost's says, byte for byte.
#include "api/encoding/json_text.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

TEST(JsonText, IsWhatTheLibraryWrites) {
  std::string strange = "quote \" back \\ slash / tab \t nul ";
  strange += '\0';
  for (int c = 1; c < 0x21; ++c) strange += static_cast<char>(c);
  strange += "\x7f – ü 漢 😀";
  json::object object{{"text", strange},
                      {strange, nullptr},
                      {"empty", json::object()},
                      {"none", json::array()},
                      {"list", {1, "two", nullptr, true, false, json::object{{"deep", json::array{json::array{}}}}}},
                      {"least", std::numeric_limits<std::int64_t>::min()},
                      {"most", std::numeric_limits<std::uint64_t>::max()},
                      {"ratio", 1.5},
                      {"", ""}};
  std::string out = "before ";
  append_json(out, object);
  EXPECT_EQ(out, "before " + json::serialize(object));
  out.clear();
  append_json(out, json::value(object).at("list"));
  EXPECT_EQ(out, json::serialize(object.at("list")));
}

}  // namespace
}  // namespace berth::api
