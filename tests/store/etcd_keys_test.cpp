// tests/store/etcd_keys_test.cpp - keys, plans and clocks of the etcd store: pure parts, case by case.
#include "store/etcd/etcd_keys.hpp"

#include <gtest/gtest.h>

#include "store/etcd/etcd_txn.hpp"
#include "store/etcd/session_clock.hpp"

namespace berth::store::etcd {
namespace {

using model::Kind;
using model::ObjectKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(EtcdKeys, AnObjectIsFoundByItsGroupKindNamespaceAndName) {
  const EtcdKeys keys("/berth");
  const std::pair<ObjectKey, std::string> cases[] = {
      {{Kind::Pod, "default", "web-0"}, "/berth/objects/Pod/default/web-0"},
      {{Kind::StatefulSet, "default", "web"}, "/berth/objects/apps.StatefulSet/default/web"},
      {{Kind::Node, "", "worker1"}, "/berth/objects/Node/_/worker1"},
      {{Kind::NetworkPolicy, "a", "b"}, "/berth/objects/networking.k8s.io.NetworkPolicy/a/b"},
  };
  for (const auto& [key, text] : cases) {
    EXPECT_EQ(keys.object(key), text);
    const auto path = keys.object_path(text);
    ASSERT_TRUE(path.has_value()) << text;
    EXPECT_EQ(path->key(), key) << text;
  }
}

TEST(EtcdKeys, WhatIsOfNoKindThatWeKnowHasAPathAndNoKey) {
  const EtcdKeys keys("/berth/");
  for (const auto* text : {"/berth/objects/example.com.Widget/default/w", "/berth/objects/apps.Pod/default/p",
                           "/berth/objects/Pod/_/no-namespace", "/berth/objects/Node/default/n"}) {
    const auto path = keys.object_path(text);
    ASSERT_TRUE(path.has_value()) << text;
    EXPECT_FALSE(path->key().has_value()) << text;
  }
  EXPECT_EQ(keys.object_path("/berth/objects/example.com.Widget/default/w")->display(), "example.com.Widget default/w");
  for (const auto* text :
       {"/berth/meta", "/berth/objects/Pod", "/berth/live/worker1", "/other/objects/Pod/default/a"}) {
    EXPECT_FALSE(keys.object_path(text).has_value()) << text;
  }
}

TEST(EtcdKeys, ARangeHasAllThatBeginsWithItAndNothingElse) {
  const auto range = EtcdKeys("/berth").objects_of(Kind::Pod, "default");
  EXPECT_EQ(range.begin, "/berth/objects/Pod/default/");
  EXPECT_EQ(range.end, "/berth/objects/Pod/default0");
  EXPECT_EQ(KeyRange::below("a\xff\xff").end, "b");
  EXPECT_EQ(KeyRange::below("\xff").end, std::string(1, '\0'));
}

TEST(EtcdKeys, WhatIsStoredHasNoResourceVersionAndWhatIsReadHasThatOfItsKey) {
  json::object raw{{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", "a"}, {"namespace", "default"}, {"resourceVersion", "7"}, {"x", 1}}},
                   {"data", {{"k", "v"}}}};
  const auto object = *model::make_object(std::move(raw));
  const auto text = object_text(object);
  EXPECT_EQ(text.find("resourceVersion"), std::string::npos);
  const EtcdKeys keys("/berth");
  const auto path = *keys.object_path(keys.object(object.key()));
  KeyValue stored;
  stored.value = text;
  stored.modified = 42;
  const auto read = read_object(path, stored);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->meta.resource_version, 42U);
  EXPECT_EQ(find_string(json::value(read->raw), {"metadata", "resourceVersion"}), "42");
  EXPECT_EQ(read->raw.at("metadata").at("x"), 1) << "unknown fields stay";
  EXPECT_FALSE(read_object(*keys.object_path("/berth/objects/ConfigMap/default/b"), stored).ok())
      << "it is another one";
  stored.value = "no JSON";
  EXPECT_FALSE(read_object(path, stored).ok());
}

class PlanTest : public testing::Test {
 protected:
  static Staged staged(const ObjectKey& key, ChangeType type) {
    json::object raw{{"apiVersion", model::info(key.kind).api_version()},
                     {"kind", model::info(key.kind).name},
                     {"metadata", {{"name", key.name}, {"namespace", key.ns}}}};
    auto object = std::make_shared<const model::Object>(*model::make_object(std::move(raw)));
    return {{type, std::move(object), nullptr, 0}, {}, false};
  }
  Knowledge known() const {
    return {[this](const ObjectKey& key) {
              const auto found = revisions_.find(key);
              return found == revisions_.end() ? Revision{0} : found->second;
            },
            seen_};
  }

  const EtcdKeys keys_{"/berth"};
  const ObjectKey a_{Kind::ConfigMap, "default", "a"};
  const ObjectKey b_{Kind::ConfigMap, "default", "b"};
  std::map<ObjectKey, Revision> revisions_ = {{{Kind::ConfigMap, "default", "a"}, 5}};
  Revision seen_ = 9;
};

TEST_F(PlanTest, EveryKeyMustBeAsItIsKnownAndTheLastStateOfEachIsWritten) {
  const auto plan = plan_txn(keys_, {a_, b_}, {},
                             {staged(b_, ChangeType::Added), staged(a_, ChangeType::Modified),
                              staged(a_, ChangeType::Deleted), staged(b_, ChangeType::Modified)},
                             known(), 0);
  const auto& request = plan.request;
  ASSERT_EQ(request.conditions.size(), 2U);
  EXPECT_EQ(request.conditions[0].keys.begin, keys_.object(a_));
  EXPECT_EQ(request.conditions[0].revision, 5U);
  EXPECT_EQ(request.conditions[1].revision, 0U) << "it is not there";
  ASSERT_EQ(request.then.size(), 2U);
  EXPECT_EQ(request.then[0].type, Op::Type::Remove);
  EXPECT_EQ(request.then[1].type, Op::Type::Put);
  EXPECT_EQ(request.otherwise.size(), 2U);
}

TEST_F(PlanTest, WhatIsMadeAndRemovedInOneTransactionIsNotWritten) {
  const auto plan =
      plan_txn(keys_, {b_}, {}, {staged(b_, ChangeType::Added), staged(b_, ChangeType::Deleted)}, known(), 0);
  EXPECT_TRUE(plan.request.then.empty());
}

TEST_F(PlanTest, ListsThatWereLookedAtMustHaveNothingNew) {
  Reads reads;
  reads.keys.insert({Kind::PriorityClass, "", "high"});
  reads.lists.emplace(Kind::Service, "");
  reads.lists.emplace(Kind::Pod, "default");
  const auto plan = plan_txn(keys_, {b_}, reads, {staged(b_, ChangeType::Added)}, known(), 0);
  const auto& conditions = plan.request.conditions;
  ASSERT_EQ(conditions.size(), 4U);
  EXPECT_EQ(plan.assumed.size(), 2U);
  const auto& services = conditions[2].keys.begin == "/berth/objects/Service/" ? conditions[2] : conditions[3];
  const auto& pods = conditions[2].keys.begin == "/berth/objects/Service/" ? conditions[3] : conditions[2];
  EXPECT_EQ(services.what, Compare::What::Modified);
  EXPECT_TRUE(services.below);
  EXPECT_EQ(services.revision, 10U);
  EXPECT_EQ(pods.keys.begin, "/berth/objects/Pod/default/");
  EXPECT_EQ(pods.what, Compare::What::Created) << "their status changes all the time";
}

TEST_F(PlanTest, OnlyEventsHaveALease) {
  const ObjectKey event{Kind::Event, "default", "e"};
  const auto plan =
      plan_txn(keys_, {b_, event}, {}, {staged(b_, ChangeType::Added), staged(event, ChangeType::Added)}, known(), 77);
  for (const auto& op : plan.request.then) {
    EXPECT_EQ(op.lease, op.keys.begin == keys_.object(event) ? 77 : 0) << op.keys.begin;
  }
}

TEST_F(PlanTest, WhatEtcdDoesNotTakeIsSaid) {
  TxnPlan plan;
  for (std::size_t i = 0; i <= kMaxOps; ++i) plan.request.then.push_back({});
  EXPECT_TRUE(failed_with(fits(plan), ErrorCode::InvalidArgument));
  plan.request.then.resize(2);
  EXPECT_TRUE(fits(plan).ok());
  plan.request.then[0].value = std::string(kMaxBytes, 'x');
  const auto large = fits(plan);
  ASSERT_TRUE(failed_with(large, ErrorCode::OutOfRange));
  EXPECT_NE(large.error().message().find("--max-request-bytes"), std::string::npos) << large.error().message();
}

TEST_F(PlanTest, WhoWasBehindHasCaughtUpWhenWhatEtcdFoundIsKnown) {
  TxnPlan plan;
  plan.assumed = {{a_, 5}, {b_, 0}};
  TxnAnswer answer;
  answer.found = {{}, {{"b", {}, 12, 12, 0}}};
  const auto what = behind(plan, answer);
  EXPECT_EQ(what.seen, 12U);
  ASSERT_EQ(what.gone.size(), 1U);
  EXPECT_FALSE(what.caught_up(known()));
  seen_ = 12;
  EXPECT_FALSE(what.caught_up(known())) << "a is still there for us";
  revisions_.erase(a_);
  EXPECT_TRUE(what.caught_up(known()));
}

TEST(SessionClock, EndsASecondAndOnePercentBeforeTheLeaseCan) {
  const BootClock::time_point start{seconds{1000}};
  SessionClock clock(start, seconds{15});
  EXPECT_TRUE(clock.alive(start + milliseconds{13'849}));
  EXPECT_FALSE(clock.alive(start + milliseconds{13'850}));
}

TEST(SessionClock, CountsFromTheSendingOfTheLastAnsweredQuestion) {
  const BootClock::time_point start{seconds{1000}};
  SessionClock clock(start, seconds{15});
  // It is answered late: what counts is when it was asked.
  EXPECT_TRUE(clock.kept(start + seconds{5}, seconds{15}, start + seconds{12}));
  EXPECT_TRUE(clock.alive(start + milliseconds{18'849}));
  EXPECT_FALSE(clock.alive(start + milliseconds{18'850}));
}

TEST(SessionClock, AnAnswerThatIsOlderTakesNothingAway) {
  const BootClock::time_point start{seconds{1000}};
  SessionClock clock(start, seconds{15});
  EXPECT_TRUE(clock.kept(start + seconds{6}, seconds{15}, start + seconds{7}));
  EXPECT_TRUE(clock.kept(start + seconds{5}, seconds{15}, start + seconds{8}));
  EXPECT_EQ(clock.deadline(), SessionClock::end_of(start + seconds{6}, seconds{15}));
}

TEST(SessionClock, WhatWasLostStaysLost) {
  const BootClock::time_point start{seconds{1000}};
  SessionClock slept(start, seconds{15});
  // The host slept; the answer was on its way for a minute.
  EXPECT_FALSE(slept.kept(start + seconds{5}, seconds{15}, start + seconds{60}));
  EXPECT_FALSE(slept.alive(start));
  SessionClock asked(start, seconds{15});
  EXPECT_FALSE(asked.alive(start + seconds{14}));
  EXPECT_FALSE(asked.alive(start + seconds{1})) << "somebody was told already";
  SessionClock gone(start, seconds{15});
  EXPECT_FALSE(gone.kept(start + seconds{5}, seconds{0}, start + seconds{5}));
  EXPECT_FALSE(gone.alive(start + seconds{5}));
}

}  // namespace
}  // namespace berth::store::etcd
