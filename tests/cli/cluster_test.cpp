// tests/cli/cluster_test.cpp - berth cluster's decisions and texts: tokens, members of the etcd, files, the report.
#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include "base/atomic_file.hpp"
#include "cli/cluster/cluster_report.hpp"
#include "cli/cluster/etcd_members.hpp"
#include "cli/cluster/host_config.hpp"
#include "cli/cluster/join_token.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kPin(64, 'a');

TEST(JoinToken, IsReadBackAsItWasPrinted) {
  const auto token = make_join_token(kPin);
  EXPECT_EQ(token.id.size(), 6U);
  EXPECT_EQ(token.secret.size(), 16U);
  const auto read = parse_join_token(token.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, token);
  EXPECT_NE(make_join_token(kPin).secret, token.secret);
}

TEST(JoinToken, RefusesWhatIsNone) {
  const auto good = "abcdef.0123456789abcdef." + kPin;
  EXPECT_TRUE(parse_join_token(good));
  for (const std::string& text :
       {std::string(), std::string("abcdef"), std::string("abcdef.0123456789abcdef"), "abcde.0123456789abcdef." + kPin,
        "abcdef.0123456789abcde." + kPin, "ABCDEF.0123456789abcdef." + kPin, good + "0",
        good.substr(0, good.size() - 1) + "g", "abcdef.0123456789abc/ef." + kPin}) {
    EXPECT_FALSE(parse_join_token(text)) << text;
  }
}

TEST(JoinToken, ItsSecretIsKubernetesBootstrapToken) {
  const auto secret = json::value(token_secret({"abcdef", "0123456789abcdef", kPin}, WallTime(std::chrono::hours(24))));
  EXPECT_EQ(find_string(secret, {"type"}), "bootstrap.kubernetes.io/token");
  EXPECT_EQ(find_string(secret, {"metadata", "name"}), "bootstrap-token-abcdef");
  EXPECT_EQ(find_string(secret, {"metadata", "namespace"}), "kube-system");
  EXPECT_EQ(find_string(secret, {"data", "token-id"}), "YWJjZGVm");
  EXPECT_EQ(find_string(secret, {"data", "expiration"}), "MTk3MC0wMS0wMlQwMDowMDowMFo=");
  EXPECT_EQ(find_string(secret, {"data", "usage-bootstrap-authentication"}), "dHJ1ZQ==");
}

Member member(std::uint64_t id, const std::string& name, int host, bool learner = false) {
  const auto address = "10.0.0." + std::to_string(host);
  return {id, name, peer_url(address), name.empty() ? "" : client_url(address), learner};
}

MemberWish wish(int host, bool has_data, Membership membership = Membership::Auto) {
  return {"h" + std::to_string(host), peer_url("10.0.0." + std::to_string(host)), membership, has_data};
}

TEST(PlanMember, TheFirstThreeHostsAreMembersOneAfterTheOther) {
  const std::vector two{member(1, "h1", 1), member(2, "h2", 2)};
  const std::vector three{two[0], two[1], member(3, "h3", 3)};
  EXPECT_EQ(plan_member(two, wish(3, false)).step, MemberStep::Add);
  EXPECT_EQ(plan_member(three, wish(4, false)).step, MemberStep::Client);
  EXPECT_EQ(plan_member(three, wish(4, false, Membership::Yes)).step, MemberStep::Add);
  EXPECT_EQ(plan_member(two, wish(3, false, Membership::No)).step, MemberStep::Client);
  EXPECT_EQ(plan_member(three, wish(3, true)).step, MemberStep::Member);
}

TEST(PlanMember, GoesOnWhereATryBrokeOff) {
  std::vector members{member(1, "h1", 1), member(2, "", 2, /*learner=*/true)};
  EXPECT_EQ(plan_member(members, wish(2, false)).step, MemberStep::Start) << "added, never begun";
  EXPECT_EQ(plan_member(members, wish(2, true)).step, MemberStep::Start) << "begun, not heard of yet";
  EXPECT_EQ(plan_member(members, wish(2, true)).target.id, 2U) << "who never begins is taken out again";
  members[1] = member(2, "h2", 2, /*learner=*/true);
  const auto promote = plan_member(members, wish(2, true));
  EXPECT_EQ(promote.step, MemberStep::Promote);
  EXPECT_EQ(promote.target.id, 2U);
}

TEST(PlanMember, ALostMemberIsReplacedUnderItsName) {
  const std::vector members{member(1, "h1", 1), member(2, "h2", 2), member(3, "h3", 3)};
  const auto lost = plan_member(members, wish(2, /*has_data=*/false));
  EXPECT_EQ(lost.step, MemberStep::Replace) << "its data is gone";
  EXPECT_EQ(lost.target.id, 2U);
  auto moved = wish(9, /*has_data=*/true);
  moved.name = "h3";
  const auto elsewhere = plan_member(members, moved);
  EXPECT_EQ(elsewhere.step, MemberStep::Move) << "it has another address";
  EXPECT_EQ(elsewhere.target.id, 3U);
  moved.has_data = false;
  EXPECT_EQ(plan_member(members, moved).step, MemberStep::Replace) << "it has another address, and no data";
}

TEST(EtcdMembers, AreReadFromEtcdctl) {
  const auto members = parse_members(
      R"({"header":{"cluster_id":1},"members":[{"ID":14841639068965178418,"name":"h1","peerURLs":["https://10.0.0.1:2380"],)"
      R"("clientURLs":["https://10.0.0.1:2379"]},{"ID":7,"peerURLs":["https://10.0.0.2:2380"],"isLearner":true}]})");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ((*members)[0].hex_id(), "cdf818194e3a8c32");
  EXPECT_TRUE((*members)[1].learner);
  EXPECT_EQ((*members)[1].name, "");
  EXPECT_EQ(initial_cluster(*members, "h2", "https://10.0.0.2:2380"),
            "h1=https://10.0.0.1:2380,h2=https://10.0.0.2:2380");
  EXPECT_THAT(client_endpoints(*members, ""), ElementsAre("https://10.0.0.1:2379")) << "a learner answers no client";
  for (const auto* text : {"", "[]", "{}", R"({"members":7})", "Error: context deadline exceeded"}) {
    EXPECT_FALSE(parse_members(text)) << text;
  }
}

TEST(EtcdMembers, StatesOfThoseThatAnswerAreReadAmongComplaints) {
  const auto states = parse_member_states(
      "{\"level\":\"warn\",\"msg\":\"retrying\"}\nFailed to get the status of endpoint x (context deadline exceeded)\n"
      R"([{"Endpoint":"https://10.0.0.1:2379","Status":{"header":{"member_id":5,"revision":42},"dbSize":20480,"leader":5,)"
      R"("errors":["etcdserver: no leader"]}}])"
      "\n");
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].id, 5U);
  EXPECT_EQ(states[0].revision, 42);
  EXPECT_THAT(states[0].errors, ElementsAre("etcdserver: no leader"));
  EXPECT_THAT(parse_member_states("nothing\n[broken\n"), IsEmpty());
}

TEST(HostFiles, TheDropInSaysWhatBerthdReads) {
  const auto places = host_places("/etc/berth/berthd.yaml", "/var/lib/berth", "/run/berth");
  EXPECT_EQ(places.drop_in, "/etc/berth/berthd.d/50-cluster.yaml");
  const auto yaml = YAML::Load(drop_in_text({.advertise = {"10.0.0.1", 6550},
                                             .listen = {"127.0.0.1:6550", "10.0.0.1:6550"},
                                             .endpoints = {"https://10.0.0.1:2379", "https://10.0.0.2:2379"},
                                             .cluster_cidr = "10.98.0.0/16",
                                             .service_cidr = "10.96.0.0/16",
                                             .cluster_domain = "",
                                             .mode = "vxlan"},
                                            places));
  EXPECT_EQ(yaml["store"]["etcd"]["endpoints"].size(), 2U);
  EXPECT_EQ(yaml["store"]["etcd"]["keyFile"].as<std::string>(), "/etc/berth/cluster/host.key");
  EXPECT_EQ(yaml["api"]["tls"]["listen"].size(), 2U) << "its own place once, and what was there";
  EXPECT_EQ(yaml["api"]["tls"]["listen"][0].as<std::string>(), "10.0.0.1:6550");
  EXPECT_EQ(yaml["cluster"]["advertise"].as<std::string>(), "10.0.0.1:6550");
  EXPECT_EQ(yaml["network"]["nodeAddress"].as<std::string>(), "10.0.0.1");
  EXPECT_FALSE(yaml["network"]["clusterDomain"]) << "what nobody said is not said";
}

TEST(HostFiles, TheEtcdHasTlsOnBothSidesAndAsksForCertificates) {
  const auto places = host_places("/etc/berth/berthd.yaml", "/var/lib/berth", "/run/berth");
  const auto yaml = YAML::Load(etcd_text(
      {.name = "h1", .host = "10.0.0.1", .initial_cluster = "h1=https://10.0.0.1:2380", .is_new = true}, places));
  for (const auto* side : {"client-transport-security", "peer-transport-security"}) {
    EXPECT_TRUE(yaml[side]["client-cert-auth"].as<bool>()) << side;
    EXPECT_EQ(yaml[side]["trusted-ca-file"].as<std::string>(), "/etc/berth/cluster/ca.crt") << side;
  }
  EXPECT_EQ(yaml["initial-cluster-state"].as<std::string>(), "new");
  EXPECT_EQ(yaml["data-dir"].as<std::string>(), "/var/lib/berth/etcd");
}

TEST(HostConfig, OurDropInIsToldFromWhatPeopleWrote) {
  const TempDir temp;
  const auto config = temp.path() / "berthd.yaml";
  ASSERT_TRUE(write_file(
      config, "nodeName: h1\nstateDir: " + temp.path().string() + "\napi: {tls: {listen: [\"127.0.0.1:6550\"]}}\n"));
  auto host = read_host_config(config);
  ASSERT_TRUE(host);
  EXPECT_FALSE(host->in_cluster());
  EXPECT_THAT(host->listen, ElementsAre("127.0.0.1:6550"));
  std::filesystem::create_directory(temp.path() / "berthd.d");
  const ClusterSetting setting{
      .advertise = {"10.0.0.1", 6550}, .listen = host->listen, .endpoints = {"https://10.0.0.1:2379"}};
  ASSERT_TRUE(write_file(host->places.drop_in, drop_in_text(setting, host->places)));
  host = read_host_config(config);
  ASSERT_TRUE(host);
  EXPECT_TRUE(host->in_cluster());
  EXPECT_EQ(host->advertise, "10.0.0.1:6550");
  EXPECT_EQ(host->etcd_said_by, "");
  EXPECT_THAT(host->listen, ElementsAre("127.0.0.1:6550"));
  EXPECT_THAT(host->endpoints, ElementsAre("https://10.0.0.1:2379"));
  std::filesystem::create_directory(temp.path() / "etcd-copy");
  const auto learned = [&](const std::string& by) {
    EXPECT_TRUE(
        write_file(host->places.members, R"({"configured":[")" + by + R"("],"members":["https://10.0.0.2:2379"]})"));
    return read_host_config(config)->endpoints;
  };
  EXPECT_THAT(learned("https://10.0.0.1:2379"), ElementsAre("https://10.0.0.1:2379", "https://10.0.0.2:2379"));
  EXPECT_THAT(learned("https://10.0.0.9:2379"), ElementsAre("https://10.0.0.1:2379")) << "of another etcd";
  ASSERT_TRUE(write_file(config, "store: {etcd: {endpoints: [\"http://e:2379\"]}}\n"));
  host = read_host_config(config);
  ASSERT_TRUE(host);
  EXPECT_EQ(host->etcd_said_by, config);
}

// A host that left its cluster with it had an agent that did not start any more.
TEST(HostConfig, WhoAsksForFencingIsKnown) {
  const TempDir temp;
  const auto config = temp.path() / "berthd.yaml";
  const auto said_by = [&] { return read_host_config(config)->fencing_said_by; };
  ASSERT_TRUE(write_file(config, "nodeName: h1\n"));
  EXPECT_EQ(said_by(), "");
  for (const auto* yes : {"true", "\"true\""}) {
    ASSERT_TRUE(write_file(config, std::string("cluster: {fencing: ") + yes + "}\n"));
    EXPECT_EQ(said_by(), config) << yes;
  }
  std::filesystem::create_directory(temp.path() / "berthd.d");
  const auto later = temp.path() / "berthd.d" / "60-mine.yaml";
  ASSERT_TRUE(write_file(later, "cluster: {fencing: false}\n"));
  EXPECT_EQ(said_by(), "") << "a later file has the last word";
  ASSERT_TRUE(write_file(later, "cluster: {fencing: true}\n"));
  EXPECT_EQ(said_by(), later);
}

TEST(HostConfig, AnAdvertisedAddressIsOne) {
  EXPECT_EQ(parse_advertise("10.0.0.1")->text(), "10.0.0.1:6550");
  EXPECT_EQ(parse_advertise("10.0.0.1:7000")->text(), "10.0.0.1:7000");
  for (const auto* text : {"", "0.0.0.0", "ship-1", "10.0.0.1:0x", "[::1]:6550"})
    EXPECT_FALSE(parse_advertise(text)) << text;
}

class ClusterReport : public testing::Test {
 protected:
  ClusterReport() {
    for (int i = 1; i <= 3; ++i) {
      const auto name = "h" + std::to_string(i);
      facts_.members.push_back(member(static_cast<std::uint64_t>(i), name, i));
      facts_.endpoints.push_back(facts_.members.back().client_url);
      facts_.states.push_back({facts_.endpoints.back(), static_cast<std::uint64_t>(i), 1, 100, 1'048'576, {}});
      facts_.hosts.push_back({name, "10.0.0." + std::to_string(i), true, format_rfc3339(now_), "v1", {}});
      facts_.pods.push_back({"default/web", std::to_string(i - 1), name, i != 3});
    }
    facts_.node = "h1";
    facts_.certificates.push_back({"this host's certificate", now_ + std::chrono::hours(24 * 300)});
  }
  std::vector<std::string> faults() const { return cluster_faults(facts_, now_); }

  const WallTime now_ = std::chrono::system_clock::now();
  ClusterFacts facts_;
};

TEST_F(ClusterReport, AHealthyClusterHasNoFaultsAndAPicture) {
  EXPECT_THAT(faults(), IsEmpty());
  const auto text = cluster_text(facts_, now_);
  EXPECT_THAT(text, HasSubstr("h1            leader"));
  EXPECT_THAT(text, HasSubstr("1 of 2048 MiB"));
  EXPECT_THAT(text, HasSubstr("STATEFULSET   h1   h2   h3\ndefault/web   0    1    (2)\n"));
}

TEST_F(ClusterReport, OneOfThreeMayGoAndTwoMayNot) {
  facts_.states.pop_back();
  EXPECT_THAT(faults(),
              ElementsAre(HasSubstr("h3 does not answer: nothing changes for pods, but no other member may go")));
  facts_.states.pop_back();
  facts_.states[0].errors = {"etcdserver: no leader"};  // Which is the same.
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("no quorum: 1 of 3 members answer, 2 are needed; h2, h3 not")));
  EXPECT_THAT(cluster_text(facts_, now_), HasSubstr("does not answer"));
}

TEST_F(ClusterReport, EachFaultIsASentence) {
  facts_.states[1].errors = {"memberID:2 alarm:NOSPACE "};
  facts_.states[2].revision = 100 - 1;
  facts_.states[0].revision = 5'000;
  facts_.states[1].revision = 5'000;
  facts_.hosts[1].heard = false;
  facts_.hosts[2].says = {"no packet comes back"};
  facts_.certificates[0].ends = now_ + std::chrono::hours(24);
  facts_.endpoints.pop_back();
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("h2 says \"memberID:2 alarm:NOSPACE \": nothing can be written"),
                                    HasSubstr("h3 is 4901 revisions behind"), HasSubstr("nothing is heard of host h2"),
                                    "h3: no packet comes back", HasSubstr("knows 2 of 3 members"),
                                    HasSubstr("this host is shut out")));
}

TEST_F(ClusterReport, TwoMembersAreNoSaferThanOneAndALearnerIsNone) {
  facts_.members.pop_back();
  facts_.states.pop_back();
  facts_.endpoints.pop_back();
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("the etcd has two members")));
  facts_.members[1].learner = true;
  facts_.endpoints.pop_back();
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("h2 is no full member")));
}

TEST_F(ClusterReport, WhatCannotBeFoundOutIsSaid) {
  facts_ = {.node = "h1", .endpoints = {}, .members_unknown = "refused", .agent_unknown = "is berthd running?"};
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("no member of the etcd tells"), HasSubstr("agent does not answer")));
  const auto text = cluster_text(facts_, now_);
  EXPECT_THAT(text, HasSubstr("ETCD MEMBERS: not known: refused"));
  EXPECT_THAT(text, Not(HasSubstr("STATEFULSET")));
}

}  // namespace
}  // namespace berth::cli
