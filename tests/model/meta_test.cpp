// tests/model/meta_test.cpp - kinds, keys, metadata and make_object.
#include "model/meta.hpp"

#include <gtest/gtest.h>

#include <set>

namespace berth::model {
namespace {

json::object parse(std::string_view text) { return parse_json(text)->get_object(); }

TEST(Kinds, TheTableIsInEnumOrderAndEverySpellingIsFound) {
  int index = 0;
  for (const auto& kind : all_kinds()) {
    EXPECT_EQ(static_cast<int>(kind.kind), index++);
    EXPECT_EQ(&info(kind.kind), &kind);
    EXPECT_EQ(find_kind(kind.name), &kind);
    EXPECT_EQ(find_kind(kind.plural), &kind);
    EXPECT_EQ(find_kind(kind.singular), &kind);
    if (!kind.short_names.empty()) {
      EXPECT_EQ(find_kind(kind.short_names), &kind);
    }
  }
  EXPECT_EQ(find_kind("STS")->kind, Kind::StatefulSet);
  EXPECT_EQ(find_kind("deploy")->kind, Kind::Deployment);
  EXPECT_EQ(find_kind("ship"), nullptr);
  EXPECT_EQ(find_kind(""), nullptr);
  EXPECT_EQ(info(Kind::StatefulSet).api_version(), "apps/v1");
  EXPECT_EQ(info(Kind::Pod).api_version(), "v1");
}

TEST(ObjectKey, DisplaysWithItsNamespaceWhereThereIsOne) {
  EXPECT_EQ((ObjectKey{Kind::StatefulSet, "default", "web"}.display()), "StatefulSet default/web");
  EXPECT_EQ((ObjectKey{Kind::Node, "", "worker1"}.display()), "Node worker1");
}

TEST(Meta, SurvivesARoundTrip) {
  ObjectMeta meta;
  meta.name = "web-0";
  meta.ns = "shop";
  meta.uid = new_uid();
  meta.resource_version = 18446744073709551615U;
  meta.generation = 3;
  meta.creation_timestamp = "2026-11-21T09:25:13Z";
  meta.deletion_timestamp = "2026-11-21T09:26:13Z";
  meta.deletion_grace_period_seconds = 0;
  meta.labels = {{"app", "web"}};
  meta.annotations = {{"a.b/c", "d"}};
  meta.owner_references = {{"apps/v1", "StatefulSet", "web", "u", true, true}};
  meta.finalizers = {"x/y"};
  const auto again = decode_meta(encode_meta(meta));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(encode_meta(*again), encode_meta(meta));
  EXPECT_EQ(again->resource_version, meta.resource_version);
  EXPECT_EQ(again->deletion_grace_period_seconds, 0);
  EXPECT_EQ(again->controller()->name, "web");
  EXPECT_TRUE(again->deleting());
}

TEST(Meta, UnsetFieldsAreLeftOut) { EXPECT_TRUE(encode_meta({}).empty()); }

TEST(Meta, AFieldOfTheWrongTypeIsNamedWithItsPath) {
  const auto meta = decode_meta(parse(R"({"name":"a","labels":{"x/y":1}})"));
  ASSERT_FALSE(meta.ok());
  EXPECT_EQ(meta.error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(meta.error().message(), "metadata.labels[\"x/y\"]: expected a string, found a number (quote it)");
}

TEST(MakeObject, KeepsTheWholeJson) {
  const auto raw =
      parse(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"},"own":[1,{"x":2}]})");
  const auto object = make_object(raw);
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(object->raw, raw);
  EXPECT_EQ(object->key(), (ObjectKey{Kind::Pod, "b", "a"}));
}

TEST(MakeObject, RefusesWhatHasNoSoundKindNameOrNamespace) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "kind: required"},
      {R"({"kind":"Pod","metadata":{"name":"a","namespace":"b"}})", "apiVersion: required"},
      {R"({"apiVersion":"v1","kind":"Pood","metadata":{"name":"a"}})", "kind: unknown kind \"Pood\""},
      {R"({"apiVersion":"v2","kind":"Pod","metadata":{"name":"a","namespace":"b"}})",
       "apiVersion: Pod is \"v1\" here, found \"v2\""},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"b"}})", "metadata.name: required"},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}})", "metadata.namespace: required"},
      {R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"a","namespace":"b"}})",
       "metadata.namespace: forbidden: a Node has no namespace"},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":"x"})", "metadata: expected a mapping, found a string"},
      {R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"a","resourceVersion":"7x"}})",
       "metadata.resourceVersion: invalid value: \"7x\": not a revision of this store"},
  };
  for (const auto& [text, message] : cases) {
    const auto object = make_object(parse(text));
    ASSERT_FALSE(object.ok()) << text;
    EXPECT_EQ(object.error().message(), message);
  }
}

TEST(NewUid, IsARandomVersion4Uuid) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto uid = new_uid();
    ASSERT_EQ(uid.size(), 36U);
    EXPECT_EQ(uid[14], '4');
    EXPECT_NE(std::string("89ab").find(uid[19]), std::string::npos);
    EXPECT_TRUE(seen.insert(uid).second);
  }
}

}  // namespace
}  // namespace berth::model
