// tests/agent/host_troubles_test.cpp - what is wrong with a host among others, and what is not.
#include "agent/node/host_troubles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/node/trouble_watch.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

auto is(const std::string& type, const std::string& part) {
  return AllOf(Field(&NodeTrouble::type, type), Field(&NodeTrouble::message, HasSubstr(part)));
}

TEST(HostTroubles, OneLostPacketAndHalfASecondAreNone) {
  TroubleFacts facts;
  facts.peers = {{"b", "10.98.1.1", kMissedMost - 1, milliseconds(500)}, {"c", "10.98.2.1", 0, std::nullopt}};
  EXPECT_THAT(host_troubles(facts), IsEmpty());
}

TEST(HostTroubles, EachSaysWhatItMeansForPods) {
  TroubleFacts facts;
  facts.store = {{.what = "etcd", .reason = "it complains: CORRUPT", .kind = {}, .ns = {}, .name = {}}};
  facts.peers = {{"b", "10.98.1.1", kMissedMost, std::nullopt},
                 {"c", "10.98.2.1", kMissedMost + 5, std::nullopt},
                 {"d", "10.98.3.1", 0, milliseconds(3'000)},
                 {"e", "10.98.4.1", 0, milliseconds(-2'500)}};
  facts.dns = "no answer";
  facts.fence_is_off = true;
  EXPECT_THAT(
      host_troubles(facts),
      ElementsAre(is("EtcdProblem", "CORRUPT; pods run on"),
                  is("NetworkUnavailable", "of b (10.98.1.1), c (10.98.2.1): pods here do not reach pods there"),
                  is("ClockSkew", "3.0 s behind d, 2.5 s ahead of e: pods run on"),
                  is("NamesProblem", "(no answer): its pods find no names"),
                  is("FenceProblem", "pods that ask for fencing do not start here")));
}

TEST(HostTroubles, OwnMemberIsSaidWhenTheStoreSaysNothingItself) {
  TroubleFacts facts{.own_member = "10.0.0.1:2379", .member_error = "connection refused"};
  EXPECT_THAT(host_troubles(facts),
              ElementsAre(is("EtcdProblem", "10.0.0.1:2379, does not answer (connection refused)")));
  facts.store = {{.what = "etcd", .reason = "nothing can be written", .kind = {}, .ns = {}, .name = {}}};
  EXPECT_THAT(host_troubles(facts), ElementsAre(is("EtcdProblem", "nothing can be written; pods run on")));
  facts.store[0].kind = "Pod";  // One object that cannot be read.
  EXPECT_THAT(host_troubles(facts), ElementsAre(is("EtcdProblem", "connection refused")));
}

TEST(HostTroubles, EachHostAsksTheNextOnes) {
  const std::vector<std::string> live = {"d", "b", "a", "c"};
  EXPECT_THAT(peers_to_ask(live, "b", 2), ElementsAre("c", "d"));
  EXPECT_THAT(peers_to_ask(live, "c", 2), ElementsAre("d", "a"));
  EXPECT_THAT(peers_to_ask(live, "d", 9), ElementsAre("a", "b", "c"));
  EXPECT_THAT(peers_to_ask({"a"}, "a", 3), IsEmpty());
  EXPECT_THAT(peers_to_ask({"a", "c"}, "b", 1), ElementsAre("c")) << "we are not known to be there";
}

TEST(TroubleWatch, OwnMemberIsTheOneAtOurAddress) {
  const std::vector<std::string> all = {"https://10.0.0.1:2379", "http://10.0.0.2:2379", "10.0.0.3:23"};
  EXPECT_EQ(own_member(all, "10.0.0.2"), (TcpAddress{"10.0.0.2", 2379}));
  EXPECT_EQ(own_member(all, "10.0.0.3"), (TcpAddress{"10.0.0.3", 23}));
  EXPECT_EQ(own_member(all, "10.0.0.4"), std::nullopt);
  EXPECT_EQ(own_member({"https://etcd.example:2379"}, "10.0.0.4"), std::nullopt);
}

class TroubleWatchTest : public testing::Test {
 protected:
  TroubleWatchTest() {
    for (int i = 1; i <= 3; ++i) {
      const auto name = "n" + std::to_string(i);
      EXPECT_TRUE(store::create_and_wait(
          *store_, *model::make_object(
                       {{"apiVersion", "v1"},
                        {"kind", "Node"},
                        {"metadata", {{"name", name}}},
                        {"spec", {{"podCIDR", "10.98." + std::to_string(i) + ".0/24"}}},
                        {"status", {{"addresses", json::array{{{"type", "InternalIP"}, {"address", "10.0.0.1"}}}}}}})));
    }
    live("n1", "n2", "n3");
  }
  template <typename... Names>
  void live(Names... names) {
    store::Holders holders;
    for (const std::string& each : {std::string(names)...}) holders[each].node = each;
    nodes_.take(holders);
  }
  void look() {
    watch_.look();
    while (loop_.poll() > 0) {
    }
  }

  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  LiveNodes nodes_{"n1", LiveNodes::Store::Shared};
  std::vector<std::string> asked_;
  std::vector<network::PeerAnswer> answers_{{true, milliseconds(0)}, {true, milliseconds(0)}};
  std::vector<NodeTrouble> said_;
  int times_said_ = 0;
  TroubleWatch watch_{{.loop = loop_,
                       .lane = *lane_,
                       .store = *store_,
                       .nodes = nodes_,
                       .own_member = std::nullopt,
                       .fence_is_off = [] { return false; },
                       .probes = {.peers =
                                      [this](const auto& peers) {
                                        asked_.clear();
                                        for (const auto& each : peers) asked_.push_back(each.text());
                                        auto answers = answers_;
                                        answers.resize(peers.size());
                                        return Result<std::vector<network::PeerAnswer>>(answers);
                                      },
                                  .member = [](const TcpAddress&) { return Status(Ok{}); },
                                  .dns = [] { return Status(Ok{}); }},
                       .on_change =
                           [this](const auto& troubles) {
                             said_ = troubles;
                             ++times_said_;
                           }}};
};

TEST_F(TroubleWatchTest, APeerThatMissesTwiceIsSaidOnceAndTakenBack) {
  look();
  EXPECT_THAT(asked_, ElementsAre("10.98.2.1", "10.98.3.1"));
  answers_[1] = {};
  look();
  EXPECT_EQ(times_said_, 0);
  look();
  look();
  EXPECT_THAT(said_, ElementsAre(is("NetworkUnavailable", "of n3 (10.98.3.1)")));
  EXPECT_EQ(times_said_, 1);
  answers_[1] = {true, milliseconds(5'000)};
  look();
  EXPECT_THAT(said_, ElementsAre(is("ClockSkew", "5.0 s behind n3")));
  answers_[1].clock_ahead = milliseconds(0);
  look();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TroubleWatchTest, WhoIsNotThereIsNotAsked) {
  live("n1", "n3");
  look();
  EXPECT_THAT(asked_, ElementsAre("10.98.3.1"));
  live("n2", "n3");  // Our own session is gone: who is there is not known.
  look();
  EXPECT_THAT(asked_, IsEmpty());
}

}  // namespace
}  // namespace berth::agent
