// tests/api/openapi_test.cpp - the API's description of itself: whole, true to the schema table, readable by gnostic.
#include "api/openapi/openapi.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/openapi/openapi_protobuf.hpp"
#include "api/request/group_versions.hpp"
#include "base/json.hpp"
#include "model/schema_types.hpp"
#include "model/schema_words.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

HttpResponse page(const std::vector<std::string>& segments, std::string_view query = "",
                  std::string_view accept = "application/json") {
  auto answer = openapi_page(segments, *Query::parse(query), accept);
  EXPECT_TRUE(answer);
  return answer ? *std::move(answer) : HttpResponse{};
}

json::value document(const std::vector<std::string>& segments) { return *parse_json(page(segments).body); }

/// Notes the last part of every "$ref".
void collect_refs(const json::value& value, std::set<std::string>& refs) {
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) collect_refs(item, refs);
  }
  const auto* object = value.if_object();
  if (object == nullptr) return;
  for (const auto& entry : *object) {
    if (entry.key() == "$ref") {
      const std::string ref(entry.value().as_string());
      refs.insert(ref.substr(ref.rfind('/') + 1));
    } else {
      collect_refs(entry.value(), refs);
    }
  }
}

void expect_refs_resolve(const json::value& all, const json::object& schemas) {
  std::set<std::string> refs;
  collect_refs(all, refs);
  EXPECT_GT(refs.size(), 5U);
  for (const auto& ref : refs) EXPECT_TRUE(schemas.contains(ref)) << ref;
}

TEST(OpenApi, TheIndexNamesEveryGroupVersionByItsHash) {
  const auto index = document({"openapi", "v3"});
  for (const auto& where : group_versions()) {
    const auto path = where.group.empty() ? "api/v1" : fmt::format("apis/{}", where.text());
    const std::string url(index.at("paths").at(path).at("serverRelativeURL").as_string());
    EXPECT_THAT(url, testing::MatchesRegex(fmt::format("/openapi/v3/{}.hash=[0-9A-F]+", path)));
    std::vector<std::string> segments{"openapi", "v3"};
    for (std::size_t at = 0; at <= path.size();) {
      const auto end = std::min(path.find('/', at), path.size());
      segments.push_back(path.substr(at, end - at));
      at = end + 1;
    }
    const auto fresh = page(segments, url.substr(url.find('?') + 1));
    EXPECT_THAT(fresh.headers, testing::Contains(testing::Pair("Cache-Control", HasSubstr("immutable"))));
    EXPECT_EQ(page(segments, "hash=0").headers.size(), 1U);
    const auto parsed = *parse_json(fresh.body);
    expect_refs_resolve(parsed, parsed.at("components").at("schemas").as_object());
  }
  EXPECT_FALSE(openapi_page({"openapi", "v3", "apis", "nope", "v1"}, {}, ""));
  EXPECT_FALSE(openapi_page({"openapi", "v4"}, {}, ""));
}

TEST(OpenApi, AKindSaysWhatItIsAndHowItMerges) {
  const auto parsed = document({"openapi", "v3", "api", "v1"});
  const auto& schemas = parsed.at("components").at("schemas").as_object();
  const auto& pod = schemas.at("io.k8s.api.core.v1.Pod");
  EXPECT_EQ(json::serialize(pod.at("x-kubernetes-group-version-kind")),
            R"([{"group":"","kind":"Pod","version":"v1"}])");
  const auto& spec = schemas.at("io.k8s.api.core.v1.PodSpec").at("properties");
  const auto& volumes = spec.at("volumes");
  EXPECT_EQ(volumes.at("x-kubernetes-patch-strategy"), "merge,retainKeys");
  EXPECT_EQ(volumes.at("x-kubernetes-patch-merge-key"), "name");
  EXPECT_EQ(volumes.at("x-kubernetes-list-type"), "map");
  EXPECT_EQ(spec.at("tolerations").at("x-kubernetes-list-type"), "atomic");
  const auto& ports = schemas.at("io.k8s.api.core.v1.Container").at("properties").at("ports");
  EXPECT_EQ(json::serialize(ports.at("x-kubernetes-list-map-keys")), R"(["containerPort","protocol"])");
  EXPECT_EQ(json::serialize(schemas.at("io.k8s.api.core.v1.PodSpec").at("required")), R"(["containers"])");
  const std::string text(spec.at("runtimeClassName").at("description").as_string());
  EXPECT_THAT(text, HasSubstr("no effect here"));
  EXPECT_EQ(schemas.at("io.k8s.api.core.v1.Secret").at("properties").at("data").at("additionalProperties").at("format"),
            "byte");
  const auto& patch = parsed.at("paths").at("/api/v1/namespaces/{namespace}/pods/{name}").at("patch");
  std::set<std::string> names;
  for (const auto& parameter : patch.at("parameters").as_array()) names.emplace(parameter.at("name").as_string());
  EXPECT_THAT(names, testing::IsSupersetOf({"dryRun", "fieldManager", "fieldValidation", "force"}));
}

TEST(OpenApi, BetaSetsNeedNoSelectorAndTodaysDo) {
  const auto parsed = document({"openapi", "v2"});
  const auto& definitions = parsed.at("definitions").as_object();
  EXPECT_EQ(json::serialize(definitions.at("io.k8s.api.apps.v1.StatefulSetSpec").at("required")),
            R"(["selector","template"])");
  EXPECT_EQ(json::serialize(definitions.at("io.k8s.api.apps.v1beta1.StatefulSetSpec").at("required")),
            R"(["template"])");
  EXPECT_EQ(definitions.at("io.k8s.api.apps.v1beta1.StatefulSet").at("properties").at("spec").at("$ref"),
            "#/definitions/io.k8s.api.apps.v1beta1.StatefulSetSpec");
  expect_refs_resolve(parsed, definitions);
  // Types that may have more fields list none: old clients refuse what is not listed.
  EXPECT_FALSE(definitions.at("io.k8s.api.core.v1.PodStatus").as_object().contains("properties"));
}

TEST(OpenApi, VersionTwoIsProtobufForThoseWhoAskForIt) {
  const auto asked = page({"openapi", "v2"}, "", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  EXPECT_EQ(asked.content_type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  EXPECT_EQ(asked.body.substr(0, 5), std::string("\x0a\x03"
                                                 "2.0"));
  EXPECT_GT(asked.body.size(), 50'000U);
  EXPECT_EQ(page({"openapi", "v2"}, "", "application/json, */*").content_type, "application/json");
}

TEST(OpenApi, ASchemaIsEncodedWithGnosticsFieldNumbers) {
  const auto schema = parse_json(R"({"type":"object","required":["a"],"properties":{"a":{"$ref":"#/d/X"}},"x-k":1})");
  const std::string property =
      "\x0a\x01"
      "a"
      "\x12\x07\x0a\x05#/d/X";
  const std::string extension =
      "\x0a\x03"
      "x-k"
      "\x12\x03\x12\x01"
      "1";
  std::string message =
      "\x9a\x01\x01"
      "a";  // 19: required
  message +=
      "\xb2\x01\x08\x0a\x06"
      "object";                                  // 22: type
  message += "\xca\x01\x0e\x0a\x0c" + property;  // 25: properties
  message += "\xfa\x01\x0a" + extension;         // 31: vendor_extension
  const std::string named = "\x0a\x01N\x12" + std::string(1, static_cast<char>(message.size())) + message;
  EXPECT_EQ(named_schema("N", schema->get_object()), "\x0a" + std::string(1, static_cast<char>(named.size())) + named);
}

TEST(OpenApi, EveryTypeHasWordsAndEveryWordAField) {
  const auto words = model::read_schema_words();
  for (const auto& [name, type] : model::schema_types()) {
    const auto found = words.find(name);
    ASSERT_NE(found, words.end()) << name << ": add it to model/schema_words.txt";
    EXPECT_THAT(std::string(found->second.upstream), testing::MatchesRegex("[a-z0-9.]+\\.v[0-9a-z]+\\.[A-Za-z]+"));
    for (const auto& [field, text] : found->second.fields) EXPECT_NE(type.find(field), nullptr) << name << "." << field;
  }
  for (const auto& [name, type] : words) EXPECT_TRUE(model::schema_types().contains(name)) << name;
}

}  // namespace
}  // namespace berth::api
