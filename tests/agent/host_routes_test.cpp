// tests/agent/host_routes_test.cpp - what the host asks our DNS server for, and what it never does.
#include "agent/services/host_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using testing::ElementsAre;

network::DnsService service(const std::string& ns, const std::string& name, const std::vector<std::string>& hosts) {
  network::DnsService out;
  out.ns = ns;
  out.name = name;
  for (const auto& host : hosts) out.endpoints.push_back({.address = "10.98.0.2", .hostname = host, .ready = false});
  return out;
}

TEST(HostRoutes, WithoutServicesTheClusterDomainAlone) {
  network::DnsNames names;
  names.cluster_domain = "berth.test";
  EXPECT_THAT(host_routes(names, 256).domains, ElementsAre("berth.test"));
}

TEST(HostRoutes, PodsOfTheDefaultNamespaceByTheirShortNames) {
  network::DnsNames names;
  names.services.push_back(service("default", "mongo", {"mongo-1", "mongo-0", ""}));
  names.services.push_back(service("prod", "redis", {"redis-0"}));
  const auto routes = host_routes(names, 256);
  EXPECT_THAT(routes.domains,
              ElementsAre("cluster.local", "mongo-0.mongo", "mongo-1.mongo", "mongo.default", "redis.prod"));
  EXPECT_EQ(routes.left_out, 0U);
}

TEST(HostRoutes, NeverAWholeTopLevelDomain) {
  network::DnsNames names;
  names.services.push_back(service("default", "dev", {"dev-0"}));
  for (const auto& domain : host_routes(names, 256).domains) {
    EXPECT_NE(domain.find('.'), std::string::npos) << domain << " takes a top-level domain from the host";
  }
}

TEST(HostRoutes, WhatTheResolverDoesNotTakeIsCounted) {
  network::DnsNames names;
  for (auto i = 0; i < 300; ++i) names.services.push_back(service("default", "s" + std::to_string(i), {"p"}));
  const auto routes = host_routes(names, 256);
  EXPECT_EQ(routes.domains.size(), 256U);
  EXPECT_EQ(routes.domains.front(), "cluster.local");
  EXPECT_EQ(routes.left_out, 345U);
  EXPECT_EQ(routes, host_routes(names, 256)) << "the same each time";
}

}  // namespace
}  // namespace berth::agent
