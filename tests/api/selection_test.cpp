// tests/api/selection_test.cpp - label and field selectors of lists and watches.
#include "api/reads/selection.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

model::Object pod(std::string_view extra) {
  auto raw = parse_json(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop",
      "labels":{"app":"web","tier":"front"}})" +
                        std::string(extra) + "}");
  auto object = model::make_object(raw->get_object());
  EXPECT_TRUE(object);
  return *object;
}

bool matches(std::string_view labels, std::string_view fields) {
  const auto object = pod(R"(,"spec":{"nodeName":"n1"},"status":{"phase":"Running"})");
  const auto selection = Selection::parse(model::info(model::Kind::Pod), labels, fields);
  EXPECT_TRUE(selection) << labels << " " << fields;
  return selection && selection->matches(object);
}

TEST(Selection, LabelsAndFieldsMustAllMatch) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_TRUE(matches("app=web,tier in (front,back),!canary", ""));
  EXPECT_FALSE(matches("app!=web", ""));
  EXPECT_TRUE(matches("", "metadata.name=web-0"));
  EXPECT_TRUE(matches("", "metadata.namespace==shop,spec.nodeName=n1"));
  EXPECT_TRUE(matches("", "status.phase!=Failed,status.phase!=Succeeded"));
  EXPECT_FALSE(matches("", "status.phase!=Running"));
  EXPECT_FALSE(matches("app=web", "spec.nodeName=n2"));
}

TEST(Selection, FieldsThatAKindCannotBeSelectedByAreRefusedAsKubernetesDoes) {
  const auto selection = Selection::parse(model::info(model::Kind::Pod), "", "spec.foo=1");
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, 400U);
  EXPECT_EQ(selection.error().message,
            "Unable to find \"/v1, Resource=pods\" that match label selector \"\", field selector \"spec.foo=1\": "
            "field label "
            "not supported: spec.foo");
  EXPECT_FALSE(Selection::parse(model::info(model::Kind::ConfigMap), "", "status.phase=x"));
  EXPECT_FALSE(Selection::parse(model::info(model::Kind::Pod), "a in (", ""));
}

TEST(FieldSelector, EscapesAreDecodedAndNonsenseIsRefused) {
  const auto parsed = parse_field_selector(R"(a=x\,y\=z,b!=)");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 2U);
  EXPECT_EQ((*parsed)[0].value, "x,y=z");
  EXPECT_FALSE((*parsed)[1].equal);
  EXPECT_EQ((*parsed)[1].value, "");
  for (const auto* text : {"a", "=b", "a=b=c", "a=b,c", R"(a=b\)"}) EXPECT_FALSE(parse_field_selector(text)) << text;
}

TEST(Selection, AMissingFieldIsEmptyAndAMissingFlagIsFalse) {
  const auto selection = Selection::parse(model::info(model::Kind::Pod), "", "spec.nodeName=");
  ASSERT_TRUE(selection);
  EXPECT_TRUE(selection->matches(pod("")));
}

}  // namespace
}  // namespace berth::api
