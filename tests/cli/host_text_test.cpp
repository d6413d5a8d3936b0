// tests/cli/host_text_test.cpp - berth status: what is not well says so in one sentence, and what is well is silent.
#include "cli/host_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

using model::bytes_text;
using model::pod_sentence;

json::value value(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::value();
}

WallTime at(std::string_view time) { return parse_time(time).value_or(WallTime{}); }

json::value pod(std::string_view status, std::string_view metadata = "") {
  return value(
      std::string(R"({"metadata":{"namespace":"default","name":"web-0","creationTimestamp":"2026-11-28T11:00:00Z")")
          .append(metadata)
          .append(R"(},"status":)")
          .append(status)
          .append("}"));
}

constexpr std::string_view kReady = R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})";

class HostText : public testing::Test {
 protected:
  HostText() {
    picture_.now = at("2026-11-28T12:00:00Z");
    auto& status = picture_.status;
    status.version = "0.2.0";
    status.node = "worker1";
    status.started_at = at("2026-11-28T09:00:00Z");
    status.containerd = {
        .address = "/run/containerd/containerd.sock", .version = "containerd://1.6.20", .error = "", .since = {}};
    status.store.path = "/var/lib/berth/berth.db";
    status.store.revision = 7;
    status.disks = {{.path = "/var/lib/berth", .total_bytes = 100ULL << 30, .free_bytes = 50ULL << 30, .error = ""}};
    auto& source = status.sources.emplace_back();
    source.name = "directory:/etc/berth/manifests";
    source.files = 2;
    source.objects = 5;
    source.read_at = at("2026-11-28T11:59:30Z");
    picture_.objects.pods.push_back(pod(kReady));
  }

  std::vector<model::Ailment> all() const { return model::ailments(picture_.status, picture_.objects); }

  /// "what|since|subject|sentence" of each.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& each : all()) {
      out.push_back((each.warning ? "w " : "") + each.what + "|" + since_text(each, picture_.now) + "|" + each.subject +
                    "|" + each.sentence);
    }
    return out;
  }
  std::string text() const { return host_text(picture_, all()); }

  HostPicture picture_;
};

TEST_F(HostText, AHostThatIsWellIsOneScreenWithoutAList) {
  EXPECT_EQ(text(),
            "Agent       berth 0.2.0 on worker1, up 3h\n"
            "containerd  1.6.20 at /run/containerd/containerd.sock\n"
            "Store       /var/lib/berth/berth.db, revision 7\n"
            "Disk        /var/lib/berth: 50.0 GiB of 100.0 GiB free\n"
            "Source      directory:/etc/berth/manifests: 2 files, 5 objects, read 30s ago\n"
            "Pods        1: 1 ready\n"
            "Claims      0: 0 bound\n"
            "Names       0 services, 0 with an address\n"
            "\nAll is well.\n");
}

TEST_F(HostText, AManifestErrorHasFileLineAndSinceWhen) {
  auto& problem = picture_.status.sources[0].problems.emplace_back();
  problem.subject = "/etc/berth/manifests/web.yaml";
  problem.line = 14;
  problem.message = "StatefulSet default/web: spec.replicas: must be >= 0";
  problem.since = at("2026-11-28T11:55:00Z");
  EXPECT_EQ(lines(), std::vector<std::string>{"manifest|5m|/etc/berth/manifests/web.yaml:14|StatefulSet default/web: "
                                              "spec.replicas: must be >= 0"});
  EXPECT_THAT(text(), HasSubstr("read 30s ago, 1 error\n"));
  EXPECT_THAT(text(), HasSubstr("\nNot well:\nmanifest  5m  /etc/berth/manifests/web.yaml:14  StatefulSet"));
  EXPECT_THAT(text(), Not(HasSubstr("All is well")));
}

TEST_F(HostText, TextFromOutsideCannotDriveTheTerminal) {
  picture_.objects.pods.push_back(pod(R"({"phase":"Failed","message":"a\u001b[31mb\nc\td"})"));
  EXPECT_THAT(text(), HasSubstr("default/web-0  a [31mb c d\n"));
}

TEST_F(HostText, WarningsComeLast) {
  auto& source = picture_.status.sources[0];
  source.problems.push_back({.subject = "a.yaml", .line = 1, .message = "old version", .warning = true, .since = {}});
  picture_.objects.pods.push_back(pod(R"({"phase":"Pending","reason":"Evicted"})"));
  EXPECT_EQ(lines(), (std::vector<std::string>{"pod|60m|default/web-0|Evicted", "w manifest|-|a.yaml:1|old version"}));
}

TEST_F(HostText, APodWhoseShimIsSilentIsSaidWhileContainerdIsUsable) {
  picture_.status.containerd.silent.push_back({.subject = "Pod default/web-0",
                                               .message = "its shim has answered nothing",
                                               .since = at("2026-11-28T11:55:00Z")});
  EXPECT_EQ(lines(), (std::vector<std::string>{"containerd|5m|Pod default/web-0|its shim has answered nothing"}));
}

TEST_F(HostText, WhatTheHostLacksComesBeforeItsPods) {
  picture_.status.containerd.error = "connection refused";
  picture_.status.containerd.since = at("2026-11-28T11:58:00Z");
  picture_.status.disks.push_back({.path = "/run/berth", .total_bytes = 1000, .free_bytes = 50, .error = ""});
  picture_.status.disks.push_back(
      {.path = "/gone", .total_bytes = 0, .free_bytes = 0, .error = "No such file or directory"});
  picture_.status.strangers.push_back({.uid = "u1", .ns = "default", .name = "db-0", .why = "the store is new"});
  picture_.status.logs.push_back({.subject = "default/web-0", .message = "what container main writes waits"});
  picture_.status.sources[0].error = "open /etc/berth/manifests: Permission denied";
  EXPECT_EQ(
      lines(),
      (std::vector<std::string>{
          "containerd|2m|/run/containerd/containerd.sock|connection refused", "disk|-|/gone|No such file or directory",
          "stranger|-|default/db-0|runs here and has no object: the store is new; berth pods adopt u1, or remove",
          "log|-|default/web-0|what container main writes waits",
          "source|-|directory:/etc/berth/manifests|open /etc/berth/manifests: Permission denied",
          "w disk|-|/run/berth|only 50 B of 1000 B free"}));
}

TEST_F(HostText, AClaimThatIsNotBoundSaysWhatItsLastWarningSaid) {
  picture_.objects.claims.push_back(value(
      R"({"metadata":{"namespace":"default","name":"data","uid":"c1","creationTimestamp":"2026-11-28T11:30:00Z"},"status":{"phase":"Pending"}})"));
  picture_.objects.claims.push_back(
      value(R"({"metadata":{"namespace":"default","name":"ok"},"status":{"phase":"Bound"}})"));
  for (
      const char* event :
      {R"({"type":"Warning","involvedObject":{"uid":"c1"},"reason":"ProvisioningFailed","message":"no room","lastTimestamp":"2026-11-28T11:40:00Z"})",
       R"({"type":"Warning","involvedObject":{"uid":"c1"},"reason":"Old","message":"older","lastTimestamp":"2026-11-28T11:31:00Z"})",
       R"({"type":"Normal","involvedObject":{"uid":"c1"},"reason":"Waiting","message":"for a pod","lastTimestamp":"2026-11-28T11:50:00Z"})"}) {
    picture_.objects.events.push_back(value(event));
  }
  EXPECT_EQ(lines(), std::vector<std::string>{"claim|30m|default/data|Pending: ProvisioningFailed: no room"});
  EXPECT_THAT(text(), HasSubstr("Claims      2: 1 bound\n"));
}

TEST_F(HostText, AServiceAnswersWhenItsEndpointsHaveAnAddress) {
  for (const char* name : {"db", "web"}) {
    picture_.services.push_back(value(std::string(R"({"metadata":{"namespace":"default","name":")") + name + R"("}})"));
  }
  picture_.endpoints.push_back(
      value(R"({"metadata":{"namespace":"default","name":"db"},"subsets":[{"addresses":[{"ip":"10.98.0.2"}]}]})"));
  picture_.endpoints.push_back(value(
      R"({"metadata":{"namespace":"default","name":"web"},"subsets":[{"notReadyAddresses":[{"ip":"10.98.0.3"}]}]})"));
  EXPECT_THAT(text(), HasSubstr("Names       2 services, 1 with an address\n"));
}

TEST(PodSentence, SaysTheFirstThingThatKeepsThePodFromBeingReady) {
  EXPECT_EQ(pod_sentence(pod(kReady)), "");
  EXPECT_EQ(pod_sentence(pod(R"({"phase":"Succeeded"})")), "");
  EXPECT_EQ(pod_sentence(pod(R"({})")), "Pending, not ready");
  EXPECT_EQ(pod_sentence(pod(kReady, R"(,"deletionTimestamp":"2026-11-28T11:00:00Z")")), "Terminating");
  EXPECT_EQ(
      pod_sentence(pod(R"({"phase":"Pending","containerStatuses":[{"name":"a","state":{"running":{}}},)"
                       R"({"name":"b","state":{"waiting":{"reason":"ImagePullBackOff","message":"not found"}}}]})")),
      "b: ImagePullBackOff: not found");
  EXPECT_EQ(
      pod_sentence(pod(
          R"({"phase":"Pending","initContainerStatuses":[{"name":"init","state":{"terminated":{"exitCode":3,"reason":"Error"}}}],)"
          R"("containerStatuses":[{"name":"a","state":{"waiting":{"reason":"PodInitializing"}}}]})")),
      "init: Error, exit code 3");
  EXPECT_EQ(pod_sentence(pod(R"({"phase":"Failed","reason":"DeadlineExceeded","message":"too long"})")),
            "DeadlineExceeded: too long");
  EXPECT_EQ(pod_sentence(pod(R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False",)"
                             R"("reason":"Unschedulable","message":"no node has the label"}]})")),
            "Unschedulable: no node has the label");
  EXPECT_EQ(pod_sentence(pod(R"({"phase":"Running","conditions":[{"type":"Ready","status":"False","reason":)"
                             R"("ContainersNotReady","message":"containers with unready status: [a]"}],)"
                             R"("containerStatuses":[{"name":"a","state":{"running":{}}}]})")),
            "ContainersNotReady: containers with unready status: [a]");
}

TEST(BytesText, IsShort) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(5ULL << 40), "5.0 TiB");
}

}  // namespace
}  // namespace berth::cli
