// tests/volumes/downward_api_test.cpp - every downward API field, and resources with divisors.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/fakes/object_with_data.hpp"
#include "volumes/file_volumes.hpp"

namespace berth::volumes {
namespace {

PodVolumesSpec mongo() {
  PodVolumesSpec spec;
  spec.pod.meta.name = "mongo-0";
  spec.pod.meta.ns = "prod";
  spec.pod.meta.uid = "uid-1";
  spec.pod.meta.labels = {{"app", "mongo"}, {"a", "quote\" and \\ and\nline"}};
  spec.pod.meta.annotations = {{"berth.example/x", "y"}};
  spec.pod_ip = "10.98.0.7";
  spec.host_ip = "192.0.2.1";
  spec.node_name = "worker1";
  return spec;
}

model::Quantity quantity(const std::string& text) { return *model::Quantity::parse(text); }

TEST(DownwardField, EveryFieldHasItsValue) {
  const std::map<std::string, std::string> wanted = {
      {"metadata.name", "mongo-0"},
      {"metadata.namespace", "prod"},
      {"metadata.uid", "uid-1"},
      {"metadata.labels", "a=\"quote\\\" and \\\\ and\\nline\"\napp=\"mongo\""},
      {"metadata.annotations", "berth.example/x=\"y\""},
      {"metadata.labels['app']", "mongo"},
      {"metadata.labels['absent']", ""},
      {"metadata.annotations['berth.example/x']", "y"},
      {"spec.nodeName", "worker1"},
      {"spec.serviceAccountName", "default"},
      {"status.podIP", "10.98.0.7"},
      {"status.podIPs", "10.98.0.7"},
      {"status.hostIP", "192.0.2.1"},
      {"status.hostIPs", "192.0.2.1"}};
  for (const auto& [path, value] : wanted) EXPECT_EQ(downward_field(mongo(), path).value_or("<error>"), value) << path;
}

TEST(DownwardField, TheAccountIsThePods) {
  auto spec = mongo();
  spec.pod.spec.service_account = "robot";
  EXPECT_EQ(downward_field(spec, "spec.serviceAccountName").value_or("<error>"), "robot");
}

TEST(DownwardField, UnknownFieldIsInvalidAndNamed) {
  for (const auto* path :
       {"", "metadata", "spec.containers", "metadata.labels['x", "metadata.labels[x]", "metadata.labels['']"}) {
    const auto value = downward_field(mongo(), path);
    ASSERT_TRUE(failed_with(value, ErrorCode::InvalidArgument)) << path;
    EXPECT_NE(value.error().message().find(path), std::string::npos);
  }
}

class DownwardResource : public ::testing::Test {
 protected:
  void SetUp() override {
    model::Container container;
    container.name = "mongod";
    container.resources.limits = {{"cpu", quantity("1500m")}, {"memory", quantity("1Gi")}};
    container.resources.requests = {{"cpu", quantity("250m")}};
    spec_.containers = {container};
    container.name = "bare";
    container.resources = {};
    spec_.init_containers = {container};
  }
  std::string value(const std::string& resource, const std::string& divisor, const std::string& container = "mongod") {
    model::ResourceFieldRef ref;
    ref.resource = resource;
    ref.divisor = quantity(divisor);
    return downward_resource(spec_, ref, container).value_or("<error>");
  }

  model::PodSpec spec_;
};

TEST_F(DownwardResource, ValuesAreDividedAndRoundedUp) {
  EXPECT_EQ(value("limits.cpu", "0"), "2");
  EXPECT_EQ(value("limits.cpu", "1"), "2");
  EXPECT_EQ(value("limits.cpu", "1m"), "1500");
  EXPECT_EQ(value("requests.cpu", "1m"), "250");
  EXPECT_EQ(value("limits.memory", "0"), "1073741824");
  EXPECT_EQ(value("limits.memory", "1Mi"), "1024");
  EXPECT_EQ(value("limits.memory", "1M"), "1074");
}

TEST_F(DownwardResource, WhatIsNotSetIsTheHostsForLimitsAndNothingForRequests) {
  EXPECT_EQ(value("limits.cpu", "1", "bare"), std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_GT(std::stoll(value("limits.memory", "1Mi", "bare")), 0);
  EXPECT_EQ(value("requests.cpu", "1", "bare"), "0");
  EXPECT_EQ(value("requests.memory", "1", "mongod"), "0");
}

TEST_F(DownwardResource, UnknownResourceOrContainerIsRefused) {
  EXPECT_EQ(value("limits.gpu", "1"), "<error>");
  EXPECT_EQ(value("cpu", "1"), "<error>");
  EXPECT_EQ(value("limits.cpu", "1", "absent"), "<error>");
}

TEST(Projected, PartsAreMergedAndTheirFilesHaveTheVolumesMode) {
  auto spec = mongo();
  spec.config_maps["cfg"] = object_with<model::ConfigMap>({{"a", "1"}, {"b", "2"}});
  spec.secrets["key"] = object_with<model::Secret>({{"token", "t"}});
  model::DownwardItem name;
  name.path = "pod/name";
  name.field_ref = model::FieldRef{"metadata.name"};
  model::ProjectedSource source;
  source.default_mode = 0440;
  source.sources = {model::ConfigMapSource{"cfg", {{"a", "conf/a", 0600}}, 0644, false},
                    model::SecretSource{"key", {}, 0644, false}, model::DownwardSource{{name}, 0644},
                    model::ConfigMapSource{"absent", {}, 0644, true}};
  const auto files = projected_payload(source, spec);
  ASSERT_TRUE(files.ok()) << files.error().message();
  const Payload wanted = {{"conf/a", {"1", 0600}}, {"token", {"t", 0440}}, {"pod/name", {"mongo-0", 0440}}};
  EXPECT_EQ(*files, wanted);
}

}  // namespace
}  // namespace berth::volumes
