// tests/api/json_patch_test.cpp - RFC 7386 and RFC 6902, with examples from their appendices.
#include "api/writes/json_patch.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

json::value value(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::value();
}

TEST(MergePatch, EveryExampleOfTheRfcGivesItsResult) {
  const struct {
    std::string_view original, patch, result;
  } cases[] = {{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
               {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
               {R"({"a":"b"})", R"({"a":null})", R"({})"},
               {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
               {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
               {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
               {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
               {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
               {R"({"a":"foo"})", R"("bar")", R"("bar")"},
               {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
               {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
               {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& [original, patch, result] : cases) {
    auto target = value(original);
    apply_merge_patch(target, value(patch));
    EXPECT_EQ(target, value(result)) << original << " + " << patch;
  }
}

TEST(JsonPatch, OperationsChangeTheDocumentAsTheRfcSays) {
  const struct {
    std::string_view original, patch, result;
  } cases[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"baz":"qux","foo":"bar"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])", R"({"foo":["bar","qux","baz"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc"]}])", R"({"foo":["bar",["abc"]]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux"})", R"([{"op":"replace","path":"/baz","value":"boo"}])", R"({"baz":"boo"})"},
      {R"({"foo":["all","grass","cows","eat"]})", R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"}])", R"({"a":{"b":1},"c":{"b":1}})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10},{"op":"remove","path":"/~1"}])",
       R"({"~1":10})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":{"b":2}}])", R"({"b":2})"},
  };
  for (const auto& [original, patch, result] : cases) {
    auto target = value(original);
    const auto done = apply_json_patch(target, value(patch));
    ASSERT_TRUE(done) << patch << ": " << done.error().message();
    EXPECT_EQ(target, value(result)) << patch;
  }
}

TEST(JsonPatch, AFailedPatchLeavesTheDocumentAsItWas) {
  const auto before = value(R"({"a":[1,2],"b":{"c":1}})");
  for (const std::string_view patch :
       {R"([{"op":"remove","path":"/b"},{"op":"remove","path":"/zz"}])", R"([{"op":"add","path":"/a/3","value":1}])",
        R"([{"op":"add","path":"/a/01","value":1}])", R"([{"op":"replace","path":"/a/-","value":1}])",
        R"([{"op":"test","path":"/b/c","value":2}])", R"([{"op":"add","path":"/x/y","value":1}])",
        R"([{"op":"copy","from":"/nope","path":"/x"}])"}) {
    auto target = before;
    EXPECT_TRUE(failed_with(apply_json_patch(target, value(patch)), ErrorCode::FailedPrecondition)) << patch;
    EXPECT_EQ(target, before) << patch;
  }
}

TEST(JsonPatch, WhatIsNoPatchIsInvalid) {
  const auto before = value(R"({"a":{"b":1}})");
  for (const std::string_view patch :
       {R"({})", R"([1])", R"([{"op":"add","path":"/a"}])", R"([{"op":"jump","path":"/a"}])", R"([{"op":"remove"}])",
        R"([{"op":"remove","path":"a"}])", R"([{"op":"remove","path":"/a~2"}])", R"([{"op":"move","path":"/a"}])",
        R"([{"op":"move","from":"/a","path":"/a/b"}])", R"([{"op":"remove","path":""}])"}) {
    auto target = before;
    EXPECT_TRUE(failed_with(apply_json_patch(target, value(patch)), ErrorCode::InvalidArgument)) << patch;
    EXPECT_EQ(target, before) << patch;
  }
}

TEST(JsonPatch, CopiesCannotBlowUpTheDocument) {
  json::array patch;
  for (int i = 0; i < 60; ++i) patch.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/a/-"}});
  auto target = value(R"({"a":["0123456789"]})");
  EXPECT_TRUE(failed_with(apply_json_patch(target, patch), ErrorCode::InvalidArgument));
}

}  // namespace
}  // namespace berth::api
