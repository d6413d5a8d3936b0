// tests/agent/object_cache_index_test.cpp - objects are found by what they name, as they come, change and go.
#include "agent/objects/object_cache.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <optional>

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

class ObjectCacheIndexTest : public testing::Test {
 protected:
  void put(std::string_view text) {
    auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    cache.apply({.type = store::ChangeType::Modified,
                 .object = std::make_shared<model::Object>(*model::make_object(raw->get_object())),
                 .previous = nullptr,
                 .revision = 0});
  }
  void drop(Kind kind, const std::string& name) {
    auto object = std::make_shared<model::Object>();
    object->kind = kind;
    object->meta.ns = "default";
    object->meta.name = name;
    cache.apply({.type = store::ChangeType::Deleted, .object = object, .previous = nullptr, .revision = 0});
  }
  void pod(const std::string& name, const std::string& uid, const std::string& meta, const std::string& spec) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default","uid":"{}"{}}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]{}}}}})",
                    name, uid, meta, spec));
  }
  static Name name(const std::string& of) { return {"default", of}; }
  std::vector<std::string> selected(const model::StringMap& selector) const {
    std::vector<std::string> names;
    for (const auto& found : cache.pods_selected("default", selector)) names.push_back(found->meta.name);
    return names;
  }

  ObjectCache cache;
};

constexpr const char* kOwned =
    R"(,"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"set","controller":true}])";

TEST_F(ObjectCacheIndexTest, PodsOfAnOwnerAndOrphans) {
  pod("a", "1", kOwned, "");
  pod("b", "2", R"(,"labels":{"controller-revision-hash":"x"})", "");
  pod("c", "3", "", "");
  EXPECT_THAT(cache.pods_of_owner("set"), ElementsAre(name("a")));
  EXPECT_THAT(cache.orphans("default"), ElementsAre(name("b"))) << "c was never a set's";
  pod("a", "1", R"(,"labels":{"controller-revision-hash":"x"})", "");
  EXPECT_THAT(cache.pods_of_owner("set"), IsEmpty());
  EXPECT_THAT(cache.orphans("default"), ElementsAre(name("a"), name("b")));
  drop(Kind::Pod, "a");
  drop(Kind::Pod, "a");
  EXPECT_THAT(cache.orphans("default"), ElementsAre(name("b")));
}

TEST_F(ObjectCacheIndexTest, ACopyIsOfUseWhenTheOtherIsGone) {
  pod("a", "1", kOwned, R"(,"nodeName":"n1")");
  pod("b", "2", kOwned, R"(,"nodeName":"n1")");
  std::optional<ObjectCache> copy(cache);
  drop(Kind::Pod, "a");
  EXPECT_THAT(copy->pods_of_owner("set"), ElementsAre(name("a"), name("b")));
  EXPECT_THAT(copy->pods_of_node("n1"), ElementsAre(name("a"), name("b")));
  EXPECT_THAT(cache.pods_of_owner("set"), ElementsAre(name("b")));

  cache.replace(*std::move(copy));
  copy.reset();
  EXPECT_THAT(cache.pods_of_owner("set"), ElementsAre(name("a"), name("b")))
      << "what was moved points to what was moved";
}

TEST_F(ObjectCacheIndexTest, PodsOfANodeAndThoseWithout) {
  pod("a", "1", "", "");
  EXPECT_THAT(cache.pods_of_node(""), ElementsAre(name("a")));
  pod("a", "1", "", R"(,"nodeName":"n1")");
  EXPECT_THAT(cache.pods_of_node(""), IsEmpty());
  EXPECT_THAT(cache.pods_of_node("n1"), ElementsAre(name("a")));
}

TEST_F(ObjectCacheIndexTest, PodsThatUseAConfigMapASecretOrAClaim) {
  const model::ObjectKey map{Kind::ConfigMap, "default", "settings"};
  const model::ObjectKey secret{Kind::Secret, "default", "key"};
  const model::ObjectKey claim{Kind::PersistentVolumeClaim, "default", "data"};
  pod("a", "1", "", R"(,"volumes":[{"name":"m","projected":{"sources":[{"configMap":{"name":"settings"}}]}},
      {"name":"s","secret":{"secretName":"key"}},{"name":"d","persistentVolumeClaim":{"claimName":"data"}}])");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","namespace":"default","uid":"2"},"spec":{"containers":[
      {"name":"c","image":"x","envFrom":[{"configMapRef":{"name":"settings"}}],
      "env":[{"name":"K","valueFrom":{"secretKeyRef":{"name":"key","key":"k"}}}]}]}})");
  EXPECT_THAT(cache.pods_using(map), ElementsAre(name("a"), name("b")));
  EXPECT_THAT(cache.pods_using(secret), ElementsAre(name("a"), name("b")));
  EXPECT_THAT(cache.pods_using(claim), ElementsAre(name("a")));
  pod("a", "9", "", "");  // Made again, with other volumes.
  EXPECT_THAT(cache.pods_using(map), ElementsAre(name("b")));
  EXPECT_THAT(cache.pods_using(claim), IsEmpty());
}

TEST_F(ObjectCacheIndexTest, PodsThatASelectorMatches) {
  pod("a", "1", R"(,"labels":{"app":"web","tier":"front"})", "");
  pod("b", "2", R"(,"labels":{"app":"web"})", "");
  EXPECT_EQ(selected({{"app", "web"}}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(selected({{"app", "web"}, {"tier", "front"}}), (std::vector<std::string>{"a"}));
  EXPECT_EQ(selected({}), std::vector<std::string>{}) << "endpoints by hand";
  pod("a", "1", R"(,"labels":{"app":"other"})", "");
  EXPECT_EQ(selected({{"app", "web"}}), (std::vector<std::string>{"b"}));
}

TEST_F(ObjectCacheIndexTest, ServicesThatSelectAPod) {
  const auto service = [&](const std::string& selector) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"selector":{}}}}})",
                    selector));
  };
  service(R"({"app":"web","tier":"front"})");
  EXPECT_EQ(cache.services_selecting("default", {{"app", "web"}, {"tier", "front"}, {"x", "y"}}).size(), 1U);
  EXPECT_TRUE(cache.services_selecting("default", {{"app", "web"}}).empty());
  EXPECT_TRUE(cache.services_selecting("other", {{"app", "web"}, {"tier", "front"}}).empty());
  service(R"({"tier":"front"})");
  EXPECT_EQ(cache.services_selecting("default", {{"app", "web"}, {"tier", "front"}}).size(), 1U);
  service("{}");
  EXPECT_TRUE(cache.services_selecting("default", {{"app", "web"}, {"tier", "front"}}).empty());
  service(R"({"app":"web"})");
  drop(Kind::Service, "web");
  EXPECT_TRUE(cache.services_selecting("default", {{"app", "web"}}).empty());
}

TEST_F(ObjectCacheIndexTest, RevisionsAndSlicesOfAnOwner) {
  const auto revision = [&](const std::string& uid) {
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{{"name":"db-1",
        "namespace":"default","labels":{{"controller-revision-hash":"1"}},"ownerReferences":[{{"apiVersion":"apps/v1",
        "kind":"DaemonSet","name":"db","uid":"{}","controller":true}}]}},"data":{{"spec":{{"template":{{}}}}}},
        "revision":4}})",
                    uid));
  };
  revision("one");
  EXPECT_THAT(cache.revisions_of_owner("one"), ElementsAre(name("db-1")));
  EXPECT_EQ(cache.revisions().at(name("db-1"))->number, 4);
  EXPECT_EQ(cache.revisions().at(name("db-1"))->hash_label, "1");
  revision("two");
  EXPECT_THAT(cache.revisions_of_owner("one"), IsEmpty());
  drop(Kind::ControllerRevision, "db-1");
  EXPECT_THAT(cache.revisions_of_owner("two"), IsEmpty());

  put(R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"web-x","namespace":"default",
      "labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io",
      "kubernetes.io/service-name":"web"},"ownerReferences":[{"apiVersion":"v1","kind":"Service","name":"web","uid":"s"}]},
      "addressType":"IPv4","endpoints":[]})");
  EXPECT_THAT(cache.derived_slices("s"), ElementsAre(name("web-x")));
  drop(Kind::EndpointSlice, "web-x");
  EXPECT_THAT(cache.derived_slices("s"), IsEmpty());
}

}  // namespace
}  // namespace berth::agent
