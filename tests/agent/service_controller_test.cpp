// tests/agent/service_controller_test.cpp - where a load balancer is, as several hosts say it together.
#include "agent/services/service_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/objects/host_addresses.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(BalancedAt, IsWhereEachHostSaysOfItself) {
  using Addresses = std::vector<std::string>;
  EXPECT_EQ(balanced_at({}, "10.0.0.1", true, {}), Addresses{"10.0.0.1"});
  EXPECT_THAT(balanced_at({"10.0.0.1"}, "10.0.0.1", false, {}), IsEmpty());
  EXPECT_THAT(balanced_at({"10.0.0.2"}, "10.0.0.1", true, {"10.0.0.2"}), ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_THAT(balanced_at({"10.0.0.1", "10.0.0.2"}, "10.0.0.1", false, {"10.0.0.2"}), ElementsAre("10.0.0.2"));
  EXPECT_THAT(balanced_at({"10.0.0.1", "10.0.0.3"}, "10.0.0.1", true, {"10.0.0.2"}), ElementsAre("10.0.0.1"))
      << "of a host that is gone";
  EXPECT_THAT(balanced_at({"10.0.0.1"}, "10.0.0.1", false, {"10.0.0.1"}), ElementsAre("10.0.0.1"))
      << "two hosts behind one address do not fight";
}

/// Two hosts' controllers over one store; which ports a host could take is its own matter.
class SharedBalancer : public ControllerFixture {
 protected:
  struct Host {
    Host(const ObjectCache& cache, const store::Store& store, std::string name, std::string address)
        : nodes(std::move(name), LiveNodes::Store::Shared),
          services({.cache = cache,
                    .range = *model::ServiceRange::parse("10.96.0.0/16"),
                    .host_ip = std::move(address),
                    .grants = [this]() -> const HostPortGrants& { return grants; },
                    .others =
                        [this, &cache, &store] {
                          ++asked;
                          return addresses_of_others(nodes, cache, store);
                        }}) {}
    LiveNodes nodes;
    int asked = 0;
    HostPortGrants grants;
    ServiceController services;
  };

  void SetUp() override {
    begin({one.services.row(), two.services.row()});
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    put_node("n1", "10.0.0.1");
    put_node("n2", "10.0.0.2");
    put(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"},
        "spec":{"type":"LoadBalancer","clusterIP":"10.96.0.7","ports":[{"port":80,"protocol":"TCP"}]}})");
    settle();
  }
  void put_node(const std::string& name, const std::string& address) {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":")" + name +
        R"("},"status":{"addresses":[{"type":"InternalIP","address":")" + address + R"("}]}})");
    settle();
  }
  void live(Host& host, std::initializer_list<std::string> names) {
    store::Holders holders;
    for (const auto& name : names) holders["live/" + name] = {name, "", ""};
    host.nodes.take(holders);
  }
  void look() {
    runner.wake_all();
    settle();
  }
  std::vector<std::string> at() const { return cache.services().at({"default", "web"})->balanced_at; }

  Host one{cache, *store, "n1", "10.0.0.1"};
  Host two{cache, *store, "n2", "10.0.0.2"};
};

TEST_F(SharedBalancer, EachHostAddsItselfAndWhoIsGoneIsTakenAway) {
  const auto granted = grant_host_ports(cache.services(), [] { return std::set<HostPortKey>(); }, {});
  one.grants = two.grants = granted;
  look();
  EXPECT_THAT(at(), IsEmpty()) << "who is there is not known yet";
  live(one, {"n1", "n2"});
  live(two, {"n1", "n2"});
  look();
  EXPECT_THAT(at(), ElementsAre("10.0.0.1", "10.0.0.2"));
  const auto settled = store->revision();
  for (int i = 0; i < 5; ++i) look();
  EXPECT_EQ(store->revision(), settled) << "nobody fights";

  two.grants = {};  // A process of that host has the port by now.
  look();
  EXPECT_THAT(at(), ElementsAre("10.0.0.1"));
  two.grants = granted;
  look();
  EXPECT_THAT(at(), ElementsAre("10.0.0.1", "10.0.0.2"));

  live(one, {"n1"});
  two.grants = {};
  live(two, {});  // It lost its session, and says nothing any more.
  look();
  EXPECT_THAT(at(), ElementsAre("10.0.0.1"));
}

TEST_F(SharedBalancer, AHostThatMovesIsFollowed) {
  one.grants = grant_host_ports(cache.services(), [] { return std::set<HostPortKey>(); }, {});
  live(one, {"n1", "n2"});
  edit({Kind::Service, "default", "web"}, [](json::object& raw) {
    raw["status"] = {{"loadBalancer", balancer_status({"10.0.0.1", "10.0.0.2"})}};
  });
  settle();
  EXPECT_THAT(at(), ElementsAre("10.0.0.1", "10.0.0.2"));
  put_node("n2", "10.0.0.9");
  EXPECT_THAT(at(), ElementsAre("10.0.0.1")) << "and the host says where it is now";
}

TEST_F(SharedBalancer, WhereTheOthersAreIsReadOnceForAllServices) {
  for (int i = 0; i < 5; ++i) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s{0}","namespace":"default"}},
        "spec":{{"type":"LoadBalancer","clusterIP":"10.96.1.{0}","ports":[{{"port":81{0},"protocol":"TCP"}}]}}}})",
                    i));
  }
  settle();
  one.grants = grant_host_ports(cache.services(), [] { return std::set<HostPortKey>(); }, {});
  live(one, {"n1", "n2"});
  one.asked = 0;
  look();
  EXPECT_EQ(at(), std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(one.asked, 1);
  put_node("n2", "10.0.0.9");
  EXPECT_EQ(one.asked, 2) << "it moved";
}

}  // namespace
}  // namespace berth::agent
