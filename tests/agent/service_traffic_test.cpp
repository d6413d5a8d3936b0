// tests/agent/service_traffic_test.cpp - where packets to services go, as services and pods come, change and go.
#include "agent/services/service_traffic.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/services/host_listeners.hpp"
#include "agent/services/last_known.hpp"
#include "agent/services/names.hpp"
#include "agent/services/service_controller.hpp"
#include "base/lane.hpp"
#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_network.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using network::ServiceBackend;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

store::StoreLimits limits_with(const model::ServiceRange& range) {
  store::StoreLimits limits;
  limits.complete = model::service_completion(range);
  return limits;
}

/// Services and pods as the agent has them: the store fills in addresses, the fake network is told.
class ServiceTrafficTest : public ControllerFixture {
 protected:
  ServiceTrafficTest() : ControllerFixture(limits_with(*model::ServiceRange::parse("10.96.0.0/16"))) {}

  void SetUp() override {
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    start();
  }
  void start() {
    services.wake_by(runner.add(services.row()));
    begin({{.name = "traffic",
            .wakes = [this](const store::Change& change, const Waker&) { traffic.on_change(change); },
            .all = [this](const Waker&) { traffic.look_at_all(); },
            .plan = [](const model::ObjectKey&) { return Work{}; }}});
  }

  void service(const std::string& spec, const std::string& name = "web", const std::string& meta = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{}","namespace":"default"{}}},
        "spec":{}}})",
                    name, meta, spec));
    settle();
  }
  void pod(const std::string& name, const std::string& ip, bool ready = true, const std::string& meta = "",
           const std::string& node = "n1", int port = 8080) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
        "labels":{{"app":"web"}}{}}},"spec":{{"nodeName":"{}","containers":[{{"name":"c","image":"x",
        "ports":[{{"name":"http","containerPort":{},"protocol":"TCP"}}]}}]}},
        "status":{{"phase":"Running","podIP":"{}","conditions":[{{"type":"Ready","status":"{}"}}]}}}})",
                    name, meta, node, port, ip, ready ? "True" : "False"));
    settle();
  }
  std::shared_ptr<const network::ServiceRoute> route(const std::string& name = "default/web") const {
    const auto all = network.services();
    const auto found = all.find(name);
    return found == all.end() ? nullptr : found->second;
  }
  std::vector<ServiceBackend> inside(std::size_t port = 0) const {
    const auto found = route();
    return found ? found->ports.at(port).inside : std::vector<ServiceBackend>();
  }
  network::DnsService names_of(const std::string& name) const {
    const auto all =
        make_names(cache, "cluster.local", [this](const auto& service) { return traffic.in_force(service); });
    for (const auto& each : all.services) {
      if (each.name == name) return each;
    }
    return {};
  }
  std::string text(const std::string& name, std::initializer_list<std::string_view> path) const {
    return std::string(find_string(json::value(get(Kind::Service, name)->raw), path));
  }
  std::string balancer(const std::string& name) const {
    const json::value raw(get(Kind::Service, name)->raw);
    const auto* found = find(raw, {"status", "loadBalancer"});
    return found == nullptr ? "none" : json::serialize(*found);
  }

  model::ServiceRange range = *model::ServiceRange::parse("10.96.0.0/16");
  network::FakeNetwork network;
  std::unique_ptr<Lane> lane = make_inline_lane();
  std::set<HostPortKey> listening;
  int settled = 0;
  ServiceTraffic traffic{{.loop = loop,
                          .lane = *lane,
                          .network = network,
                          .objects = [this]() -> const ObjectCache& { return cache; },
                          .node = "n1",
                          .range = range,
                          .listeners = [this] { return listening; },
                          .on_settled = [this] { ++settled; },
                          .on_grant = [this](const Name& name) { services.on_grant(name); }}};
  ServiceController services{
      {.cache = cache, .range = range, .host_ip = "192.0.2.2", .grants = [this]() -> const HostPortGrants& {
         return traffic.grants();
       }}};
};

TEST_F(ServiceTrafficTest, AServicesPortsLeadToReadyPodsByNumberAndByName) {
  service(R"({"selector":{"app":"web"},"ports":[{"name":"a","port":80,"targetPort":"http","protocol":"TCP"},
      {"name":"b","port":81,"targetPort":9090,"protocol":"UDP"},
      {"name":"c","port":82,"targetPort":"absent","protocol":"TCP"}]})");
  ASSERT_TRUE(route());
  EXPECT_EQ(route()->cluster_ip, text("web", {"spec", "clusterIP"}));
  EXPECT_THAT(inside(), IsEmpty());
  pod("web-0", "10.98.0.4");
  pod("web-1", "10.98.0.5", /*ready=*/false);
  pod("web-2", "10.98.0.6", true, "", "n1", 8081);
  EXPECT_THAT(inside(0), ElementsAre(ServiceBackend{"10.98.0.4", 8080}, ServiceBackend{"10.98.0.6", 8081}));
  EXPECT_THAT(inside(1), ElementsAre(ServiceBackend{"10.98.0.4", 9090}, ServiceBackend{"10.98.0.6", 9090}));
  EXPECT_THAT(inside(2), IsEmpty());
  EXPECT_EQ(route()->ports[1].protocol, "udp");
  pod("web-1", "10.98.0.5");
  EXPECT_EQ(inside(0).size(), 3U);
  remove({Kind::Pod, "default", "web-0"});
  settle();
  EXPECT_THAT(inside(1), ElementsAre(ServiceBackend{"10.98.0.5", 9090}, ServiceBackend{"10.98.0.6", 9090}));
  remove({Kind::Service, "default", "web"});
  settle();
  EXPECT_FALSE(route());
}

TEST_F(ServiceTrafficTest, APodThatIsDrainedServesOnlyWhenNobodyElseDoes) {
  service(R"({"selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  constexpr const char* kDeleting = R"(,"deletionTimestamp":"2026-11-29T10:00:00Z")";
  pod("web-0", "10.98.0.4", true, kDeleting);
  EXPECT_THAT(inside(), ElementsAre(ServiceBackend{"10.98.0.4", 8080}));
  pod("web-1", "10.98.0.5");
  EXPECT_THAT(inside(), ElementsAre(ServiceBackend{"10.98.0.5", 8080}));
  pod("web-0", "10.98.0.4", false, kDeleting);
  pod("web-1", "10.98.0.5", false);
  EXPECT_THAT(inside(), IsEmpty());
}

TEST_F(ServiceTrafficTest, WhoPublishesWhatIsNotReadyLeadsThereToo) {
  service(R"({"selector":{"app":"web"},"publishNotReadyAddresses":true,
      "ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  pod("web-0", "10.98.0.4", /*ready=*/false);
  EXPECT_THAT(inside(), ElementsAre(ServiceBackend{"10.98.0.4", 8080}));
}

TEST_F(ServiceTrafficTest, AServiceWithoutASelectorLeadsToWhatWasMadeByHand) {
  service(R"({"ports":[{"name":"db","port":5432,"protocol":"TCP"}]})");
  put(R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"web","namespace":"default"},
      "subsets":[{"addresses":[{"ip":"192.0.2.7"}],"notReadyAddresses":[{"ip":"192.0.2.8"}],
      "ports":[{"name":"db","port":6432}]}]})");
  put(R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"FQDN",
      "metadata":{"name":"x","namespace":"default","labels":{"kubernetes.io/service-name":"web"}},
      "endpoints":[{"addresses":["db.example.org"]}],"ports":[{"name":"db","port":1}]})");
  settle();
  EXPECT_THAT(inside(), ElementsAre(ServiceBackend{"192.0.2.7", 6432})) << "no packet goes to a name";
  remove({Kind::Endpoints, "default", "web"});
  settle();
  EXPECT_THAT(inside(), IsEmpty());
}

TEST_F(ServiceTrafficTest, TrafficPoliciesAndAffinityAreTold) {
  service(R"({"type":"NodePort","selector":{"app":"web"},"externalTrafficPolicy":"Local","sessionAffinity":"ClientIP",
      "sessionAffinityConfig":{"clientIP":{"timeoutSeconds":60}},
      "ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  pod("web-0", "10.98.0.4");
  pod("web-1", "10.98.1.4", true, "", "n2");
  ASSERT_TRUE(route());
  EXPECT_EQ(route()->affinity_seconds, 60U);
  EXPECT_EQ(route()->ports[0].inside.size(), 2U);
  EXPECT_THAT(route()->ports[0].outside, ElementsAre(ServiceBackend{"10.98.0.4", 8080}));
  EXPECT_GE(route()->ports[0].node_port, 30000);
  EXPECT_EQ(route()->ports[0].host_port, 0);
}

TEST_F(ServiceTrafficTest, LoadBalancersMayAskForTheReadyPodsOfThisHost) {
  service(R"({"type":"LoadBalancer","selector":{"app":"web"},"externalTrafficPolicy":"Local",
      "healthCheckNodePort":30100,"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  ASSERT_TRUE(route());
  EXPECT_EQ(route()->health_port, 30100);
  EXPECT_EQ(route()->ready_here, 0U);
  pod("web-0", "10.98.0.4");
  pod("web-1", "10.98.1.4", true, "", "n2");
  pod("web-2", "10.98.0.5", false);
  pod("web-3", "10.98.0.6", true, R"(,"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["a.b/c"])");
  EXPECT_EQ(route()->ready_here, 1U) << "of this host, ready, and not on its way out";

  listening = {{"tcp", 30101}};
  service(R"({"type":"LoadBalancer","selector":{"app":"web"},"externalTrafficPolicy":"Local",
      "healthCheckNodePort":30101,"ports":[{"port":81,"targetPort":8080,"protocol":"TCP"}]})",
          "late");
  EXPECT_EQ(route("default/late")->health_port, 0) << "the host's own";
  EXPECT_THAT(traffic.grants().refused.at({"default", "late"}), HasSubstr("30101/tcp"));
}

TEST_F(ServiceTrafficTest, NamesLeadToTheAddressWhenPacketsDo) {
  network.fail_next("set_services", Error(ErrorCode::Unknown, "nft: busy"));
  service(R"({"selector":{"app":"web"},"ports":[{"name":"http","port":80,"targetPort":8080,"protocol":"TCP"}]})");
  EXPECT_EQ(names_of("web").cluster_ip, "") << "the kernel refused";
  pod("web-0", "10.98.0.4");
  EXPECT_EQ(names_of("web").cluster_ip, text("web", {"spec", "clusterIP"}));
  ASSERT_EQ(names_of("web").ports.size(), 1U);
  EXPECT_EQ(names_of("web").ports[0].port, 80);
  EXPECT_GT(settled, 0);
  service(R"({"clusterIP":"None","selector":{"app":"web"},"ports":[{"name":"http","port":80,"targetPort":8080,
      "protocol":"TCP"}]})",
          "headless");
  EXPECT_EQ(names_of("headless").cluster_ip, "");
  EXPECT_EQ(names_of("headless").ports[0].port, 8080);
}

TEST_F(ServiceTrafficTest, APodThatConcernsNoServiceTellsTheKernelNothing) {
  service(R"({"selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  const auto calls = network.calls().size();
  pod("web-0", "10.98.0.4", false);
  EXPECT_EQ(network.calls().size(), calls) << "not ready: nothing is another than before";
  pod("web-0", "10.98.0.4");
  EXPECT_EQ(network.calls().size(), calls + 1);
}

TEST_F(ServiceTrafficTest, ALoadBalancerIsAtTheHostsAddressAndEachPortIsOneServices) {
  constexpr const char* kBalanced = R"({"type":"LoadBalancer","selector":{"app":"web"},
      "ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})";
  service(kBalanced, "web", R"(,"creationTimestamp":"2026-11-29T10:00:00Z")");
  pod("web-0", "10.98.0.4");
  EXPECT_EQ(balancer("web"), R"({"ingress":[{"ip":"192.0.2.2","ipMode":"VIP"}]})");
  EXPECT_EQ(route()->ports[0].host_port, 80);
  EXPECT_THAT(route()->ports[0].outside, ElementsAre(ServiceBackend{"10.98.0.4", 8080}));
  service(kBalanced, "zweb");
  EXPECT_EQ(balancer("zweb"), "none");
  EXPECT_THAT(events,
              testing::Contains(HasSubstr("PortInUse: Does not have all of its ports: port 80/tcp of the host is "
                                          "that of Service default/web")));
  remove({Kind::Service, "default", "web"});
  settle();
  EXPECT_EQ(balancer("zweb"), R"({"ingress":[{"ip":"192.0.2.2","ipMode":"VIP"}]})") << "now it is free";
  service(R"({"type":"ClusterIP","selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})",
          "zweb");
  EXPECT_EQ(balancer("zweb"), "none");
  EXPECT_EQ(route("default/zweb")->ports[0].host_port, 0);
}

TEST_F(ServiceTrafficTest, WhatAProcessOfTheHostListensOnStaysTheHosts) {
  listening = {{"tcp", 22}};
  service(R"({"type":"LoadBalancer","selector":{"app":"web"},"ports":[{"port":22,"targetPort":22,"protocol":"TCP"}]})");
  EXPECT_EQ(route()->ports[0].host_port, 0);
  EXPECT_NE(route()->ports[0].node_port, 0);
  EXPECT_EQ(balancer("web"), "none");
  EXPECT_THAT(events, testing::Contains(HasSubstr("a process of the host listens on port 22/tcp")));
  listening = {{"tcp", 30022}};
  service(R"({"type":"NodePort","selector":{"app":"web"},"ports":[{"port":22,"nodePort":30022,"protocol":"TCP"}]})",
          "other");
  EXPECT_EQ(route("default/other")->ports[0].node_port, 0);
  EXPECT_THAT(events, testing::Contains(HasSubstr("a process of the host listens on port 30022/tcp")));
}

TEST_F(ServiceTrafficTest, WhoCameToListenOnAPortThatAServiceHasDoesNotTakeIt) {
  service(R"({"type":"NodePort","selector":{"app":"web"},"ports":[{"port":22,"nodePort":30022,"protocol":"TCP"}]})");
  listening = {{"tcp", 30022}, {"tcp", 30023}};
  // All are looked at again.
  service(R"({"type":"NodePort","selector":{"app":"web"},"ports":[{"port":22,"nodePort":30023,"protocol":"TCP"}]})",
          "another");
  EXPECT_EQ(route()->ports[0].node_port, 30022);
  EXPECT_EQ(route("default/another")->ports[0].node_port, 0);
}

TEST_F(ServiceTrafficTest, ALoadBalancerOfAnotherClassIsSomebodyElses) {
  service(R"({"type":"LoadBalancer","loadBalancerClass":"example.org/x","selector":{"app":"web"},
      "ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  EXPECT_EQ(route()->ports[0].host_port, 0);
  EXPECT_EQ(balancer("web"), "none");
}

TEST_F(ServiceTrafficTest, WhatTheKernelRefusesIsTriedAgainAsAWhole) {
  service(R"({"selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  pod("web-0", "10.98.0.4");
  network.fail_next("set_services", Error(ErrorCode::Unknown, "nft: busy"));
  pod("web-1", "10.98.0.5");
  EXPECT_EQ(inside().size(), 1U) << "as before";
  pod("web-2", "10.98.0.6");
  EXPECT_EQ(inside().size(), 3U) << "with the next change, or after a while";
}

TEST_F(ServiceTrafficTest, ThoseOfAnEarlierVersionAreWrittenOnceAndGetAnAddress) {
  ObjectCache theirs;
  const auto old = model::make_object(
      parse_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"old","namespace":"default","uid":"u"},
                     "spec":{"selector":{"app":"web"},"ports":[{"port":80,"protocol":"TCP"}]}})")
          ->get_object());
  theirs.apply({.type = store::ChangeType::Added,
                .object = std::make_shared<const model::Object>(*old),
                .previous = nullptr,
                .revision = 1});
  const HostPortGrants none;
  ServiceController controller{
      {.cache = theirs, .range = range, .host_ip = "192.0.2.2", .grants = [&]() -> const HostPortGrants& {
         return none;
       }}};
  const auto work = controller.row().plan(old->key());
  ASSERT_EQ(work.writes.size(), 1U);
  ASSERT_TRUE(work.writes[0].said);
  EXPECT_EQ(work.writes[0].said->reason, "ClusterIPAllocated");
  // What that write becomes in the store:
  const auto complete = model::service_completion(range);
  auto object = *old;
  EXPECT_EQ(work.writes[0].edit(object.raw), Edit::Done);
  ASSERT_TRUE(complete(object, &*old, store::AsStored(*store)));
  EXPECT_TRUE(range.contains(find_string(json::value(object.raw), {"spec", "clusterIP"})));
  // Who asked a pod's port by the service's name goes on doing so, for as long as nobody takes the annotation away.
  put(json::serialize(object.raw));
  pod("web-0", "10.98.0.4");
  pod("web-1", "10.98.0.5", /*ready=*/false);
  ASSERT_TRUE(route("default/old"));
  EXPECT_THAT(route("default/old")->other_ports, ElementsAre("10.98.0.4"));
  object.raw["metadata"].get_object().erase("annotations");
  put(json::serialize(object.raw));
  settle();
  EXPECT_THAT(route("default/old")->other_ports, IsEmpty());
}

TEST_F(ServiceTrafficTest, WhenAStoreIsLostItsServicesLeadToThePodsThatRunOn) {
  LastKnown last_known;
  ServiceTraffic its{{.loop = loop,
                      .lane = *lane,
                      .network = network,
                      .objects = [&]() -> const ObjectCache& { return last_known.world(cache); },
                      .node = "n1",
                      .range = range,
                      .listeners = [] { return std::set<HostPortKey>(); },
                      .on_settled = [] {},
                      .on_grant = [](const Name&) {}}};
  const auto look = [&] {
    its.look_at_all();
    while (loop.poll() != 0) {
    }
  };
  service(
      R"({"clusterIP":"10.96.0.9","selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]})");
  pod("web-0", "10.98.0.4", true, R"(,"uid":"u0")");
  last_known.remember({get(Kind::Service, "web"), get(Kind::Pod, "web-0")});
  remove({Kind::Service, "default", "web"});
  remove({Kind::Pod, "default", "web-0"});
  settle();
  look();
  ASSERT_TRUE(route());
  EXPECT_THAT(inside(), ElementsAre(ServiceBackend{"10.98.0.4", 8080}));
  last_known.judge({"u0"});
  look();
  EXPECT_TRUE(route()) << "a stranger";
  last_known.judge({});
  look();
  EXPECT_FALSE(route()) << "it runs no more";
}

TEST_F(ServiceTrafficTest, OneOfAnEarlierVersionWithAForeignAddressLeadsToItsPods) {
  ObjectCache theirs;
  const auto old = model::make_object(
      parse_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"old","namespace":"default","uid":"u"},
                     "spec":{"clusterIP":"192.168.1.1","ports":[{"port":80,"protocol":"TCP"}]}})")
          ->get_object());
  theirs.apply({.type = store::ChangeType::Added,
                .object = std::make_shared<const model::Object>(*old),
                .previous = nullptr,
                .revision = 1});
  ServiceTraffic its{{.loop = loop,
                      .lane = *lane,
                      .network = network,
                      .objects = [&]() -> const ObjectCache& { return theirs; },
                      .node = "n1",
                      .range = range,
                      .listeners = [] { return std::set<HostPortKey>(); },
                      .on_settled = [] {},
                      .on_grant = [](const Name&) {}}};
  its.look_at_all();
  while (loop.poll() != 0) {
  }
  EXPECT_THAT(network.services(), IsEmpty());
  EXPECT_FALSE(its.in_force(*theirs.services().begin()->second));
  const HostPortGrants none;
  ServiceController controller{
      {.cache = theirs, .range = range, .host_ip = "192.0.2.2", .grants = [&]() -> const HostPortGrants& {
         return none;
       }}};
  const auto work = controller.row().plan(old->key());
  ASSERT_EQ(work.events.size(), 1U);
  EXPECT_EQ(work.events[0].reason, "ClusterIPOutOfRange");
  EXPECT_THAT(controller.row().plan(old->key()).events, IsEmpty()) << "said once";
}

TEST(HostListeners, AreReadFromTheKernelsTableAndThoseOfLoopbackAreNobodyElses) {
  std::set<HostPortKey> all;
  const std::vector<std::string> except{"10.98.0.1"};
  add_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
      "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
      "   2: 0200C0C0:0050 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 2 1\n"
      "   3: 0100620A:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n",
      "tcp", "0A", except, all);
  add_listeners(
      "   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0:0 x\n"
      "   1: 00000000000000000000000001000000:0143 00000000000000000000000000000000:0000 07 0:0 x\n"
      "   2: 0000000000000000FFFF00000100007F:0144 00000000000000000000000000000000:0000 07 0:0 x\n",
      "udp", "07", except, all);
  EXPECT_EQ(all, (std::set<HostPortKey>{{"tcp", 22}, {"udp", 53}}));
}

}  // namespace
}  // namespace berth::agent
