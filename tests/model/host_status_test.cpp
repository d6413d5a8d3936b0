// tests/model/host_status_test.cpp - what an agent says of its host, written and read.
#include "model/host_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::model {
namespace {

WallTime at(int seconds) { return WallTime(std::chrono::seconds(1'795'000'000 + seconds)); }

HostStatus everything() {
  HostStatus status;
  status.version = "1.2.3";
  status.node = "worker1";
  status.started_at = at(0);
  status.containerd = {"/run/containerd/containerd.sock",
                       "1.7.2",
                       "connection refused",
                       at(1),
                       {{.subject = "Pod a/b", .since = at(7)}}};
  status.store = {
      "/var/lib/berth/berth.db", "0b1c", 42, {{"Pod default/x", 0, "no spec", false, at(2)}}, "/b.db", at(3)};
  status.sources.push_back({"directory:/etc/berth/manifests",
                            2,
                            5,
                            at(4),
                            "permission denied",
                            at(5),
                            {{"/etc/berth/manifests/web.yaml", 7, "unknown field", true, at(6)}}});
  status.strangers.push_back({"1234", "default", "web-0", "its object is not in this store"});
  status.logs.push_back({.subject = "default/web-1", .message = "what container main writes waits"});
  status.disks.push_back({"/var/lib/berth", 100, 40, ""});
  status.cluster.push_back({.subject = "ClocksApart", .message = "the clock of this host is 3.0 s behind b"});
  status.disks.push_back({"/run/berth", 0, 0, "no such file or directory"});
  return status;
}

TEST(HostStatus, WhatIsWrittenIsRead) {
  const auto text = json::serialize(encode_host_status(everything()));
  const auto read = decode_host_status(*parse_json(text));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, everything()) << text;
}

TEST(HostStatus, WhatIsNotKnownIsLeftOutAndListsAreAlwaysThere) {
  const auto text = json::serialize(encode_host_status({}));
  EXPECT_EQ(
      text,
      R"({"kind":"HostStatus","apiVersion":"berth/v1","containerd":{"silent":[]},"store":{"revision":0,"problems":[]},)"
      R"("sources":[],"strangers":[],"logs":[],"cluster":[],"disks":[]})");
  EXPECT_EQ(*decode_host_status(*parse_json(text)), HostStatus());
}

TEST(HostStatus, AnotherVersionsDocumentIsReadAsFarAsItIsUnderstood) {
  const auto read = decode_host_status(*parse_json(
      R"({"kind":"HostStatus","apiVersion":"berth/v2","node":"n","version":7,"new":{},"store":[],"disks":"many",
          "sources":[{"name":"a","files":"two","objects":99999999999,"readAt":"yesterday","problems":[3]}]})"));
  ASSERT_TRUE(read);
  HostStatus expected;
  expected.node = "n";
  expected.sources.push_back({.name = "a", .problems = {{}}});
  EXPECT_EQ(*read, expected);
}

TEST(HostStatus, AnythingElseIsNone) {
  for (const auto* text : {"{}", "[]", "null", R"({"kind":"Status"})"}) {
    EXPECT_FALSE(decode_host_status(*parse_json(text))) << text;
  }
}

}  // namespace
}  // namespace berth::model
