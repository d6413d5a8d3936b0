// tests/agent/host_troubles_test.cpp - what is wrong with a host among others, and what is not.
#include "agent/node/host_troubles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

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

TwiceSeen seen(std::initializer_list<bool> looks) {
  TwiceSeen out;
  for (const auto each : looks) out.take(each);
  return out;
}

TEST(HostTroubles, ALookMayErrTwoInARowDoNot) {
  EXPECT_FALSE(seen({}).value());
  EXPECT_FALSE(seen({true}).value());
  EXPECT_TRUE(seen({true}).doubted());
  EXPECT_FALSE(seen({true, false, true, false}).value());
  EXPECT_FALSE(seen({true, false}).doubted());
  EXPECT_TRUE(seen({true, true}).value());
  EXPECT_FALSE(seen({true, true}).doubted());
  EXPECT_TRUE(seen({true, true, false, true, false}).value());
  EXPECT_FALSE(seen({true, true, false, false}).value());
}

TEST(HostTroubles, AClockAtTheLimitIsNoNewsEachTime) {
  EXPECT_EQ(judge_clock(PeerClock::Alike, milliseconds(2'000)), PeerClock::Alike);
  EXPECT_EQ(judge_clock(PeerClock::Alike, milliseconds(2'001)), PeerClock::Ahead);
  EXPECT_EQ(judge_clock(PeerClock::Ahead, milliseconds(1'001)), PeerClock::Ahead);
  EXPECT_EQ(judge_clock(PeerClock::Ahead, milliseconds(1'000)), PeerClock::Alike);
  EXPECT_EQ(judge_clock(PeerClock::Alike, milliseconds(-2'001)), PeerClock::Behind);
  EXPECT_EQ(judge_clock(PeerClock::Behind, std::nullopt), PeerClock::Behind);
}

TEST(HostTroubles, OneLostPacketIsNone) {
  TroubleFacts facts;
  facts.peers = {{"b", "10.98.1.1", seen({true}), PeerClock::Alike}, {"c", "10.98.2.1"}};
  EXPECT_THAT(host_troubles(facts), IsEmpty());
}

TEST(HostTroubles, EachSaysWhatItMeansForPods) {
  TroubleFacts facts;
  facts.store = {{.what = "etcd", .reason = "it complains: CORRUPT", .kind = {}, .ns = {}, .name = {}}};
  facts.peers = {{"b", "10.98.1.1", seen({true, true}), PeerClock::Alike},
                 {"c", "10.98.2.1", seen({true, true}), PeerClock::Alike},
                 {"d", "10.98.3.1", {}, PeerClock::Ahead},
                 {"e", "10.98.4.1", {}, PeerClock::Behind}};
  facts.dns = "no answer";
  facts.is_fence_off = true;
  EXPECT_THAT(
      host_troubles(facts),
      ElementsAre(is("EtcdProblem", "CORRUPT; pods run on"),
                  is("NetworkUnavailable", "of b (10.98.1.1), c (10.98.2.1): pods here do not reach pods there"),
                  is("ClockSkew", "seconds behind d, ahead of e: pods run on"),
                  is("NamesProblem", "(no answer): its pods find no names"),
                  is("FenceProblem", "pods that ask for fencing do not start here")));
}

TEST(HostTroubles, OwnMemberIsSaidWhenTheStoreSaysNothingItself) {
  TroubleFacts facts{.idle_member = "10.0.0.1:2379"};
  EXPECT_THAT(host_troubles(facts), ElementsAre(is("EtcdProblem", "nothing listens on 10.0.0.1:2379")));
  facts.store = {{.what = "etcd", .reason = "nothing can be written", .kind = {}, .ns = {}, .name = {}}};
  EXPECT_THAT(host_troubles(facts), ElementsAre(is("EtcdProblem", "nothing can be written; pods run on")));
  facts.store[0].kind = "Pod";  // One object that cannot be read.
  EXPECT_THAT(host_troubles(facts), ElementsAre(is("EtcdProblem", "nothing listens on")));
}

TEST(HostTroubles, EachHostAsksTheNextOnes) {
  const std::set<std::string> live = {"d", "b", "a", "c"};
  EXPECT_THAT(peers_to_ask(live, "b", 2), ElementsAre("c", "d"));
  EXPECT_THAT(peers_to_ask(live, "c", 2), ElementsAre("d", "a"));
  EXPECT_THAT(peers_to_ask(live, "d", 9), ElementsAre("a", "b", "c"));
  EXPECT_THAT(peers_to_ask({"a"}, "a", 3), IsEmpty());
  EXPECT_THAT(peers_to_ask({"a", "c"}, "b", 1), ElementsAre("c")) << "we are not known to be there";
}

TEST(HostTroubles, CertificatesAreOneTroubleThatSaysOfEachWhatIsToBeDone) {
  TroubleFacts facts;
  facts.certificates = {{.file = "/a.crt", .ends = "2030-01-01T00:00:00Z"},
                        {.file = "/ca.crt", .ends = "2030-01-02T00:00:00Z", .is_authority = true}};
  EXPECT_THAT(host_troubles(facts),
              ElementsAre(AllOf(is("CertificateProblem", "/a.crt ends at 2030-01-01T00:00:00Z, and berth has not"),
                                is("CertificateProblem", "the CA in /ca.crt ends at 2030-01-02T00:00:00Z"),
                                Field(&NodeTrouble::reason, "CertificateEnds"))));
  facts.certificates.push_back({.file = "/b.crt", .ends = "2030-01-03T00:00:00Z", .not_renewed = "no space left"});
  facts.certificates.push_back({.file = "/c.crt", .not_renewed = "no such file"});
  EXPECT_THAT(host_troubles(facts),
              ElementsAre(AllOf(
                  is("CertificateProblem", "ends at 2030-01-03T00:00:00Z and could not be renewed: no space left"),
                  is("CertificateProblem", "/c.crt cannot be read: no such file"),
                  Field(&NodeTrouble::reason, "CertificateNotRenewed"))));
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
    for (const auto* each : {"1", "2", "3"}) write_node(each, /*tells=*/true);
    live("n1", "n2", "n3");
  }
  void write_node(const std::string& number, bool tells) {
    json::array conditions;
    if (tells) conditions.push_back(json::object{{"type", "NetworkUnavailable"}, {"status", "False"}});
    EXPECT_TRUE(store::create_and_wait(
        *store_, *model::make_object({{"apiVersion", "v1"},
                                      {"kind", "Node"},
                                      {"metadata", {{"name", "n" + number}}},
                                      {"spec", {{"podCIDR", "10.98." + number + ".0/24"}}},
                                      {"status",
                                       {{"addresses", json::array{{{"type", "InternalIP"}, {"address", "10.0.0.1"}}}},
                                        {"conditions", std::move(conditions)}}}})));
  }
  template <typename... Names>
  void live(Names... names) {
    store::Holders holders;
    for (const std::string& each : {std::string(names)...}) holders[each].node = each;
    nodes_.take(holders);
  }
  void look() {
    asked_.clear();
    watch_.look();
    while (loop_.poll() > 0) {
    }
  }

  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  LiveNodes nodes_{"n1", LiveNodes::Store::Shared};
  std::vector<std::string> asked_;
  std::map<std::string, network::PeerAnswer> answers_;  ///< By gateway; else all is well.
  bool may_ask_ = true;
  bool listens_ = true;
  bool fence_off_ = false;
  std::vector<CertificateTrouble> certificates_;
  Status dns_ = Ok{};
  std::vector<NodeTrouble> said_;
  TroubleWatch watch_{{.loop = loop_,
                       .lane = *lane_,
                       .store = *store_,
                       .nodes = nodes_,
                       .own_member = TcpAddress{"10.0.0.1", 2379},
                       .is_fence_off = [this] { return fence_off_; },
                       .certificates = [this] { return certificates_; },
                       .probes = {.peers = [this](const auto& peers) { return answers_of(peers); },
                                  .listens = [this](std::uint16_t port) { return port == 2379 && listens_; },
                                  .dns = [this] { return dns_; }},
                       .on_troubles = [this](const auto& troubles) { said_ = troubles; }}};

 private:
  Result<std::vector<network::PeerAnswer>> answers_of(const std::vector<network::IpAddress>& peers) {
    if (!may_ask_) return Error(ErrorCode::Unavailable, "operation not permitted");
    std::vector<network::PeerAnswer> out;
    for (const auto& each : peers) {
      asked_.push_back(each.text());
      const auto said = answers_.find(each.text());
      out.push_back(said == answers_.end() ? network::PeerAnswer{true, milliseconds(0)} : said->second);
    }
    return out;
  }
};

TEST_F(TroubleWatchTest, APeerThatMissesTwiceIsSaidAndTakenBackWhenItAnswersTwice) {
  look();
  EXPECT_THAT(asked_, ElementsAre("10.98.2.1", "10.98.3.1"));
  answers_["10.98.3.1"] = {};
  look();
  EXPECT_THAT(said_, IsEmpty());
  look();
  EXPECT_THAT(said_, ElementsAre(is("NetworkUnavailable", "of n3 (10.98.3.1)")));
  const auto before = said_;
  answers_["10.98.3.1"] = {true, milliseconds(0)};
  look();
  EXPECT_EQ(said_, before);
  look();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TroubleWatchTest, TheSameTroubleHasTheSameWords) {
  answers_["10.98.3.1"] = {true, milliseconds(5'000)};
  look();
  EXPECT_THAT(said_, ElementsAre(is("ClockSkew", "seconds behind n3")));
  const auto before = said_;
  for (const auto off : {2'500, 1'700, 90'000}) {
    answers_["10.98.3.1"] = {true, milliseconds(off)};
    look();
    EXPECT_EQ(said_, before) << off;
  }
  answers_["10.98.3.1"] = {true, milliseconds(900)};
  look();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TroubleWatchTest, WhatIsOfThisHostIsSaidWhenSeenTwice) {
  listens_ = false;
  fence_off_ = true;
  dns_ = Error(ErrorCode::Unavailable, "no answer");
  look();
  EXPECT_THAT(said_, IsEmpty());
  look();
  EXPECT_THAT(said_, ElementsAre(is("EtcdProblem", "10.0.0.1:2379"), is("NamesProblem", "(no answer)"),
                                 is("FenceProblem", "berth-fence does not answer")));
  const auto before = said_;
  dns_ = Error(ErrorCode::Unavailable, "connection refused");
  look();
  EXPECT_EQ(said_, before) << "another why is no news";
  listens_ = true;
  fence_off_ = false;
  dns_ = Ok{};
  look();
  look();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TroubleWatchTest, ACertificateThatEndsIsSaidUntilItDoesNot) {
  certificates_ = {{.file = "/a.crt", .ends = "2030-01-01T00:00:00Z"}};
  look();
  EXPECT_THAT(said_, ElementsAre(is("CertificateProblem", "/a.crt")));
  certificates_.clear();
  look();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TroubleWatchTest, WhoIsNotThereIsNotAsked) {
  live("n1", "n3");
  look();
  EXPECT_THAT(asked_, ElementsAre("10.98.3.1"));
}

TEST_F(TroubleWatchTest, AnOlderAgentsFirewallDropsOurQuestionsSoItIsNotAsked) {
  write_node("4", /*tells=*/false);
  live("n1", "n3", "n4");
  look();
  EXPECT_THAT(asked_, ElementsAre("10.98.3.1"));
}

TEST_F(TroubleWatchTest, WithoutASessionOfOurOwnNobodyIsAskedAndWhatWasSaidStays) {
  answers_["10.98.3.1"] = {};
  look();
  look();
  const auto before = said_;
  EXPECT_THAT(before, ElementsAre(is("NetworkUnavailable", "n3")));
  live("n2", "n3");
  answers_.clear();
  look();
  look();
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(said_, before);
}

TEST_F(TroubleWatchTest, WhoMayNotAskSaysNothing) {
  answers_["10.98.3.1"] = {};
  look();
  look();
  EXPECT_THAT(said_, ElementsAre(is("NetworkUnavailable", "n3")));
  may_ask_ = false;
  look();
  EXPECT_THAT(said_, IsEmpty());
}

}  // namespace
}  // namespace berth::agent
