// tests/agent/stranger_orders_test.cpp - what a person orders about a pod without an object is done once, wholly, and
// over restarts.
#include "agent/stranger_orders.hpp"

#include "tests/agent/recovery_fixture.hpp"

namespace berth::agent {
namespace {

constexpr const char* kUid = "11111111-1111-4111-8111-111111111111";

class StrangerOrdersTest : public RecoveryTest {
 protected:
  /// A pod whose store was lost, and the agent on the new one.
  void SetUp() override {
    make_pod("web-0", kUid);
    records.keep(store->get({model::Kind::Pod, "default", "web-0"}));
    start();
    store.reset();
    std::filesystem::remove(dir / "berth.db");
    open();
    json::object node{{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "here"}}}};
    ASSERT_TRUE(store::create_and_wait(*store, *model::make_object(std::move(node))).ok());
    begin();
  }
  void begin() {
    start();
    writer = std::make_unique<StoreWriter>(loop, *store, clock);
    orders = std::make_unique<StrangerOrders>(StrangerRooms{
        .loop = loop,
        .store = *store,
        .writer = *writer,
        .recovery = *recovery,
        .records = records,
        .events = [this](auto&&, auto&&, auto&&, std::string_view reason, auto&&) { events.emplace_back(reason); },
        .node = "here",
        .take_down = [this](const runtime::PodIdentity& pod) { taken_down.push_back(pod.uid); }});
  }

  static std::string annotation(const std::string& uid = kUid) { return std::string(model::kStrangerOrder) + uid; }
  model::ObjectPtr node() const { return store->get({model::Kind::Node, "", "here"}); }
  bool is_ordered(const std::string& uid = kUid) const { return node()->meta.annotations.contains(annotation(uid)); }

  void order(const std::string& what, const std::string& uid = kUid) {
    auto raw = node()->raw;
    auto& metadata = raw["metadata"].as_object();
    if (!metadata.contains("annotations")) metadata["annotations"] = json::object();
    metadata["annotations"].as_object()[annotation(uid)] = what;
    ASSERT_TRUE(store::update_and_wait(*store, *model::make_object(std::move(raw)), 0).ok());
    look();
  }
  /// The node has changed; and all that follows from it.
  void look() {
    orders->take(*node());
    settle();
  }
  /// The store answers in the order in which it was asked: what is asked last has waited for all others.
  void settle() {
    do {
      const auto name = "n" + std::to_string(++asked);
      json::object last{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
      ASSERT_TRUE(store::create_and_wait(*store, *model::make_object(std::move(last))).ok());
    } while (loop.poll() != 0);
  }

  SystemClock clock;
  ObjectRecords records{dir / "objects", *lane};
  std::unique_ptr<StoreWriter> writer;
  std::unique_ptr<StrangerOrders> orders;
  std::vector<std::string> events;
  std::vector<std::string> taken_down;
  int asked = 0;
};

TEST_F(StrangerOrdersTest, AnAdoptedOneHasItsObjectAgainAndTheOrderIsTakenAway) {
  order("adopt");
  const auto made = store->get({model::Kind::Pod, "default", "web-0"});
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->meta.uid, kUid);
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(is_ordered());
  EXPECT_TRUE(taken_down.empty());
}

TEST_F(StrangerOrdersTest, OneThatCannotBeAdoptedSaysWhyAndStays) {
  ASSERT_TRUE(store::create_and_wait(*store, pod_object("web-0", "uid-new")).ok());
  order("adopt");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].why.starts_with("not adopted: ")) << told[0].why;
  EXPECT_EQ(events, std::vector<std::string>{"NotAdopted"});
  EXPECT_FALSE(is_ordered());
}

/// It was forgotten when its end had only begun: a new pod of its name then ran beside it, on the same data.
TEST_F(StrangerOrdersTest, ARemovedOneIsAStrangerUntilNothingOfItIsLeft) {
  order("remove");
  look();
  EXPECT_EQ(taken_down, std::vector<std::string>{kUid}) << "once";
  EXPECT_TRUE(recovery->holds(pod("web-0", "uid-new")));
  EXPECT_TRUE(is_ordered());
  orders->on_gone(kUid);
  settle();
  EXPECT_FALSE(recovery->holds(pod("web-0", "uid-new")));
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(is_ordered());
}

TEST_F(StrangerOrdersTest, AnOrderStandsOverARestart) {
  order("remove");
  taken_down.clear();
  open();
  begin();
  look();
  EXPECT_EQ(taken_down, std::vector<std::string>{kUid});
}

TEST_F(StrangerOrdersTest, AnOrderForNobodyIsTakenAway) {
  order("remove", "nobody");
  EXPECT_FALSE(is_ordered("nobody"));
  EXPECT_TRUE(taken_down.empty());
  order("adpot");
  EXPECT_FALSE(is_ordered());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].why.find("neither adopt nor remove"), std::string::npos);
}

}  // namespace
}  // namespace berth::agent
