// tests/model/field_set_test.cpp - sets of field paths: fieldsV1 text, algebra, and the fields of real objects.
#include "model/field_set.hpp"

#include <gtest/gtest.h>

#include <string>

#include "model/object_fields.hpp"

namespace berth::model {
namespace {

json::object object(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? value->get_object() : json::object();
}

FieldSet set(std::string_view text) {
  auto decoded = decode_field_set(object(text));
  EXPECT_TRUE(decoded) << text;
  return decoded ? *std::move(decoded) : FieldSet();
}

std::string text(const FieldSet& fields) { return json::serialize(encode_field_set(fields)); }

/// The fields of a pod's spec.
std::string pod_fields(std::string_view spec) { return text(fields_of(schema_type("PodSpec"), object(spec))); }

TEST(FieldSet, FieldsV1IsReadAndWrittenAsItWas) {
  for (const auto* fields : {
           R"({})",
           R"({"f:metadata":{"f:annotations":{".":{},"f:a":{}}},"f:spec":{"f:replicas":{}}})",
           R"({"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{}}}})",
           R"({"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{}}})",
           R"({"f:finalizers":{".":{},"v:\"a\"":{}}})",
           R"({"f:list":{"i:3":{}}})",
       }) {
    EXPECT_EQ(text(set(fields)), fields);
  }
}

TEST(FieldSet, TheOrderOfKeysInAnElementDoesNotMatter) {
  EXPECT_EQ(set(R"({"k:{\"protocol\":\"TCP\",\"containerPort\":80}":{}})"),
            set(R"({"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{}})"));
}

TEST(FieldSet, WhatIsNoFieldsV1IsRefused) {
  for (const auto* fields : {R"({"x":{}})", R"({"k:name":{}})", R"({"k:[1]":{}})", R"({"i:\"a\"":{}})", R"({"f:a":1})",
                             R"({"v:":{}})", R"({"":{}})"}) {
    EXPECT_FALSE(decode_field_set(object(fields))) << fields;
  }
  EXPECT_FALSE(decode_field_set(json::value("text")));
}

TEST(FieldSet, AlgebraIsOfExactPaths) {
  const auto a = set(R"({"f:a":{".":{},"f:x":{},"f:y":{}},"f:b":{}})");
  const auto b = set(R"({"f:a":{"f:x":{}},"f:c":{}})");
  EXPECT_EQ(text(united(a, b)), R"({"f:a":{".":{},"f:x":{},"f:y":{}},"f:b":{},"f:c":{}})");
  EXPECT_EQ(text(common(a, b)), R"({"f:a":{"f:x":{}}})");
  EXPECT_EQ(text(without(a, b)), R"({"f:a":{".":{},"f:y":{}},"f:b":{}})");
  EXPECT_EQ(text(without(b, a)), R"({"f:c":{}})");
  EXPECT_TRUE(without(a, a).empty());
  EXPECT_TRUE(a.has({"f:a"}));
  EXPECT_FALSE(b.has({"f:a"}));
  EXPECT_FALSE(b.has({"f:a", "f:y"}));
}

TEST(FieldSet, PathsReadAsInMessages) {
  EXPECT_EQ(path_text({"f:spec", "f:containers", R"(k:{"name":"web"})", "f:image"}),
            R"(.spec.containers[name="web"].image)");
  EXPECT_EQ(path_text({"f:ports", R"(k:{"port":80,"protocol":"TCP"})"}), R"(.ports[port=80,protocol="TCP"])");
  EXPECT_EQ(path_text({"f:finalizers", R"(v:"a")"}), R"(.finalizers[="a"])");
  EXPECT_EQ(path_text({"f:list", "i:2"}), ".list[2]");
}

TEST(ObjectFields, ListsWithKeysAreTakenApartAndAtomicOnesAreNot) {
  EXPECT_EQ(pod_fields(R"({"containers":[{"name":"a","args":["x"],"ports":[{"containerPort":80}],
                           "env":[{"name":"E","value":"1"}]}],"tolerations":[{"key":"t"}]})"),
            R"({"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:args":{},)"
            R"("f:env":{"k:{\"name\":\"E\"}":{".":{},"f:name":{},"f:value":{}}},"f:name":{},)"
            R"("f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}},)"
            R"("f:tolerations":{}})");
}

TEST(ObjectFields, AtomicMapsAndEmptyStructsAreOneField) {
  EXPECT_EQ(pod_fields(R"({"nodeSelector":{"a":"b"},"securityContext":{},"overhead":{"cpu":"1"},"hostname":null})"),
            R"({"f:nodeSelector":{},"f:overhead":{"f:cpu":{}},"f:securityContext":{}})");
  EXPECT_EQ(text(fields_of(schema_type("ObjectMeta"), object(R"({"labels":{"a":"b"},"finalizers":["x","y"],
      "ownerReferences":[{"uid":"1","name":"n"}]})"))),
            R"({"f:finalizers":{"v:\"x\"":{},"v:\"y\"":{}},"f:labels":{"f:a":{}},)"
            R"("f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}})");
}

TEST(ObjectFields, ComparingTellsChangedFromRemoved) {
  const auto changes =
      compare_fields(schema_type("PodSpec"), object(R"({"hostname":"a","subdomain":"s",
      "containers":[{"name":"a","image":"1"},{"name":"b"}]})"),
                     object(R"({"hostname":"z","containers":[{"name":"c"},{"name":"a","image":"2"}]})"));
  EXPECT_EQ(text(changes.changed),
            R"({"f:containers":{"k:{\"name\":\"a\"}":{"f:image":{}},"k:{\"name\":\"c\"}":{".":{},"f:name":{}}},)"
            R"("f:hostname":{}})");
  EXPECT_EQ(text(changes.removed), R"({"f:containers":{"k:{\"name\":\"b\"}":{".":{},"f:name":{}}},"f:subdomain":{}})");
}

TEST(ObjectFields, EqualObjectsHaveNoChangesWhateverTheOrderOfTheirElements) {
  const auto a = object(R"({"containers":[{"name":"a"},{"name":"b"}],"nodeSelector":{"x":"1","y":"2"}})");
  const auto b = object(R"({"nodeSelector":{"y":"2","x":"1"},"containers":[{"name":"b"},{"name":"a"}]})");
  const auto changes = compare_fields(schema_type("PodSpec"), a, b);
  EXPECT_TRUE(changes.changed.empty());
  EXPECT_TRUE(changes.removed.empty());
}

TEST(ObjectFields, MergingKeepsWhatOnlyTheLiveObjectHas) {
  auto live = object(R"({"containers":[{"name":"s"},{"name":"a","image":"1","tty":true},{"name":"t"}],
                         "tolerations":[{"key":"x"}],"nodeSelector":{"x":"1"},"hostname":"h"})");
  merge_fields(schema_type("PodSpec"), live,
               object(R"({"containers":[{"name":"n"},{"name":"a","image":"2"}],"tolerations":[],
                          "nodeSelector":{"y":"2"}})"));
  EXPECT_EQ(json::serialize(live),
            R"({"containers":[{"name":"s"},{"name":"n"},{"name":"a","image":"2","tty":true},{"name":"t"}],)"
            R"("tolerations":[],"nodeSelector":{"y":"2"},"hostname":"h"})");
}

TEST(ObjectFields, RemovingTakesElementsWholeAndWhatIsLeftEmpty) {
  auto live = object(R"({"containers":[{"name":"a","image":"1","tty":true},{"name":"b"}],"overhead":{"cpu":"1"}})");
  remove_fields(schema_type("PodSpec"), live,
                set(R"({"f:containers":{"k:{\"name\":\"a\"}":{"f:image":{}},"k:{\"name\":\"b\"}":{}},
                        "f:overhead":{"f:cpu":{}},"f:unknown":{}})"));
  EXPECT_EQ(json::serialize(live), R"({"containers":[{"name":"a","tty":true}]})");
}

TEST(ObjectFields, NamedParentsAreStructFieldsOnly) {
  EXPECT_EQ(text(with_named_parents(schema_type("Pod"),
                                    set(R"({"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:image":{}}}},
                                            "f:metadata":{"f:labels":{"f:x":{}}}})"))),
            R"({"f:metadata":{".":{},"f:labels":{".":{},"f:x":{}}},)"
            R"("f:spec":{".":{},"f:containers":{".":{},"k:{\"name\":\"a\"}":{"f:image":{}}}}})");
}

TEST(ObjectFields, AConfigurationNeedsItsKeysAndEachOnce) {
  const auto why = [](std::string_view spec) {
    const auto fine = check_list_keys(schema_type("Pod"), object(spec));
    return fine ? std::string() : fine.error().message();
  };
  EXPECT_EQ(why(R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80}]}]}})"), "");
  EXPECT_EQ(why(R"({"spec":{"containers":[{"name":"a"},{"image":"x"}]}})"),
            ".spec.containers: element 1: associative list with keys has an element that omits key field \"name\" (and "
            "doesn't have default value)");
  EXPECT_EQ(why(R"({"spec":{"containers":[{"name":"a","env":[{"name":"E"},{"name":"E"}]}]}})"),
            R"(.spec.containers[name="a"].env: duplicate entries for key [name="E"])");
}

TEST(ObjectFields, ValuesOfAnotherShapeThanTheSchemasAreOneField) {
  EXPECT_EQ(pod_fields(R"({"containers":{"not":"a list"},"volumes":["a"],"overhead":7,"madeUp":{"a":[1]}})"),
            R"({"f:containers":{},"f:madeUp":{},"f:overhead":{},"f:volumes":{}})");
}

}  // namespace
}  // namespace berth::model
