// tests/agent/object_cache_test.cpp - rows of any shape, which somebody's hand or another version left in the store.
#include "agent/objects/object_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "agent/services/names.hpp"

namespace berth::agent {
namespace {

model::Object bare(const model::KindInfo& kind) {
  json::object metadata{{"name", "odd"}};
  if (kind.namespaced) metadata["namespace"] = "default";
  json::object raw{{"apiVersion", kind.api_version()}, {"kind", kind.name}, {"metadata", std::move(metadata)}};
  return *model::make_object(std::move(raw));
}

store::Change added(model::Object object) {
  return {store::ChangeType::Added, std::make_shared<const model::Object>(std::move(object)), nullptr, 1};
}

TEST(ObjectCache, ARowOfNothingButMetadataHurtsNobodyWhateverItsKind) {
  ObjectCache cache;
  for (const auto& kind : model::all_kinds()) cache.apply(added(bare(kind)));
  EXPECT_TRUE(cache.pods().empty()) << "nobody may plan with a pod without a spec";
  EXPECT_TRUE(cache.stateful_sets().empty());
  EXPECT_TRUE(cache.daemon_sets().empty());
  EXPECT_TRUE(cache.claims().empty());
  EXPECT_TRUE(cache.volumes().empty());
  std::ignore = make_names(cache, "cluster.local");
}

TEST(ObjectCache, FieldsOfWrongTypesHurtNobodyWhateverTheKind) {
  const std::vector<json::value> shapes{nullptr,
                                        1,
                                        "text",
                                        true,
                                        json::array{},
                                        json::array{1, "x"},
                                        json::object{},
                                        json::object{{"template", 1}},
                                        json::object{{"template", json::object{}}},
                                        json::object{{"containers", json::array{1}}}};
  for (const auto& kind : model::all_kinds()) {
    for (const auto* field :
         {"spec", "status", "data", "subsets", "endpoints", "ports", "involvedObject", "revision"}) {
      for (const auto& shape : shapes) {
        ObjectCache cache;
        auto object = bare(kind);
        object.raw[field] = shape;
        cache.apply(added(object));
        std::ignore = make_names(cache, "cluster.local");
        cache.apply({store::ChangeType::Deleted, std::make_shared<const model::Object>(object), nullptr, 2});
      }
    }
  }
}

model::Object pod(const std::string& name, json::object labels) {
  return *model::make_object({{"apiVersion", "v1"},
                              {"kind", "Pod"},
                              {"metadata", {{"name", name}, {"namespace", "default"}, {"labels", std::move(labels)}}},
                              {"spec", {{"containers", json::array{{{"name", "c"}, {"image", "x"}}}}}}});
}

/// They are the only ones of their kind and in no index: thousands of entries that nobody asks for.
TEST(ObjectCache, APodOfASetIsFoundByTheLabelsThatAreItsOwn) {
  constexpr auto kName = "statefulset.kubernetes.io/pod-name";
  constexpr auto kIndex = "apps.kubernetes.io/pod-index";
  ObjectCache cache;
  for (const auto* index : {"0", "1", "2"}) {
    const auto name = std::string("web-") + index;
    cache.apply(added(pod(name, {{"app", "web"}, {kName, name}, {kIndex, index}})));
  }
  cache.apply(added(pod("byhand", {{kName, "web-1"}})));
  const auto selected = [&](const model::StringMap& selector) {
    std::vector<std::string> names;
    for (const auto& each : cache.pods_selected("default", selector)) names.push_back(each->meta.name);
    std::sort(names.begin(), names.end());
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(selected({{kName, "web-0"}}), Names{"web-0"});
  EXPECT_EQ(selected({{kName, "web-1"}}), (Names{"byhand", "web-1"})) << "whoever has the label";
  EXPECT_EQ(selected({{kName, "web-1"}, {"app", "web"}}), Names{"web-1"});
  EXPECT_EQ(selected({{kIndex, "2"}}), Names{"web-2"});
  EXPECT_EQ(selected({{kIndex, "2"}, {"app", "web"}}), Names{"web-2"});
  EXPECT_EQ(selected({{kName, "web-0"}, {kIndex, "2"}}), Names{});
  EXPECT_EQ(selected({{"app", "web"}}), (Names{"web-0", "web-1", "web-2"}));
  EXPECT_EQ(selected({}), Names{});
  // Renamed by hand, and gone.
  cache.apply(added(pod("web-0", {{kName, "web-2"}})));
  cache.apply({store::ChangeType::Deleted, std::make_shared<const model::Object>(pod("byhand", {})), nullptr, 2});
  EXPECT_EQ(selected({{kName, "web-0"}}), Names{});
  EXPECT_EQ(selected({{kName, "web-1"}}), Names{"web-1"});
  EXPECT_EQ(selected({{kName, "web-2"}}), (Names{"web-0", "web-2"}));
}

/// A kind that nothing here plans with needs no line here: the agent goes past it, also in a snapshot.
/// Number `index` of a set whose pods run `image`.
model::Object pod_of_set(int index, const std::string& image) {
  return *model::make_object(parse_json(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web-{}",
      "namespace":"default","uid":"p{}","ownerReferences":[{{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web",
      "uid":"s","controller":true}}]}},"spec":{{"nodeName":"n{}","tolerations":[{{"operator":"Exists"}}],
      "containers":[{{"name":"main","image":"{}","livenessProbe":{{"exec":{{"command":["true"]}}}}}}]}}}})",
                                                    index, index, index, image))
                                 ->as_object());
}

TEST(ObjectCache, WhatPodsOfOneControllerHaveInCommonIsThereOnce) {
  ObjectCache cache;
  for (int i = 0; i < 3; ++i) cache.apply(added(pod_of_set(i, "a:1")));
  const auto containers = [&](int index) {
    return &cache.pod({"default", "web-" + std::to_string(index)})->spec.containers.items();
  };
  EXPECT_EQ(containers(0), containers(1));
  EXPECT_EQ(containers(0), containers(2));
  EXPECT_EQ(&cache.pod({"default", "web-0"})->spec.tolerations.items(),
            &cache.pod({"default", "web-2"})->spec.tolerations.items());
  EXPECT_EQ(cache.pod({"default", "web-2"})->spec.node_name, "n2");

  // Rolled out from the last to the first, and every pod is written once more when it is ready.
  for (int i = 2; i >= 0; --i) {
    cache.apply(added(pod_of_set(i, "a:2")));
    EXPECT_EQ(containers(i)->front().image, "a:2");
    if (i > 0) {
      EXPECT_EQ(containers(0)->front().image, "a:1") << "the others keep theirs";
    }
  }
  for (int i = 0; i < 3; ++i) cache.apply(added(pod_of_set(i, "a:2")));
  EXPECT_EQ(containers(0), containers(1));
  EXPECT_EQ(containers(0), containers(2));
}

TEST(ObjectCache, AKindWithoutARowIsTakenInAndGoesAgain) {
  const auto last = static_cast<int>(model::all_kinds().back().kind);
  ObjectCache cache;
  auto object = bare(model::info(model::Kind::ConfigMap));
  cache.apply(added(object));
  auto next = object;
  next.kind = static_cast<model::Kind>(last + 1);  // Added tomorrow, with a row in model/ only.
  cache.apply(added(next));
  ObjectCache snapshot;
  snapshot.put(next);
  EXPECT_TRUE(cache.replace(std::move(snapshot)).empty());
  EXPECT_TRUE(cache.config_maps().empty()) << "the snapshot had none";
  cache.apply({store::ChangeType::Deleted, std::make_shared<const model::Object>(next), nullptr, 4});
}

}  // namespace
}  // namespace berth::agent
