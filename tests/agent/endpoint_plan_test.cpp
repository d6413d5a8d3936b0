// tests/agent/endpoint_plan_test.cpp - endpoints follow a service's pods, one lazy write per change.
#include "agent/services/endpoint_plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/services/endpoint_controller.hpp"
#include "agent/services/names.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;

class EndpointPlanTest : public testing::Test {
 protected:
  EndpointPlanTest() {
    service.meta.name = "web";
    service.meta.ns = "default";
    service.meta.uid = "svc-uid";
    service.meta.labels = {{"team", "a"}};
    service.selector = {{"app", "web"}};
    service.cluster_ip = "None";
    service.ports = {{.name = "http", .protocol = "TCP", .port = 80, .target_port = "web", .node_port = 0}};
  }

  std::shared_ptr<model::Pod> add_pod(const std::string& name, const std::string& ip, bool ready = true,
                                      int port = 8080) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = name;
    pod->meta.ns = "default";
    pod->meta.uid = name + "-uid";
    pod->meta.labels = {{"app", "web"}};
    pod->spec.node_name = "n1";
    pod->spec.hostname = name;
    pod->spec.subdomain = "web";
    pod->spec.containers.own().resize(1);
    model::ContainerPort container_port;
    container_port.name = "web";
    container_port.container_port = port;
    pod->spec.containers[0].ports.push_back(container_port);
    pod->status.phase = "Running";
    pod->status.pod_ip = ip;
    pod->status.conditions = {{"Ready", ready ? "True" : "False", "", "", ""}};
    pods.push_back(pod);
    return pod;
  }
  std::string subsets() const {
    const auto plan = plan_endpoints(service, pods);
    const auto* found = plan.endpoints.if_contains("subsets");
    return found == nullptr ? "" : json::serialize(*found);
  }
  std::string slice(std::size_t index = 0) const {
    return json::serialize(plan_endpoints(service, pods).slices.at(index).at("endpoints"));
  }

  model::Service service;
  std::vector<PodPtr> pods;
};

TEST_F(EndpointPlanTest, ReadyAndOtherPodsAreToldApartWithTheirPortByName) {
  add_pod("web-0", "10.0.0.1");
  add_pod("web-1", "10.0.0.2", false);
  EXPECT_EQ(subsets(),
            R"([{"addresses":[{"ip":"10.0.0.1","hostname":"web-0","nodeName":"n1","targetRef":{"kind":"Pod",)"
            R"("name":"web-0","namespace":"default","uid":"web-0-uid"}}],"notReadyAddresses":[{"ip":"10.0.0.2",)"
            R"("hostname":"web-1","nodeName":"n1","targetRef":{"kind":"Pod","name":"web-1","namespace":"default",)"
            R"("uid":"web-1-uid"}}],"ports":[{"name":"http","port":8080,"protocol":"TCP"}]}])");
  EXPECT_EQ(json::serialize(json::parse(slice()).at(1).at("conditions")),
            R"({"ready":false,"serving":false,"terminating":false})");
}

TEST_F(EndpointPlanTest, LabelsAndOwnerAreThoseOfTheService) {
  const auto plan = plan_endpoints(service, pods);
  const auto& meta = plan.slices.at(0).at("metadata");
  EXPECT_EQ(json::serialize(meta.at("labels")),
            R"({"team":"a","service.kubernetes.io/headless":"","kubernetes.io/service-name":"web",)"
            R"("endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"})");
  EXPECT_EQ(json::serialize(meta.at("ownerReferences").at(0)),
            R"({"apiVersion":"v1","kind":"Service","name":"web","uid":"svc-uid","controller":true,)"
            R"("blockOwnerDeletion":true})");
  EXPECT_THAT(std::string(find_string(meta, {"name"})), testing::MatchesRegex("web-[a-z0-9]{5}"));
  EXPECT_FALSE(plan.endpoints.contains("subsets"));
}

TEST_F(EndpointPlanTest, PodsThatEndedOrHaveNoAddressOrAreOthersAreNotThere) {
  add_pod("web-0", "");
  add_pod("web-1", "10.0.0.1")->status.phase = "Failed";
  add_pod("web-2", "10.0.0.2")->meta.labels = {{"app", "other"}};
  EXPECT_EQ(subsets(), "");
  EXPECT_EQ(slice(), "[]");
}

TEST_F(EndpointPlanTest, ATerminatingPodIsInTheSliceOnlyAndStillServes) {
  add_pod("web-0", "10.0.0.1")->meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  EXPECT_EQ(subsets(), "");
  EXPECT_EQ(json::serialize(json::parse(slice()).at(0).at("conditions")),
            R"({"ready":false,"serving":true,"terminating":true})");
}

TEST_F(EndpointPlanTest, PublishedNotReadyAddressesAreAddresses) {
  service.publish_not_ready_addresses = true;
  add_pod("web-0", "10.0.0.1", false);
  EXPECT_THAT(subsets(), testing::HasSubstr(R"([{"addresses":[{"ip":"10.0.0.1")"));
  EXPECT_EQ(json::serialize(json::parse(slice()).at(0).at("conditions")),
            R"({"ready":true,"serving":false,"terminating":false})");
}

TEST_F(EndpointPlanTest, PodsThatNameTheirPortDifferentlyAreSubsetsOfTheirOwn) {
  add_pod("web-0", "10.0.0.1", true, 8080);
  add_pod("web-1", "10.0.0.2", true, 9090);
  const auto plan = plan_endpoints(service, pods);
  EXPECT_EQ(plan.endpoints.at("subsets").as_array().size(), 2U);
  ASSERT_EQ(plan.slices.size(), 2U);
  EXPECT_NE(plan.slices[0].at("metadata").at("name"), plan.slices[1].at("metadata").at("name"));
}

TEST_F(EndpointPlanTest, MergingTheSameChangesNothingAndKeepsAnnotations) {
  add_pod("web-0", "10.0.0.1");
  const auto plan = plan_endpoints(service, pods);
  auto stored = plan.endpoints;
  stored["metadata"].get_object()["annotations"] = {{"mine", "1"}};
  EXPECT_EQ(merge_endpoints(stored, plan.endpoints), std::nullopt);
  pods.clear();
  const auto merged = merge_endpoints(stored, plan_endpoints(service, pods).endpoints);
  ASSERT_TRUE(merged);
  EXPECT_FALSE(merged->contains("subsets"));
  EXPECT_EQ(find_string(merged->at("metadata"), {"annotations", "mine"}), "1");
}

class EndpointControllerTest : public ControllerFixture {
 protected:
  EndpointControllerTest() {
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    begin({controller.row()});
  }
  void service(std::string_view selector) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"clusterIP":"None","selector":{},"ports":[{{"port":80,"targetPort":80,"protocol":"TCP"}}]}}}})",
                    selector));
  }
  void pod(const std::string& name, std::string_view ready) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
        "labels":{{"app":"web"}}}},"spec":{{"containers":[{{"name":"c"}}]}},"status":{{"phase":"Running","podIP":"10.0.0.1",
        "conditions":[{{"type":"Ready","status":"{}"}}]}}}})",
                    name, ready));
  }
  /// The time that changes are gathered is over.
  void gather() {
    settle();
    pass(std::chrono::milliseconds(100));
  }
  EndpointController controller{*store, cache};
};

TEST_F(EndpointControllerTest, EndpointsFollowReadinessAndAreWrittenOnlyWhenTheyChange) {
  service(R"({"app":"web"})");
  pod("web-0", "False");
  gather();
  ASSERT_TRUE(exists(Kind::Endpoints, "web"));
  EXPECT_THAT(json::serialize(get(Kind::Endpoints, "web")->raw.at("subsets")), testing::HasSubstr("notReadyAddresses"));
  pod("web-0", "True");
  gather();
  EXPECT_THAT(json::serialize(get(Kind::Endpoints, "web")->raw.at("subsets")), testing::HasSubstr(R"([{"addresses")"));
  const auto revision = store->revision();
  runner.wake_all();
  gather();
  EXPECT_EQ(store->revision(), revision);
  EXPECT_EQ(store->list(Kind::EndpointSlice, "default").objects.size(), 1U);
}

TEST_F(EndpointControllerTest, EndpointsMadeByHandForAServiceWithoutASelectorAreLeftAloneAndNamed) {
  service("{}");
  const auto made = put(R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"web","namespace":"default"},
      "subsets":[{"addresses":[{"ip":"192.0.2.7"}],"ports":[{"port":5432}]}]})");
  gather();
  EXPECT_EQ(get(Kind::Endpoints, "web")->meta.resource_version, made->meta.resource_version);
  const auto names = make_names(cache, "cluster.local");
  ASSERT_EQ(names.services.size(), 1U);
  ASSERT_EQ(names.services[0].endpoints.size(), 1U);
  EXPECT_EQ(names.services[0].endpoints[0].address, "192.0.2.7");
  EXPECT_TRUE(names.services[0].endpoints[0].ready);
  ASSERT_EQ(names.services[0].ports.size(), 1U);
  EXPECT_EQ(names.services[0].ports[0].port, 5432);
}

TEST_F(EndpointControllerTest, PodsThatAreComingHaveAwaitedNames) {
  service(R"({"app":"web"})");
  const auto pod_of = [this](const std::string& name, const std::string& meta, const std::string& status) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"default",
        "labels":{{"app":"web"}}{1}}},"spec":{{"hostname":"{0}","subdomain":"web","containers":[{{"name":"c"}}]}},
        "status":{2}}})",
                    name, meta, status));
  };
  const std::string ready = R"(,"conditions":[{"type":"Ready","status":"True"}])";
  const std::string deleting = R"(,"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["x/y"])";
  pod_of("a-new", "", R"({"phase":"Pending"})");
  pod_of("b-starting", "", R"({"phase":"Running","podIP":"10.0.0.2"})");
  pod_of("c-ready", "", R"({"phase":"Running","podIP":"10.0.0.3")" + ready + "}");
  pod_of("d-ending", deleting, R"({"phase":"Running","podIP":"10.0.0.4"})");
  pod_of("e-cancelled", deleting, R"({"phase":"Pending"})");
  pod_of("f-over", "", R"({"phase":"Succeeded"})");
  gather();
  std::vector<std::string> said;
  const auto names = make_names(cache, "cluster.local");
  for (const auto& endpoint : names.services.at(0).endpoints) {
    said.push_back(fmt::format("{} {}{}{}", endpoint.hostname, endpoint.address, endpoint.ready ? " ready" : "",
                               endpoint.awaited ? " awaited" : ""));
  }
  EXPECT_THAT(said, testing::UnorderedElementsAre("a-new  awaited", "b-starting 10.0.0.2 awaited",
                                                  "c-ready 10.0.0.3 ready", "d-ending 10.0.0.4"));
}

TEST_F(EndpointControllerTest, SomebodysEditIsPutRight) {
  service(R"({"app":"web"})");
  pod("web-0", "True");
  gather();
  edit({Kind::Endpoints, "default", "web"}, [](json::object& raw) { raw.erase("subsets"); });
  gather();
  EXPECT_TRUE(get(Kind::Endpoints, "web")->raw.contains("subsets"));
  remove({Kind::Endpoints, "default", "web"});
  gather();
  EXPECT_TRUE(exists(Kind::Endpoints, "web"));
}

TEST_F(EndpointControllerTest, ANamespaceThatEndsGetsNoNewEndpoints) {
  edit({Kind::Namespace, "", "default"},
       [](json::object& raw) { raw["metadata"].get_object()["deletionTimestamp"] = "2026-11-21T10:00:00Z"; });
  service(R"({"app":"web"})");
  gather();
  EXPECT_FALSE(exists(Kind::Endpoints, "web"));
}

}  // namespace
}  // namespace berth::agent
