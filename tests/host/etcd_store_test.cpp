// tests/host/etcd_store_test.cpp - the contract of a store on a real etcd, and what only a server far away can do.
#include "store/etcd/etcd_store.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/atomic_file.hpp"
#include "tests/contracts/store_contract.hpp"
#include "tests/host/real_etcd.hpp"

namespace berth::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// One for all who do it no harm: each test has a prefix of its own.
std::unique_ptr<RealEtcd>& shared_etcd_slot() {
  static std::unique_ptr<RealEtcd> etcd;
  return etcd;
}
RealEtcd& shared_etcd() {
  auto& etcd = shared_etcd_slot();
  if (etcd == nullptr) etcd = std::make_unique<RealEtcd>();
  return *etcd;
}

/// A repetition (--gtest_repeat) finds an empty one again.
class EndsSharedEtcd final : public testing::EmptyTestEventListener {
 public:
  EndsSharedEtcd() { testing::UnitTest::GetInstance()->listeners().Append(this); }
  void OnTestIterationEnd(const testing::UnitTest& /*all*/, int /*iteration*/) override { shared_etcd_slot().reset(); }
};
[[maybe_unused]] const auto* const kEndsSharedEtcd = new EndsSharedEtcd;

EtcdOptions options_for(std::vector<std::string> endpoints, const std::string& prefix) {
  EtcdOptions options;
  options.access.endpoints = std::move(endpoints);
  options.prefix = prefix;
  options.node = "here";
  return options;
}

const StoreBackend kReal{"etcd", [](const StoreLimits& limits, const std::filesystem::path& dir) {
                           auto options = options_for({shared_etcd().endpoint()}, dir.string());
                           options.limits = limits;
                           return open_etcd_store(std::move(options));
                         }};

INSTANTIATE_TEST_SUITE_P(Real, StoreContract, testing::Values(kReal), [](const auto& each) { return each.param.name; });

std::unique_ptr<Store> opened(EtcdOptions options) {
  auto store = open_etcd_store(std::move(options));
  if (!store) {
    ADD_FAILURE() << store.error().message();
    std::abort();
  }
  return *std::move(store);
}

std::string value_of(const Store& store, const std::string& name) {
  const auto object = store.get(key(name));
  return object == nullptr ? "(none)" : std::string(view(object->raw.at("data").at("key").as_string()));
}

/// Waits until it is so, for half a minute.
template <typename Condition>
bool soon(Condition condition) {
  const auto limit = steady_clock::now() + seconds{30};
  while (!condition()) {
    if (steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(milliseconds{5});
  }
  return true;
}

/// The error of a write, however often it takes until there is none.
Result<model::ObjectPtr> write_until_taken(Store& store, const std::string& name, const std::string& value) {
  Result<model::ObjectPtr> last = Error(ErrorCode::Unknown, "not tried");
  soon([&] {
    last = store.get(key(name)) == nullptr ? create_and_wait(store, config_map(name, value))
                                           : update_and_wait(store, config_map(name, value), 0);
    return last.ok();
  });
  return last;
}

/// What a reader knows who only follows.
class Mirror {
 public:
  explicit Mirror(Store& store) {
    watch_ = store.follow({}, {.on_snapshot =
                                   [this](const Listing& all) {
                                     const std::scoped_lock lock(mutex_);
                                     objects_.clear();
                                     ++snapshots_;
                                     for (const auto& object : all.objects) objects_[object->meta.name] = object;
                                   },
                               .on_change =
                                   [this](const Change& change) {
                                     const std::scoped_lock lock(mutex_);
                                     if (change.type == ChangeType::Deleted) {
                                       objects_.erase(change.object->meta.name);
                                     } else {
                                       objects_[change.object->meta.name] = change.object;
                                     }
                                   },
                               .on_lost =
                                   [this] {
                                     const std::scoped_lock lock(mutex_);
                                     ++lost_;
                                   }});
  }
  std::map<std::string, Revision> objects() const {
    const std::scoped_lock lock(mutex_);
    std::map<std::string, Revision> all;
    for (const auto& [name, object] : objects_) all[name] = object->meta.resource_version;
    return all;
  }
  int snapshots() const {
    const std::scoped_lock lock(mutex_);
    return snapshots_;
  }
  int lost() const {
    const std::scoped_lock lock(mutex_);
    return lost_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, model::ObjectPtr> objects_;
  int snapshots_ = 0;
  int lost_ = 0;
  std::unique_ptr<Watch> watch_;
};

std::map<std::string, Revision> contents(const Store& store) {
  std::map<std::string, Revision> all;
  for (const auto& object : store.list(model::Kind::ConfigMap).objects) {
    all[object->meta.name] = object->meta.resource_version;
  }
  return all;
}

TEST(EtcdStore, WhatOneHostWritesAnotherSeesAndARestartFinds) {
  const auto options = options_for({shared_etcd().endpoint()}, "/two");
  auto a = opened(options);
  auto other = options;
  other.node = "there";
  auto b = opened(other);
  EXPECT_TRUE(a->identity().made_now);
  EXPECT_FALSE(b->identity().made_now);
  EXPECT_EQ(a->identity().id, b->identity().id);
  const auto made = create_and_wait(*a, config_map("x"));
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(soon([&] { return b->get(key("x")) != nullptr; }));
  EXPECT_EQ(b->get(key("x"))->raw, (*made)->raw);
  ASSERT_TRUE(update_and_wait(*b, config_map("x", "new"), (*made)->meta.resource_version).ok());
  EXPECT_TRUE(
      failed_with(update_and_wait(*a, config_map("x", "old"), (*made)->meta.resource_version), ErrorCode::Aborted))
      << "a may not have seen b's write yet: it is refused by what etcd has";
  EXPECT_EQ(value_of(*a, "x"), "new") << "who lost can read to whom";
  a.reset();
  a = opened(options);
  EXPECT_EQ(value_of(*a, "x"), "new");
  EXPECT_EQ(a->get(key("x"))->meta.resource_version, b->get(key("x"))->meta.resource_version);
}

TEST(EtcdStore, OneOfManyHostsMakesAnObject) {
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 4; ++i) {
    auto options = options_for({shared_etcd().endpoint()}, "/race");
    options.node = "host-" + std::to_string(i);
    stores.push_back(opened(std::move(options)));
  }
  for (int round = 0; round < 20; ++round) {
    const auto name = "pod-" + std::to_string(round);
    std::atomic<int> won{0};
    {
      std::vector<std::jthread> threads;
      for (auto& store : stores) {
        threads.emplace_back([&] {
          const auto made = create_and_wait(*store, config_map(name));
          if (made.ok()) ++won;
          EXPECT_TRUE(made.ok() || made.error().code() == ErrorCode::AlreadyExists) << made.error().message();
          EXPECT_NE(store->get(key(name)), nullptr);
        });
      }
    }
    EXPECT_EQ(won, 1) << name;
  }
}

TEST(EtcdStore, WhatIsCompletedIsUniqueOverAllHosts) {
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 2; ++i) {
    auto options = options_for({shared_etcd().endpoint()}, "/unique");
    options.node = "host-" + std::to_string(i);
    options.limits.complete = give_number;
    stores.push_back(opened(std::move(options)));
  }
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&, i] {
        const auto made =
            create_and_wait(*stores[static_cast<std::size_t>(i % 2)], config_map("m" + std::to_string(i)));
        EXPECT_TRUE(made.ok()) << made.error().message();
      });
    }
  }
  ASSERT_TRUE(soon([&] { return contents(*stores[0]).size() == 20 && contents(*stores[1]).size() == 20; }));
  std::set<std::string> numbers;
  for (const auto& object : stores[0]->list(model::Kind::ConfigMap).objects) {
    numbers.insert(std::string(find_string(json::value(object->raw), {"data", "number"})));
  }
  EXPECT_EQ(numbers.size(), 20U);
  EXPECT_TRUE(failed_with(create_and_wait(*stores[0], config_map("more")), ErrorCode::InvalidArgument));
}

TEST(EtcdStore, KilledAndStartedAgainNothingIsLostAndAllGoesOn) {
  RealEtcd etcd;
  auto options = options_for({etcd.endpoint()}, "/killed");
  options.lost_after = milliseconds{200};
  const auto store = opened(options);
  const Mirror mirror(*store);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  etcd.kill();
  ASSERT_TRUE(soon([&] { return mirror.lost() == 1; }));
  const auto began = steady_clock::now();
  const auto refused = create_and_wait(*store, config_map("b"));
  EXPECT_LT(steady_clock::now() - began, seconds{1}) << "at once";
  ASSERT_TRUE(failed_with(refused, ErrorCode::Unavailable)) << refused.error().message();
  EXPECT_NE(refused.error().message().find(etcd.endpoint()), std::string::npos) << refused.error().message();
  EXPECT_NE(refused.error().message().find("ConfigMap default/b"), std::string::npos) << refused.error().message();
  EXPECT_EQ(value_of(*store, "a"), "v") << "reads go on";
  ASSERT_EQ(store->problems().size(), 1U);
  EXPECT_NE(store->problems()[0].reason.find("nothing can be written"), std::string::npos);
  etcd.start();
  ASSERT_TRUE(write_until_taken(*store, "b", "v").ok());
  ASSERT_TRUE(soon([&] { return mirror.snapshots() == 2; }));
  EXPECT_EQ(mirror.objects(), contents(*store));
  EXPECT_TRUE(soon([&] { return store->problems().empty(); }));
}

TEST(EtcdStore, AConnectionThatEndsAndComesBackIsNotSpokenOf) {
  TcpProxy proxy(shared_etcd().port());
  const auto store = opened(options_for({proxy.endpoint()}, "/blip"));
  const auto other = opened(options_for({shared_etcd().endpoint()}, "/blip"));
  const Mirror mirror(*store);
  for (int round = 0; round < 5; ++round) {
    proxy.cut();
    const auto name = "n" + std::to_string(round);
    ASSERT_TRUE(create_and_wait(*other, config_map(name)).ok());
    ASSERT_TRUE(soon([&] { return store->get(key(name)) != nullptr; }));
  }
  ASSERT_TRUE(write_until_taken(*store, "mine", "v").ok());
  EXPECT_EQ(mirror.lost(), 0);
  EXPECT_EQ(mirror.snapshots(), 1) << "it went on from where it was";
  EXPECT_EQ(mirror.objects(), contents(*other));
}

TEST(EtcdStore, WhatWasCompactedWhileItWasAwayIsListedAgain) {
  TcpProxy proxy(shared_etcd().port());
  auto options = options_for({proxy.endpoint()}, "/compacted");
  options.lost_after = milliseconds{100};
  const auto store = opened(options);
  const auto other = opened(options_for({shared_etcd().endpoint()}, "/compacted"));
  ASSERT_TRUE(create_and_wait(*store, config_map("gone")).ok());
  ASSERT_TRUE(create_and_wait(*store, config_map("changed")).ok());
  const Mirror mirror(*store);
  Seen seen;
  const auto watch = store->watch(model::Kind::ConfigMap, store->revision(), [&](const Change& c) { seen.add(c); });
  const auto before = store->revision();
  proxy.cut(/*refuse=*/true);
  ASSERT_TRUE(soon([&] { return mirror.lost() == 1; }));
  ASSERT_TRUE(remove_and_wait(*other, key("gone"), 0).ok());
  ASSERT_TRUE(update_and_wait(*other, config_map("changed", "new"), 0).ok());
  ASSERT_TRUE(create_and_wait(*other, config_map("made")).ok());
  ASSERT_EQ(shared_etcd().control({"compact", std::to_string(other->revision())}), 0);
  proxy.mend();
  ASSERT_TRUE(soon([&] { return mirror.snapshots() == 2; }));
  EXPECT_EQ(mirror.objects(), contents(*other));
  EXPECT_EQ(summaries(seen.wait_for(3)), (std::vector<std::string>{"-gone", "~changed", "+made"}));
  EXPECT_TRUE(failed_with(store->history(model::Kind::ConfigMap, before), ErrorCode::OutOfRange));
}

TEST(EtcdStore, DoneComesAfterReadersAndWatchersHaveSeenItHoweverLateTheyHear) {
  TcpProxy watches(shared_etcd().port());
  auto options = options_for({shared_etcd().endpoint()}, "/late-watch");
  options.access.watch_endpoints = {watches.endpoint()};
  const auto store = opened(options);
  std::atomic<int> heard{0};
  const auto watch = store->watch(std::nullopt, store->revision(), [&](const Change&) { ++heard; });
  watches.delay(milliseconds{150}, milliseconds{100});
  for (int i = 1; i <= 5; ++i) {
    const auto made = create_and_wait(*store, config_map("n" + std::to_string(i)));
    ASSERT_TRUE(made.ok()) << made.error().message();
    EXPECT_EQ(heard, i);
    EXPECT_EQ(store->get(key("n" + std::to_string(i))), *made);
  }
}

TEST(EtcdStore, AnAnswerMayComeAfterWhatItAnswersWasSeen) {
  TcpProxy requests(shared_etcd().port());
  auto options = options_for({requests.endpoint()}, "/late-answer");
  options.access.watch_endpoints = {shared_etcd().endpoint()};
  const auto store = opened(options);
  Seen seen;
  const auto watch = store->watch(std::nullopt, store->revision(), [&](const Change& c) { seen.add(c); });
  requests.delay(milliseconds{300});
  std::promise<Result<model::ObjectPtr>> done;
  store->create(config_map("a"), Durability::Durable,
                [&](Result<model::ObjectPtr> result) { done.set_value(std::move(result)); });
  auto answer = done.get_future();
  ASSERT_EQ(seen.wait_for(1).size(), 1U);
  EXPECT_EQ(answer.wait_for(milliseconds{0}), std::future_status::timeout) << "seen first, answered later";
  const auto made = answer.get();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->raw, seen.wait_for(1)[0].object->raw);
}

TEST(EtcdStore, APulledCableIsNoticedAndAnotherMemberTaken) {
  TcpProxy first(shared_etcd().port());
  auto options = options_for({first.endpoint()}, "/cable");
  options.access.deadline = milliseconds{500};
  options.access.ping = milliseconds{6'000};
  options.lost_after = milliseconds{100};
  const auto store = opened(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  first.hold(true);
  const auto late = create_and_wait(*store, config_map("b"));
  EXPECT_TRUE(failed_with(late, ErrorCode::DeadlineExceeded)) << "it may have happened";
  first.hold(false);
  ASSERT_TRUE(write_until_taken(*store, "c", "v").ok());
}

TEST(EtcdStore, ADeadEndpointIsPassedBy) {
  const auto dead = "http://127.0.0.1:" + std::to_string(free_port());
  for (int i = 0; i < 4; ++i) {  // Whichever is asked first.
    const auto store = opened(options_for({dead, shared_etcd().endpoint()}, "/dead-" + std::to_string(i)));
    EXPECT_TRUE(create_and_wait(*store, config_map("a")).ok());
  }
}

TEST(EtcdStore, NobodyThereIsUnavailableAndSaysWhereItLooked) {
  const auto dead = "http://127.0.0.1:" + std::to_string(free_port());
  auto options = options_for({dead}, "/nobody");
  options.open_within = milliseconds{500};
  const auto store = open_etcd_store(options);
  ASSERT_TRUE(failed_with(store, ErrorCode::Unavailable));
  EXPECT_NE(store.error().message().find(dead + ": Connection refused"), std::string::npos) << store.error().message();
}

TEST(EtcdStore, OfThreeMembersOneMayDieAtAnyTime) {
  std::vector<int> peers = {free_port(), free_port(), free_port()};
  std::string cluster;
  for (std::size_t i = 0; i < 3; ++i) {
    cluster += (i == 0 ? "m" : ",m") + std::to_string(i) + "=http://127.0.0.1:" + std::to_string(peers[i]);
  }
  std::vector<std::unique_ptr<RealEtcd>> members;
  std::vector<std::string> endpoints;
  for (std::size_t i = 0; i < 3; ++i) {
    RealEtcdOptions options;
    options.name = "m" + std::to_string(i);
    options.peer_port = peers[i];
    options.cluster = cluster;
    members.push_back(std::make_unique<RealEtcd>(options));
    endpoints.push_back(members.back()->endpoint());
  }
  auto options = options_for(endpoints, "/three");
  options.open_within = seconds{30};
  const auto store = opened(options);
  for (std::size_t i = 0; i < 3; ++i) {
    members[i]->kill();
    const auto taken = write_until_taken(*store, "n" + std::to_string(i), "v");
    ASSERT_TRUE(taken.ok()) << "member " << i << " is away: " << taken.error().message();
    members[i]->start();
  }
  EXPECT_EQ(contents(*store).size(), 3U);
  // Without a majority nothing is written, and that is said.
  members[0]->kill();
  members[1]->kill();
  const auto refused = create_and_wait(*store, config_map("more"));
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().code() == ErrorCode::Unavailable || refused.error().code() == ErrorCode::DeadlineExceeded)
      << refused.error().message();
}

TEST(EtcdStore, MembersThatNobodyNamedAreLearnedAndRemembered) {
  const std::vector<int> peers = {free_port(), free_port(), free_port()};
  std::string cluster;
  for (std::size_t i = 0; i < 3; ++i) {
    cluster += (i == 0 ? "m" : ",m") + std::to_string(i) + "=http://127.0.0.1:" + std::to_string(peers[i]);
  }
  std::vector<std::unique_ptr<RealEtcd>> members;
  for (std::size_t i = 0; i < 3; ++i) {
    RealEtcdOptions options;
    options.name = "m" + std::to_string(i);
    options.peer_port = peers[i];
    options.cluster = cluster;
    members.push_back(std::make_unique<RealEtcd>(options));
  }
  const TempDir dir;
  auto options = options_for({members[0]->endpoint()}, "/members");
  options.open_within = seconds{30};
  options.copy = dir.path() / "kept" / "objects.db";
  {
    const auto store = opened(options);
    ASSERT_TRUE(write_until_taken(*store, "a", "1").ok());
    ASSERT_TRUE(soon([&] { return std::filesystem::exists(dir.path() / "kept" / "members.json"); }));
    members[0]->kill();
    const auto taken = write_until_taken(*store, "a", "2");
    ASSERT_TRUE(taken.ok()) << taken.error().message();
  }
  const auto again = opened(options);
  EXPECT_TRUE(soon([&] { return again->identity().opened != 0; })) << "the etcd itself, not the copy";
  const auto taken = write_until_taken(*again, "a", "3");
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_EQ(value_of(*again, "a"), "3");
}

TEST(EtcdStore, WhatOneConnectionFindsSilentTheOthersDoNotWaitFor) {
  TcpProxy one(shared_etcd().port());
  TcpProxy two(shared_etcd().port());
  two.cut(/*refuse=*/true);
  const auto store = opened(options_for({one.endpoint(), two.endpoint()}, "/silent"));
  ASSERT_TRUE(create_and_wait(*store, config_map("a", "0")).ok());
  two.mend();
  std::this_thread::sleep_for(milliseconds{1'200});
  one.hold(true);
  // Done is what the watch has seen: by itself it would notice after ten seconds, and ask for five.
  const auto begun = steady_clock::now();
  const auto taken = update_and_wait(*store, config_map("a", "1"), 0);
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_LT(steady_clock::now() - begun, seconds{5});
}

TEST(EtcdStore, AfterAPauseAWriteGoesToAMemberThatIsThere) {
  TcpProxy one(shared_etcd().port());
  TcpProxy two(shared_etcd().port());
  auto options = options_for({one.endpoint(), two.endpoint()}, "/pause");
  options.access.watch_endpoints = {shared_etcd().endpoint()};
  options.access.lease_endpoints = {shared_etcd().endpoint()};
  const auto store = opened(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a", "0")).ok());
  // Which of the two it is with is not known: whichever goes, the next write is made, and is not in doubt.
  int written = 0;
  for (auto* each : {&one, &two}) {
    std::this_thread::sleep_for(milliseconds{1'200});
    each->hold(true);
    const auto taken = update_and_wait(*store, config_map("a", std::to_string(++written)), 0);
    ASSERT_TRUE(taken.ok()) << taken.error().message();
    each->hold(false);
  }
  EXPECT_EQ(value_of(*store, "a"), "2");
  // None is there: it was not made, for certain.
  std::this_thread::sleep_for(milliseconds{1'200});
  one.hold(true);
  two.hold(true);
  const auto refused = update_and_wait(*store, config_map("a", "3"), 0);
  EXPECT_TRUE(failed_with(refused, ErrorCode::Unavailable)) << refused.error().message();
  one.hold(false);
  two.hold(false);
  ASSERT_TRUE(write_until_taken(*store, "b", "v").ok());
  EXPECT_EQ(value_of(*store, "a"), "2");
}

TEST(EtcdStore, APasswordIsAskedForAndGivenAgainWhenEtcdForgotWhoWeAre) {
  RealEtcd etcd;
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"user", "add", "root:secret"}, {"user", "grant-role", "root", "root"}, {"auth", "enable"}}) {
    ASSERT_EQ(etcd.control(words), 0) << words[0];
  }
  auto options = options_for({etcd.endpoint()}, "/password");
  options.open_within = seconds{5};
  options.access.user = "root";
  options.access.password = "wrong";
  const auto refused = open_etcd_store(options);
  ASSERT_TRUE(failed_with(refused, ErrorCode::Unauthenticated)) << refused.error().message();
  options.access.password = "secret";
  const auto store = opened(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  etcd.kill();
  etcd.start();
  ASSERT_TRUE(write_until_taken(*store, "b", "v").ok());
}

/// A CA, and certificates for a server and a client, by openssl(1).
class Certificates {
 public:
  Certificates() {
    const auto in = [this](const char* name) { return file(name).string(); };
    put(file("server.ext"), "subjectAltName=IP:127.0.0.1\n");
    const auto openssl = [](std::vector<std::string> words) {
      words.insert(words.begin(), "openssl");
      EXPECT_EQ(run_to_end(words), 0) << words[1];
    };
    for (const auto* ca : {"ca", "other"}) {
      openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
               std::string("/CN=") + ca, "-keyout", in((std::string(ca) + ".key").c_str()), "-out",
               in((std::string(ca) + ".crt").c_str())});
    }
    for (const auto* who : {"server", "client"}) {
      const std::string name = who;
      openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
               "-keyout", in((name + ".key").c_str()), "-out", in((name + ".csr").c_str())});
      openssl({"x509", "-req", "-in", in((name + ".csr").c_str()), "-CA", in("ca.crt"), "-CAkey", in("ca.key"),
               "-CAcreateserial", "-days", "1", "-extfile", in("server.ext"), "-out", in((name + ".crt").c_str())});
    }
    // Over the client's key, and by the other CA.
    openssl({"x509", "-req", "-in", in("client.csr"), "-CA", in("other.crt"), "-CAkey", in("other.key"),
             "-CAcreateserial", "-days", "1", "-out", in("stranger.crt")});
  }
  std::filesystem::path file(const std::string& name) const { return dir_.path() / name; }

 private:
  TempDir dir_;
};

TEST(EtcdStore, SpeaksTlsToWhomItBelievesWithACertificateOfItsOwn) {
  const Certificates certificates;
  RealEtcdOptions how;
  how.scheme = "https";
  how.arguments = {"--cert-file=" + certificates.file("server.crt").string(),
                   "--key-file=" + certificates.file("server.key").string(),
                   "--trusted-ca-file=" + certificates.file("ca.crt").string(), "--client-cert-auth"};
  RealEtcd etcd(how);
  auto options = options_for({etcd.endpoint()}, "/tls");
  options.access.ca_file = certificates.file("ca.crt");
  options.access.cert_file = certificates.file("client.crt");
  options.access.key_file = certificates.file("client.key");
  {
    const auto store = opened(options);
    ASSERT_TRUE(create_and_wait(*store, config_map("a", std::string(1'000'000, 'x'))).ok());
    etcd.kill();
    etcd.start();
    ASSERT_TRUE(write_until_taken(*store, "b", "v").ok());
  }
  options.open_within = milliseconds{1'000};
  auto believes_others = options;
  believes_others.access.ca_file = certificates.file("other.crt");
  const auto refused = open_etcd_store(believes_others);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("certificate is not believed"), std::string::npos)
      << refused.error().message();
  auto nobody = options;
  nobody.access.cert_file.clear();
  nobody.access.key_file.clear();
  EXPECT_FALSE(open_etcd_store(nobody).ok());
  auto misspelt = options;
  misspelt.access.ca_file = "/none/ca.crt";
  const auto no_file = open_etcd_store(misspelt);
  ASSERT_TRUE(failed_with(no_file, ErrorCode::InvalidArgument));
  EXPECT_NE(no_file.error().message().find("/none/ca.crt"), std::string::npos) << no_file.error().message();
}

TEST(EtcdStore, AReplacedCertificateIsShownByNewConnections) {
  const Certificates certificates;
  const auto file = certificates.file("client.crt");
  const auto good = *read_file(file);
  RealEtcdOptions how;
  how.scheme = "https";
  how.arguments = {"--cert-file=" + certificates.file("server.crt").string(),
                   "--key-file=" + certificates.file("server.key").string(),
                   "--trusted-ca-file=" + certificates.file("ca.crt").string(), "--client-cert-auth"};
  RealEtcd etcd(how);
  auto options = options_for({etcd.endpoint()}, "/replaced");
  options.access.ca_file = certificates.file("ca.crt");
  options.access.cert_file = file;
  options.access.key_file = certificates.file("client.key");
  const auto store = opened(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a", "0")).ok());
  // What cannot be used is not: what was read before is shown on.
  ASSERT_TRUE(write_file(file, "half a certificate").ok());
  etcd.kill();
  etcd.start();
  EXPECT_TRUE(write_until_taken(*store, "a", "1").ok());
  // Of a CA that this etcd does not know: refused, so it is the file's that is shown.
  ASSERT_TRUE(write_file(file, *read_file(certificates.file("stranger.crt"))).ok());
  etcd.kill();
  etcd.start();
  std::this_thread::sleep_for(seconds{1});
  EXPECT_FALSE(update_and_wait(*store, config_map("a", "2"), 0).ok());
  ASSERT_TRUE(write_file(file, good).ok());
  const auto taken = write_until_taken(*store, "a", "3");
  ASSERT_TRUE(taken.ok()) << taken.error().message();
}

TEST(EtcdStore, ARenewedCertificateIsTheSameForLonger) {
  const Certificates certificates;
  const auto text = [&](const char* name) { return *read_file(certificates.file(name)); };
  const etcd::CertificateAuthority authority{text("ca.crt"), text("ca.key")};
  const auto module = etcd::etcd_module();
  ASSERT_TRUE(module.ok());
  const auto& functions = **module;
  const auto now = std::chrono::system_clock::now();
  const auto later = now + std::chrono::hours{16};
  const auto old = functions.read_certificates(text("client.crt"), authority.certificate);
  ASSERT_TRUE(old.ok()) << old.error().message();
  EXPECT_TRUE(old->front().is_of_authority);
  EXPECT_EQ(old->front().ends - old->front().begins, std::chrono::hours{24});
  const auto renewed = functions.renew_certificate(text("client.crt"), authority, later);
  ASSERT_TRUE(renewed.ok()) << renewed.error().message();
  const auto facts = functions.read_certificates(*renewed, authority.certificate);
  ASSERT_TRUE(facts.ok());
  ASSERT_EQ(facts->size(), 2U) << "and its CA's";
  EXPECT_TRUE(facts->front().is_of_authority);
  EXPECT_EQ(facts->front().ends - facts->front().begins, std::chrono::hours{24});
  EXPECT_LT(facts->front().begins, later) << "a clock may be behind";
  // Over the same key, and openssl(1) believes it then.
  ASSERT_TRUE(write_file(certificates.file("renewed.crt"), *renewed).ok());
  const auto verified = [&](std::chrono::system_clock::time_point at) {
    return run_to_end({"openssl", "verify", "-attime", std::to_string(std::chrono::system_clock::to_time_t(at)),
                       "-CAfile", certificates.file("ca.crt").string(), certificates.file("renewed.crt").string()});
  };
  EXPECT_EQ(verified(later + std::chrono::hours{22}), 0);
  EXPECT_NE(verified(later + std::chrono::hours{24}), 0);
  const auto key_of = [&](const char* name) {
    const auto out = certificates.file("key.pem").string();
    EXPECT_EQ(
        run_to_end({"openssl", "x509", "-pubkey", "-noout", "-in", certificates.file(name).string(), "-out", out}), 0);
    return text("key.pem");
  };
  EXPECT_EQ(key_of("renewed.crt"), key_of("client.crt"));
  // Never longer than its CA, which is for two days; and when that is no longer than before, not at all.
  const auto last = functions.renew_certificate(*renewed, authority, now + std::chrono::hours{30});
  ASSERT_TRUE(last.ok()) << last.error().message();
  const auto end = functions.read_certificates(*last, authority.certificate);
  EXPECT_EQ(end->front().ends, end->back().ends);
  const auto no_longer = functions.renew_certificate(*last, authority, now + std::chrono::hours{40});
  EXPECT_TRUE(failed_with(no_longer, ErrorCode::FailedPrecondition));
  // Of another CA, and by who has not its key.
  EXPECT_TRUE(
      failed_with(functions.renew_certificate(text("stranger.crt"), authority, later), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(failed_with(functions.renew_certificate(text("client.crt"), {text("ca.crt"), text("other.key")}, later),
                          ErrorCode::DataLoss));
  EXPECT_TRUE(failed_with(functions.read_certificates("none", ""), ErrorCode::DataLoss));
}

TEST(EtcdStore, EachOpeningIsKnownFromTheOneBefore) {
  auto options = options_for({shared_etcd().endpoint()}, "/opened");
  std::uint64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    const auto store = opened(options);
    EXPECT_GT(store->identity().opened, before) << i;
    EXPECT_EQ(store->identity().made_now, i == 0);
    before = store->identity().opened;
    // As an agent does, who writes nothing else.
    ASSERT_TRUE(store->open_session("live/one", {}).ok());
  }
}

TEST(EtcdStore, WhatIsTooLargeIsSaid) {
  const auto store = opened(options_for({shared_etcd().endpoint()}, "/large"));
  const auto one = create_and_wait(*store, config_map("one", std::string(1'600'000, 'x')));
  ASSERT_TRUE(failed_with(one, ErrorCode::OutOfRange));
  EXPECT_NE(one.error().message().find("limit"), std::string::npos) << one.error().message();
  ASSERT_TRUE(create_and_wait(*store, config_map("fits", std::string(1'500'000, 'x'))).ok());
  Txn both;
  for (const auto* name : {"a", "b"}) both.writes.push_back(Write::put(config_map(name, std::string(800'000, 'x'))));
  const auto two = commit_and_wait(*store, std::move(both));
  ASSERT_TRUE(failed_with(two, ErrorCode::OutOfRange));
  EXPECT_NE(two.error().message().find("--max-request-bytes"), std::string::npos) << two.error().message();
  // An etcd that takes less says so itself.
  RealEtcdOptions small;
  small.arguments = {"--max-request-bytes=10000"};
  RealEtcd etcd(small);
  const auto strict = opened(options_for({etcd.endpoint()}, "/small"));
  const auto refused = create_and_wait(*strict, config_map("x", std::string(20'000, 'x')));
  EXPECT_TRUE(failed_with(refused, ErrorCode::OutOfRange)) << refused.error().message();
}

/// An etcd that refuses writes when its file has so many bytes, and a store on it that has old revisions dropped soon.
struct SmallEtcd {
  explicit SmallEtcd(int bytes) : etcd({.arguments = {"--quota-backend-bytes=" + std::to_string(bytes)}}) {
    auto options = options_for({etcd.endpoint()}, "/small");
    options.keep = milliseconds{200};
    store = opened(options);
  }
  RealEtcd etcd;
  std::unique_ptr<Store> store;
};

TEST(EtcdStore, WhatIsOverwrittenAgainAndAgainDoesNotFillIt) {
  const SmallEtcd small(30'000'000);
  const auto& store = small.store;
  // Twice the quota, were nothing dropped; paced, as etcd frees pages once a second or so.
  for (int i = 0; i < 60; ++i) {
    const auto taken = write_until_taken(*store, "a", std::string(1'000'000, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(taken.ok()) << i << ": " << taken.error().message();
    std::this_thread::sleep_for(milliseconds{50});
  }
  EXPECT_TRUE(store->problems().empty()) << store->problems().front().reason;
}

TEST(EtcdStore, WhenItIsFullThatIsSaidUntilAPersonMadeRoom) {
  const SmallEtcd small(8'000'000);
  const auto& store = small.store;
  Result<model::ObjectPtr> last = Error(ErrorCode::Unknown, "none");
  int made = 0;
  for (; made < 20; ++made) {
    last = create_and_wait(*store, config_map("n" + std::to_string(made), std::string(1'000'000, 'x')));
    if (!last) break;
  }
  ASSERT_TRUE(failed_with(last, ErrorCode::ResourceExhausted)) << made << ": " << last.error().message();
  ASSERT_TRUE(soon([&] { return !store->problems().empty(); }));
  EXPECT_NE(store->problems().front().reason.find("NOSPACE"), std::string::npos) << store->problems().front().reason;
  // What the message says, after making room.
  for (int i = 0; i < made; ++i) ASSERT_TRUE(remove_and_wait(*store, key("n" + std::to_string(i)), 0).ok());
  ASSERT_TRUE(soon([&] {
    small.etcd.control({"defrag"});
    small.etcd.control({"alarm", "disarm"});
    return create_and_wait(*store, config_map("after")).ok();
  }));
  EXPECT_TRUE(soon([&] { return store->problems().empty(); }));
}

TEST(EtcdStore, ThousandsOfObjectsAreListedInPages) {
  const auto options = options_for({shared_etcd().endpoint()}, "/many");
  constexpr int kMany = 1'000;
  {
    const auto store = opened(options);
    std::atomic<int> answered{0};
    for (int i = 0; i < kMany; ++i) {
      store->create(config_map("n" + std::to_string(i)), Durability::Durable, [&](const auto& done) {
        EXPECT_TRUE(done.ok()) << done.error().message();
        ++answered;
      });
    }
    ASSERT_TRUE(store->flush().ok());
    ASSERT_TRUE(soon([&] { return answered == kMany; }));
  }
  const auto store = opened(options);
  EXPECT_EQ(contents(*store).size(), static_cast<std::size_t>(kMany));
}

TEST(EtcdStore, ASessionEndsForItsHolderBeforeItEndsForOthers) {
  TcpProxy leases(shared_etcd().port());
  auto options = options_for({shared_etcd().endpoint()}, "/session");
  options.access.lease_endpoints = {leases.endpoint()};
  options.access.deadline = milliseconds{1'000};
  options.session_ttl = seconds{5};
  const auto store = opened(options);
  auto other_options = options_for({shared_etcd().endpoint()}, "/session");
  other_options.node = "there";
  other_options.session_ttl = seconds{5};
  const auto other = opened(other_options);
  std::atomic<bool> lost{false};
  auto session = store->open_session("live/x", [&] { lost = true; });
  ASSERT_TRUE(session.ok()) << session.error().message();
  const auto taken = other->open_session("live/x", {});
  ASSERT_TRUE(failed_with(taken, ErrorCode::AlreadyExists));
  EXPECT_NE(taken.error().message().find("here"), std::string::npos) << taken.error().message();
  // It is kept alive for longer than its lease.
  const auto kept_until = steady_clock::now() + seconds{7};
  while (steady_clock::now() < kept_until) {
    ASSERT_TRUE((*session)->surely_alive(BootClock::now()));
    std::this_thread::sleep_for(milliseconds{50});
  }
  leases.hold(true);
  Result<std::unique_ptr<Session>> next = Error(ErrorCode::Unknown, "");
  ASSERT_TRUE(soon([&] {
    next = other->open_session("live/x", {});
    return next.ok();
  }));
  EXPECT_FALSE((*session)->surely_alive(BootClock::now())) << "the others wait for longer than the holder believes";
  ASSERT_TRUE(soon([&] { return lost.load(); }));
  leases.hold(false);
  EXPECT_FALSE((*session)->surely_alive(BootClock::now())) << "lost is lost";
  session->reset();
  EXPECT_TRUE((*next)->surely_alive(BootClock::now())) << "who lost it took nothing from who has it";
}

TEST(EtcdStore, WhoIsStartedAnewTakesItsOwnSessionOver) {
  const auto options = options_for({shared_etcd().endpoint()}, "/again");
  auto before = opened(options);
  auto session = before->open_session("live/here", {});
  ASSERT_TRUE(session.ok());
  const auto after = opened(options);
  auto taken = after->open_session("live/here", {});
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_TRUE(soon([&] { return !(*session)->surely_alive(BootClock::now()); })) << "told by its key";
  session->reset();
  EXPECT_TRUE((*taken)->surely_alive(BootClock::now()));
}

/// Answers of three kinds come late and in any order, connections end: what is promised holds.
TEST(EtcdStore, CountsRightThroughLateAndLostAnswers) {
  TcpProxy requests(shared_etcd().port());
  TcpProxy watches(shared_etcd().port());
  auto options = options_for({requests.endpoint()}, "/storm");
  options.access.watch_endpoints = {watches.endpoint()};
  options.access.deadline = milliseconds{2'000};
  options.lost_after = milliseconds{300};
  const auto a = opened(options);
  auto other = options_for({shared_etcd().endpoint()}, "/storm");
  other.node = "there";
  const auto b = opened(other);
  ASSERT_TRUE(create_and_wait(*a, config_map("counter", "0")).ok());
  ASSERT_TRUE(soon([&] { return b->get(key("counter")) != nullptr; }));
  const Mirror mirror(*a);
  requests.delay(milliseconds{0}, milliseconds{20});
  watches.delay(milliseconds{0}, milliseconds{20});
  std::atomic<int> added{0};
  std::atomic<int> unknown{0};
  std::atomic<bool> stop{false};
  const auto count = [&](Store& store) {
    while (!stop) {
      const auto now = store.get(key("counter"));
      const auto value = std::stoi(std::string(find_string(json::value(now->raw), {"data", "key"})));
      const auto done =
          update_and_wait(store, config_map("counter", std::to_string(value + 1)), now->meta.resource_version);
      if (done) {
        ++added;
        EXPECT_GE(store.get(key("counter"))->meta.resource_version, (*done)->meta.resource_version);
      } else if (done.error().code() == ErrorCode::DeadlineExceeded) {
        ++unknown;
      } else {
        EXPECT_TRUE(done.error().code() == ErrorCode::Aborted || done.error().code() == ErrorCode::Unavailable)
            << done.error().message();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (auto* store : {a.get(), a.get(), b.get()}) threads.emplace_back([&, store] { count(*store); });
    std::mt19937 random(7);
    for (int round = 0; round < 20; ++round) {
      std::this_thread::sleep_for(milliseconds{100 + random() % 150});
      (random() % 2 == 0 ? requests : watches).cut();
    }
    stop = true;
  }
  ASSERT_TRUE(write_until_taken(*a, "end", "v").ok());
  ASSERT_TRUE(soon([&] { return b->get(key("end")) != nullptr; }));
  const auto value = std::stoi(value_of(*b, "counter"));
  EXPECT_GE(value, added);
  EXPECT_LE(value, added + unknown);
  EXPECT_GT(added, 20);
  EXPECT_EQ(contents(*a), contents(*b));
  EXPECT_TRUE(soon([&] { return mirror.objects() == contents(*b); }));
}

}  // namespace
}  // namespace berth::store
