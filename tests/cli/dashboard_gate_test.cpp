// tests/cli/dashboard_gate_test.cpp - the dashboard's port shows what the page needs to who has the key, and nothing to
// others.
#include "cli/dashboard_gate.hpp"

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

using Verdict = DashboardVerdict;

const DashboardGate kGate{.key = "the-key", .pass = "the-pass", .port = 8001};

DashboardVisit visit() {
  return {.method = "GET",
          .target = "/ui/",
          .host = "127.0.0.1:8001",
          .cookies = "berth-dashboard-8001=the-pass",
          .fetch_site = "same-origin"};
}

TEST(DashboardGate, WhoHasThePassLooks) {
  auto asked = visit();
  EXPECT_EQ(judge(kGate, asked), Verdict::Forward);
  asked.method = "HEAD";
  asked.host = "localhost:9999";  // another port in front of it, by ssh
  asked.cookies = "a=b;  berth-dashboard-8001=the-pass; c";
  asked.fetch_site = "";
  EXPECT_EQ(judge(kGate, asked), Verdict::Forward);
  asked.host = "[::1]:8001";
  EXPECT_EQ(judge(kGate, asked), Verdict::Forward);
}

TEST(DashboardGate, NobodyElseDoes) {
  for (const auto* cookies : {"", "berth-dashboard-8001=", "berth-dashboard-8001=the-pasS",
                              "berth-dashboard-8001=the-passs", "berth-dashboard-8002=the-pass",
                              "xberth-dashboard-8001=the-pass", "berth-dashboard-8001=the-key", ";;;", "="}) {
    auto asked = visit();
    asked.cookies = cookies;
    EXPECT_EQ(judge(kGate, asked), Verdict::NoKey) << cookies;
  }
}

TEST(DashboardGate, TheKeyGivesThePass) {
  auto asked = visit();
  asked.cookies = "";
  asked.fetch_site = "cross-site";  // a link in a chat
  asked.target = "/?key=the-key";
  EXPECT_EQ(judge(kGate, asked), Verdict::GiveCookie);
  for (const auto* wrong : {"/?key=the-kez", "/?key=", "/?key=the-key&a=b", "/ui/?key=the-key", "/?a=b&key=the-key"}) {
    asked.target = wrong;
    EXPECT_NE(judge(kGate, asked), Verdict::GiveCookie) << wrong;
    EXPECT_NE(judge(kGate, asked), Verdict::Forward) << wrong;
  }
}

TEST(DashboardGate, NamesThatAreNotLoopbackAreNotAnswered) {
  for (const auto* host :
       {"", "evil.example", "evil.example:8001", "127.0.0.1.evil.example", "localhost.evil.example:8001",
        "10.0.0.1:8001", "127.0.0.1:80x", "127.0.0.1:", "[::2]:8001", "[::1]x"}) {
    auto asked = visit();
    asked.host = host;
    EXPECT_EQ(judge(kGate, asked), Verdict::ForeignHost) << host;
    asked.target = "/?key=the-key";
    EXPECT_EQ(judge(kGate, asked), Verdict::ForeignHost) << host;
  }
}

TEST(DashboardGate, PagesOfOtherSitesGetNothing) {
  for (const auto* site : {"cross-site", "same-site", "anything"}) {
    auto asked = visit();
    asked.fetch_site = site;
    EXPECT_EQ(judge(kGate, asked), Verdict::ForeignOrigin) << site;
  }
}

TEST(DashboardGate, ItIsForLooking) {
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "get", ""}) {
    auto asked = visit();
    asked.method = method;
    EXPECT_EQ(judge(kGate, asked), Verdict::NotAllowed) << method;
  }
  auto upgrade = visit();
  upgrade.upgrade = true;
  EXPECT_EQ(judge(kGate, upgrade), Verdict::NotAllowed);
  auto body = visit();
  body.body = true;
  EXPECT_EQ(judge(kGate, body), Verdict::NotAllowed);
}

TEST(DashboardGate, OnlyWhatThePageNeedsIsThere) {
  for (const auto* path :
       {"/ui", "/ui/", "/ui/page.js", "/api/v1/pods", "/api/v1/pods?watch=true&resourceVersion=7", "/api/v1/nodes",
        "/api/v1/events?limit=500", "/api/v1/persistentvolumeclaims", "/apis/apps/v1/statefulsets?watch=true",
        "/apis/metrics.k8s.io/v1beta1/pods", "/apis/metrics.k8s.io/v1beta1/nodes", "/berth/v1/status",
        "/berth/v1/ailments", "/api/v1/namespaces/default/pods/web-0/log?follow=true&container=main"}) {
    EXPECT_TRUE(is_dashboard_path(path)) << path;
  }
  for (const auto* path : {"/",
                           "",
                           "api/v1/pods",
                           "/api/v1/secrets",
                           "/api/v1/namespaces/default/secrets",
                           "/api/v1/configmaps",
                           "/api/v1/namespaces/default/pods/web-0",
                           "/api/v1/namespaces/default/pods/web-0/exec",
                           "/api/v1/namespaces/default/pods/web-0/portforward",
                           "/api/v1/namespaces/default/pods/../secrets/s/log",
                           "/api/v1/namespaces/default/pods/%2e%2e/log",
                           "/api/v1/namespaces//pods/web-0/log",
                           "/api/v1/namespaces/default/pods/web-0/log/",
                           "/api/v1/watch/secrets",
                           "/berth/kubeconfig",
                           "/metrics",
                           "/ui/../api/v1/secrets",
                           "/ui/a/b",
                           "/ui/%2e%2e",
                           "//api/v1/secrets",
                           "/api/v1/pods/",
                           "/api/v1/pods/../secrets",
                           "http://x/api/v1/secrets",
                           "/api/v1/nodes/bed/proxy"}) {
    EXPECT_FALSE(is_dashboard_path(path)) << path;
    auto asked = visit();
    asked.target = path;
    EXPECT_EQ(judge(kGate, asked), Verdict::NotHere) << path;
  }
}

}  // namespace
}  // namespace berth::cli
