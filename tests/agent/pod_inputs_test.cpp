// tests/agent/pod_inputs_test.cpp - what a pod's steps are given: the objects that it names, no others, and why it
// waits.
#include "agent/pods/pod_inputs.hpp"

#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kPod = R"({"apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "web-0", "namespace": "default", "uid": "u-1"},
  "spec": {"imagePullSecrets": [{"name": "registry"}, {"name": "absent"}],
    "initContainers": [{"name": "setup", "image": "x", "envFrom": [{"secretRef": {"name": "from"}}]}],
    "containers": [{"name": "main", "image": "x", "env": [
      {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "key", "key": "a"}}}]}],
    "volumes": [
      {"name": "one", "configMap": {"name": "mounted"}},
      {"name": "two", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "absent"}}]}},
      {"name": "three", "persistentVolumeClaim": {"claimName": "data-web-0"}}]}})";

class PodInputsTest : public ControllerFixture {
 protected:
  PodInputsTest() {
    put(kPod);
    for (const auto* name : {"key", "mounted", "other"}) put_data("ConfigMap", name, R"({"a": "1"})");
    for (const auto* name : {"from", "projected", "other"}) put_data("Secret", name, R"({"a": "MQ=="})");
    begin({});
  }
  void put_data(const std::string& kind, const std::string& name, const std::string& data) {
    put(R"({"apiVersion": "v1", "kind": ")" + kind + R"(", "metadata": {"name": ")" + name +
        R"(", "namespace": "default"}, "data": )" + data + "}");
  }
  const model::Pod& pod() { return *cache.pods().at({"default", "web-0"}); }
  StepInput make() { return make_step_input(pod(), cache, claims, {"host", "192.0.2.1", "cluster.local"}); }
  template <typename Map>
  static std::vector<std::string> names(const Map& map) {
    std::vector<std::string> all;
    for (const auto& [name, value] : map) all.push_back(name);
    return all;
  }

  std::unique_ptr<Lane> lane = make_inline_lane();
  volumes::FakeVolumes volumes;
  ClaimController claims{{.loop = loop,
                          .clock = clock,
                          .lane = *lane,
                          .cache = cache,
                          .store = *store,
                          .volumes = volumes,
                          .node_name = "host",
                          .kick = [](const std::string&) {},
                          .may_mount = [](const model::Pod&, const std::string&) { return std::string(); },
                          .held_until = [this] { return held_until; }}};
  BootTime held_until{};
};

TEST_F(PodInputsTest, HasTheObjectsThatThePodNamesAndNoOthers) {
  const auto input = make();
  EXPECT_EQ(input.facts.pod.meta.uid, "u-1");
  EXPECT_EQ(input.facts.node_name, "host");
  EXPECT_EQ(names(input.facts.config_maps), (std::vector<std::string>{"key", "mounted"}));
  EXPECT_EQ(names(input.facts.secrets), (std::vector<std::string>{"from", "projected"}));
  EXPECT_EQ(input.facts.config_maps.at("key")->data.at("a"), "1");
  EXPECT_EQ(input.facts.config_maps.at("key"), cache.config_maps().at({"default", "key"}))
      << "the cache's own, no copy";
}

TEST_F(PodInputsTest, SaysWhyItWaitsForAClaim) {
  EXPECT_EQ(make().blocked, "persistentvolumeclaim \"data-web-0\" not found");
  EXPECT_TRUE(make().facts.claims.empty());
}

TEST_F(PodInputsTest, SaysUntilWhenAVolumeOfOneHostAtATimeIsSurelyOurs) {
  const auto volume = [&](const std::string& mode) {
    put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{
        "nfs":{"server":"nas","path":"/data"},"claimRef":{"namespace":"default","name":"data-web-0"}}})");
    put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data-web-0","namespace":"default"},
        "spec":{"accessModes":[")" +
        mode + R"("],"volumeName":"pv"},"status":{"phase":"Bound"}})");
    settle();
  };
  volume("ReadWriteOnce");
  EXPECT_EQ(make().blocked, "") << "what is mounted already goes on";
  EXPECT_EQ(make().unsure, "volume \"pv\" may be another host's by now: waiting for this host's session to hold");
  held_until = std::chrono::seconds(1000);
  EXPECT_EQ(make().unsure, "");
  EXPECT_EQ(make().facts.claims.at("data-web-0").held_until, held_until);

  held_until = {};
  volume("ReadWriteMany");
  EXPECT_EQ(make().unsure, "") << "nobody has it alone";
}

TEST_F(PodInputsTest, KnowsWhichChangesConcernThePod) {
  using model::Kind;
  const auto concerns = [&](const model::ObjectKey& key) {
    return cache.pods_using(key).contains({"default", "web-0"});
  };
  EXPECT_TRUE(concerns({Kind::ConfigMap, "default", "mounted"}));
  EXPECT_TRUE(concerns({Kind::ConfigMap, "default", "absent"})) << "it may come yet";
  EXPECT_FALSE(concerns({Kind::ConfigMap, "default", "from"})) << "that is a secret";
  EXPECT_TRUE(concerns({Kind::Secret, "default", "from"}));
  EXPECT_FALSE(concerns({Kind::Secret, "default", "other"}));
  EXPECT_TRUE(concerns({Kind::Secret, "default", "registry"})) << "it pulls its images with that";
}

TEST_F(PodInputsTest, CredentialsAreForTheirRegistryOnly) {
  // {"auths": {"registry.example:5000": {"username": "u", "password": "p"}}}
  put_data(
      "Secret", "registry",
      R"({".dockerconfigjson": "eyJhdXRocyI6IHsicmVnaXN0cnkuZXhhbXBsZTo1MDAwIjogeyJ1c2VybmFtZSI6ICJ1IiwgInBhc3N3b3JkIjogInAifX19"})");
  settle();
  const auto keys = pull_keys(pod(), "registry.example:5000/web:1", cache);
  ASSERT_EQ(keys.auths.size(), 1U);
  EXPECT_EQ(keys.auths[0].username, "u");
  EXPECT_EQ(keys.auths[0].password, "p");
  EXPECT_EQ(keys.missing, std::vector<std::string>{"absent"});
  EXPECT_TRUE(pull_keys(pod(), "busybox", cache).auths.empty());
}

}  // namespace
}  // namespace berth::agent
