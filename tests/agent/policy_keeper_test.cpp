// tests/agent/policy_keeper_test.cpp - what the kernel is told of policies, and when a pod may start.
#include "agent/policies/policy_keeper.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "agent/services/last_known.hpp"
#include "base/lane.hpp"
#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_network.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class PolicyKeeperTest : public ControllerFixture {
 protected:
  void SetUp() override {
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    begin({{.name = "policies",
            .wakes = [this](const store::Change& change, const Waker&) { keeper.on_change(change); },
            .all = [this](const Waker&) { keeper.look_at_all(); },
            .plan = [](const model::ObjectKey&) { return Work{}; }}});
  }

  /// As a source or the API writes it; its network is not there yet.
  PodPtr pod(const std::string& name, const std::string& role, const std::string& rest = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"default",
        "labels":{{"role":"{1}"}}}},"spec":{{"nodeName":"n1"{2},"containers":[{{"name":"c","image":"x",
        "ports":[{{"name":"http","containerPort":8080,"protocol":"TCP"}}]}}]}}}})",
                    name, role, rest));
    settle();
    return cache.pod({"default", name});
  }
  std::string attach(const model::Pod& pod) {
    network::NetworkSpec spec;
    spec.pod_uid = pod.meta.uid;
    spec.pod_ns = pod.meta.ns;
    spec.pod_name = pod.meta.name;
    const auto made = network.attach(spec);
    EXPECT_TRUE(made.ok());
    return made ? made->address : "";
  }
  /// Attached, asked, started.
  std::string start(const model::Pod& pod) {
    auto address = attach(pod);
    if (!keeper.may_start(pod).empty()) settle();
    EXPECT_EQ(keeper.may_start(pod), "") << pod.meta.name;
    return address;
  }
  void policy(const std::string& spec, const std::string& name = "p") {
    put(fmt::format(R"({{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"{}",
        "namespace":"default"}},"spec":{}}})",
                    name, spec));
  }
  std::size_t told() const {
    const auto calls = network.calls();
    return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), "set_policies"));
  }
  std::set<std::string> peers() const {
    const auto now = network.policies();
    return now.peers.size() == 1 ? *now.peers.begin()->second : std::set<std::string>{"not one set"};
  }
  std::set<std::string> closed() const {
    std::set<std::string> out;
    for (const auto& [address, pod] : network.policies().pods) out.insert(address);
    return out;
  }

  static constexpr const char* kFriends =
      R"({"podSelector":{"matchLabels":{"role":"web"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"role":"friend"}}}]}]})";

  network::FakeNetwork network;
  std::unique_ptr<Lane> lane = make_inline_lane();
  std::vector<std::string> kicked;
  std::vector<std::string> refused;
  LastKnown last_known;
  PolicyKeeper keeper{
      {.loop = loop,
       .lane = *lane,
       .network = network,
       .objects = [this]() -> const ObjectCache& { return last_known.world(cache); },
       .node = "n1",
       .kick = [this](const std::string& uid) { kicked.push_back(uid); },
       .on_refused = [this](const model::Pod& pod,
                            const std::string& message) { refused.push_back(pod.meta.name + ": " + message); }}};
};

TEST_F(PolicyKeeperTest, WithoutPoliciesNobodyWaitsAndTheKernelIsAskedOnce) {
  EXPECT_EQ(told(), 1U) << "what an earlier agent left";
  const auto web = pod("web", "web");
  attach(*web);
  EXPECT_EQ(keeper.may_start(*web), "");
  settle();
  EXPECT_EQ(told(), 1U);
}

TEST_F(PolicyKeeperTest, APodStartsWhenTheKernelHasItsRulesAndOthersHaveItsAddress) {
  policy(kFriends);
  settle();
  const auto web = pod("web", "web");
  EXPECT_EQ(keeper.may_start(*web), "") << "without an address it cannot start anyway";
  const auto address = attach(*web);
  EXPECT_THAT(keeper.may_start(*web), HasSubstr("waits for its network policies"));
  EXPECT_THAT(closed(), IsEmpty());
  settle();
  EXPECT_THAT(kicked, ElementsAre(web->meta.uid));
  EXPECT_EQ(keeper.may_start(*web), "");
  EXPECT_THAT(closed(), ElementsAre(address));
  EXPECT_THAT(peers(), IsEmpty());
  // One that nobody closes waits as well: for being let in.
  const auto friendly = pod("friend", "friend");
  const auto its = attach(*friendly);
  EXPECT_THAT(keeper.may_start(*friendly), HasSubstr("waits"));
  settle();
  EXPECT_EQ(keeper.may_start(*friendly), "");
  EXPECT_THAT(peers(), ElementsAre(its));
}

TEST_F(PolicyKeeperTest, WhatChangesIsToldAndWhatDoesNotMatterIsNot) {
  const auto address = start(*pod("web", "web"));
  const auto its = start(*pod("friend", "stranger"));
  EXPECT_THAT(closed(), IsEmpty());
  policy(kFriends);
  settle();
  EXPECT_THAT(closed(), ElementsAre(address)) << "one that runs";
  EXPECT_THAT(peers(), IsEmpty());
  const auto before = told();
  edit({Kind::Pod, "default", "friend"}, [](json::object& raw) {
    raw["status"] = {{"phase", "Running"}, {"conditions", json::array{{{"type", "Ready"}, {"status", "True"}}}}};
  });
  settle();
  const auto running = told();
  EXPECT_LE(running, before + 1);
  edit({Kind::Pod, "default", "friend"}, [](json::object& raw) {
    raw["status"].as_object()["conditions"].as_array()[0].as_object()["status"] = "False";
  });
  settle();
  EXPECT_EQ(told(), running) << "readiness is not for policies";
  edit({Kind::Pod, "default", "friend"},
       [](json::object& raw) { raw["metadata"].as_object()["labels"].as_object()["role"] = "friend"; });
  settle();
  EXPECT_THAT(peers(), ElementsAre(its));
  // One that has ended is no peer: its address will be another's.
  edit({Kind::Pod, "default", "friend"}, [](json::object& raw) { raw["status"].as_object()["phase"] = "Succeeded"; });
  settle();
  EXPECT_THAT(peers(), IsEmpty());
  remove({Kind::NetworkPolicy, "default", "p"});
  settle();
  EXPECT_THAT(closed(), IsEmpty());
  const auto after = told();
  edit({Kind::Pod, "default", "web"}, [](json::object& raw) { raw["metadata"].as_object()["labels"] = {{"a", "b"}}; });
  settle();
  EXPECT_EQ(told(), after) << "nothing is done without policies";
}

TEST_F(PolicyKeeperTest, NamespacesOpenByTheirLabels) {
  policy(R"({"podSelector":{},"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"blue"}}}]}]})");
  settle();
  const auto address = start(*pod("web", "web"));
  EXPECT_THAT(peers(), IsEmpty());
  edit({Kind::Namespace, "", "default"}, [](json::object& raw) {
    raw["metadata"].as_object()["labels"] = {{"team", "blue"}};
  });
  settle();
  EXPECT_THAT(peers(), ElementsAre(address));
}

TEST_F(PolicyKeeperTest, PodsWithTheHostsNetworkAreNeitherSelectedNorPeers) {
  policy(R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]})");
  settle();
  const auto host = pod("host", "web", R"(,"hostNetwork":true)");
  EXPECT_EQ(keeper.may_start(*host), "");
  edit({Kind::Pod, "default", "host"}, [](json::object& raw) {
    raw["status"] = {{"phase", "Running"}, {"podIP", "192.0.2.2"}};
  });
  settle();
  EXPECT_THAT(closed(), IsEmpty());
  EXPECT_THAT(peers(), IsEmpty());
}

TEST_F(PolicyKeeperTest, WhereTheKernelRefusesSelectedPodsWaitWithAnEventAndOthersDoNot) {
  policy(kFriends);
  settle();
  const auto running = pod("runs", "web");
  start(*running);
  for (int i = 0; i < 3; ++i) network.fail_next("set_policies", Error(ErrorCode::Unknown, "nft: no room"));
  const auto web = pod("web", "web");
  attach(*web);
  EXPECT_NE(keeper.may_start(*web), "");
  settle();
  EXPECT_THAT(keeper.may_start(*web), HasSubstr("not in force: nft: no room"));
  EXPECT_THAT(refused, ElementsAre(HasSubstr("web: network policies that select the pod are not in force, it does not "
                                             "start until they are: nft: no room")));
  const auto other = pod("other", "other");
  attach(*other);
  if (!keeper.may_start(*other).empty()) settle();
  EXPECT_EQ(keeper.may_start(*other), "") << "nothing is closed for it";
  EXPECT_EQ(keeper.may_start(*running), "") << "its rules are in the kernel: a container of it may come back";
  EXPECT_THAT(refused, SizeIs(1)) << "said once";
}

TEST_F(PolicyKeeperTest, AStoreThatIsLostOpensNobody) {
  policy(kFriends);
  settle();
  const auto web = pod("web", "web");
  const auto address = start(*web);
  std::vector<model::ObjectPtr> records{get(Kind::Pod, "web"), get(Kind::NetworkPolicy, "p"),
                                        store->get({Kind::Namespace, "", "default"})};
  remove({Kind::Pod, "default", "web"});
  remove({Kind::NetworkPolicy, "default", "p"});
  last_known.remember(records);
  keeper.look_at_all();
  settle();
  EXPECT_THAT(closed(), ElementsAre(address));
  // When somebody has taken it down it is.
  last_known.judge({});
  keeper.look_at_all();
  settle();
  EXPECT_THAT(closed(), IsEmpty());
}

}  // namespace
}  // namespace berth::agent
