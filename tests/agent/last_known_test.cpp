// tests/agent/last_known_test.cpp - a store is lost, and the pods that run on keep their names.
#include "agent/services/last_known.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "agent/object_records.hpp"
#include "agent/services/names.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

model::ObjectPtr object(const std::string& text) {
  auto made = model::make_object(parse_json(text)->get_object());
  EXPECT_TRUE(made.ok()) << text;
  return std::make_shared<const model::Object>(*std::move(made));
}

model::ObjectPtr mongo(int ordinal, const std::string& uid, const std::string& address, bool ready = true) {
  return object(fmt::format(
      R"({{"apiVersion":"v1","kind":"Pod",
           "metadata":{{"name":"mongo-{0}","namespace":"prod","uid":"{1}","labels":{{"app":"mongo"}}}},
           "spec":{{"nodeName":"here","hostname":"mongo-{0}","subdomain":"mongo",
                    "containers":[{{"name":"main","image":"mongo:3.6"}}]}},
           "status":{{"phase":"Running"{2},"conditions":[{{"type":"Ready","status":"{3}"}}]}}}})",
      ordinal, uid, address.empty() ? "" : R"(,"podIP":")" + address + "\"", ready ? "True" : "False"));
}

model::ObjectPtr service(const std::string& name, const std::string& selector = R"({"app":"mongo"})") {
  return object(fmt::format(
      R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{}","namespace":"prod","uid":"s-{}"}},
           "spec":{{"clusterIP":"None","selector":{},"ports":[{{"name":"db","port":27017}}]}}}})",
      name, name, selector));
}

model::ObjectPtr outside() {
  return object(R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"outside","namespace":"prod"},
      "subsets":[{"addresses":[{"ip":"192.0.2.7"}],"ports":[{"port":5432}]}]})");
}

void put(ObjectCache& cache, const model::ObjectPtr& what) {
  cache.apply({store::ChangeType::Added, what, nullptr, 1});
}

/// "mongo mongo-0 10.98.0.2", "mongo mongo-1 10.98.0.3 not ready"
std::vector<std::string> lines(const network::DnsNames& names) {
  std::vector<std::string> out;
  for (const auto& service : names.services) {
    for (const auto& endpoint : service.endpoints) {
      out.push_back(fmt::format("{} {} {}{}", service.name, endpoint.hostname, endpoint.address,
                                endpoint.ready ? "" : " not ready"));
    }
  }
  return out;
}

class LastKnownTest : public testing::Test {
 protected:
  std::vector<std::string> names() { return lines(last_known.names(cache, "cluster.local")); }

  LastKnown last_known;
  ObjectCache cache;  ///< Of the store that is there now.
};

TEST_F(LastKnownTest, AStoreThatKnowsNothingAnswersAsTheOneBefore) {
  const std::vector all{mongo(0, "a", "10.98.0.2"), mongo(1, "b", "10.98.0.3", /*ready=*/false), service("mongo"),
                        service("outside", "{}"), outside()};
  ObjectCache before;
  for (const auto& each : all) put(before, each);
  last_known.remember(all);
  const auto now = last_known.names(cache, "cluster.local");
  const auto then = make_names(before, "cluster.local");
  EXPECT_EQ(lines(now), lines(then));
  EXPECT_EQ(now.pod_namespaces, then.pod_namespaces) << "or short names would not be found";
  EXPECT_THAT(lines(now),
              ElementsAre("mongo mongo-0 10.98.0.2", "mongo mongo-1 10.98.0.3 not ready", "outside  192.0.2.7"));
}

TEST_F(LastKnownTest, OnlyStrangersCountOnceItIsKnownWhoIsOne) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), mongo(1, "b", "10.98.0.3"), service("mongo")});
  last_known.judge({"b"});
  EXPECT_THAT(names(), ElementsAre("mongo mongo-1 10.98.0.3"));
}

TEST_F(LastKnownTest, WithTheLastStrangerTheServicesAreForgotten) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo")});
  last_known.judge({"a"});
  EXPECT_THAT(names(), ElementsAre("mongo mongo-0 10.98.0.2"));
  last_known.judge({});
  EXPECT_TRUE(last_known.names(cache, "cluster.local").services.empty());
}

TEST_F(LastKnownTest, APodOfTheSameNameThatWaitsDoesNotHideTheOneThatRuns) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo")});
  last_known.judge({"a"});
  put(cache, service("mongo"));
  put(cache, mongo(0, "new", ""));
  EXPECT_THAT(names(), ElementsAre("mongo mongo-0 10.98.0.2"));
}

TEST_F(LastKnownTest, AnAdoptedPodIsAnsweredWhileItsObjectHasNoAddressYet) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo")});
  last_known.judge({"a"});
  put(cache, mongo(0, "a", "", /*ready=*/false));
  last_known.judge({});
  EXPECT_THAT(names(), ElementsAre("mongo mongo-0 10.98.0.2"));
  put(cache, service("mongo"));
  put(cache, mongo(0, "a", "10.98.0.9"));
  EXPECT_THAT(names(), ElementsAre("mongo mongo-0 10.98.0.9"));
}

TEST_F(LastKnownTest, WhatTheStoreSaysOfAServiceGoesFirst) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo"), service("other")});
  last_known.judge({"a"});
  put(cache, service("mongo", R"({"app":"another"})"));
  EXPECT_THAT(names(), ElementsAre("other  10.98.0.2")) << "but for the hostname, which is below mongo";
}

TEST_F(LastKnownTest, AServiceThatSomebodyDeletesIsNotRemembered) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo")});
  last_known.judge({"a"});
  last_known.forget({model::Kind::Service, "prod", "mongo"});
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(LastKnownTest, ARecordThatDoesNotDecodeCostsItsNameOnly) {
  last_known.remember({mongo(0, "a", "10.98.0.2"), service("mongo"),
                       object(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"odd","namespace":"prod"},
                                  "spec":{"selector":7}})")});
  EXPECT_THAT(names(), ElementsAre("mongo mongo-0 10.98.0.2"));
}

class ObjectRecordsTest : public testing::Test {
 protected:
  std::vector<std::string> recorded() const {
    std::vector<std::string> out;
    for (const auto& each : ObjectRecords(dir, *lane).all()) out.push_back(each->key().display());
    std::sort(out.begin(), out.end());
    return out;
  }

  TempDir temp;
  const std::filesystem::path dir = temp.path() / "objects";
  std::unique_ptr<Lane> lane = make_inline_lane();
};

TEST_F(ObjectRecordsTest, TheNextProcessReadsTheNewestStateOfEach) {
  ObjectRecords records(dir, *lane);
  records.keep(mongo(0, "a", ""));
  records.keep(mongo(0, "a", "10.98.0.2"));
  records.keep(service("mongo"));
  records.keep(outside());
  records.keep(service("gone"));
  records.forget({model::Kind::Service, "prod", "gone"});
  EXPECT_THAT(recorded(), ElementsAre("Endpoints prod/outside", "Pod prod/mongo-0", "Service prod/mongo"));
  LastKnown last_known;
  last_known.remember(ObjectRecords(dir, *lane).all());
  EXPECT_THAT(lines(last_known.names({}, "cluster.local")), ElementsAre("mongo mongo-0 10.98.0.2"));
}

TEST_F(ObjectRecordsTest, ASweepTakesWhatAnEarlierProcessKept) {
  ObjectRecords(dir, *lane).keep(mongo(0, "a", "10.98.0.2"));
  ObjectRecords(dir, *lane).keep(service("old"));
  ObjectRecords records(dir, *lane);
  records.keep(mongo(1, "b", "10.98.0.3"));
  records.keep(service("mongo"));
  records.sweep();
  EXPECT_THAT(recorded(), ElementsAre("Pod prod/mongo-1", "Service prod/mongo"));
}

TEST_F(ObjectRecordsTest, ServicesThatAreNoMoreGoAndPodsStay) {
  ObjectRecords records(dir, *lane);
  records.keep(mongo(0, "a", "10.98.0.2"));
  records.keep(service("old"));
  records.keep_all({service("mongo")});
  EXPECT_THAT(recorded(), ElementsAre("Pod prod/mongo-0", "Service prod/mongo"));
}

TEST_F(ObjectRecordsTest, ANameOfAnyLengthIsKept) {
  const auto one = std::string(252, 'a') + "1";
  const auto other = std::string(252, 'a') + "2";
  ObjectRecords records(dir, *lane);
  records.keep(service(one));
  records.keep(service(other));
  EXPECT_THAT(recorded(), ElementsAre("Service prod/" + one, "Service prod/" + other));
  records.forget({model::Kind::Service, "prod", one});
  EXPECT_THAT(recorded(), ElementsAre("Service prod/" + other));
}

/// A lane has several threads: whichever comes last finds nothing older to write.
TEST_F(ObjectRecordsTest, AnOlderStateNeverReplacesANewer) {
  struct Backwards final : Lane {
    std::vector<std::function<void()>> jobs;
    void run(std::function<void()> job) override { jobs.push_back(std::move(job)); }
    std::chrono::milliseconds oldest() const override { return {}; }
  } backwards;
  ObjectRecords records(dir, backwards);
  records.keep(mongo(0, "a", "10.98.0.2"));
  records.keep(mongo(0, "a", "10.98.0.3"));
  records.keep(mongo(1, "b", "10.98.0.4"));
  records.forget_pod("b");
  for (auto job = backwards.jobs.rbegin(); job != backwards.jobs.rend(); ++job) (*job)();
  EXPECT_THAT(recorded(), ElementsAre("Pod prod/mongo-0"));
  EXPECT_EQ(find_string(json::value(records.read_pod("a")->raw), {"status", "podIP"}), "10.98.0.3");
}

}  // namespace
}  // namespace berth::agent
