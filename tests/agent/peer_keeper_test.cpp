// tests/agent/peer_keeper_test.cpp - the network leads to the pods of the other hosts, as their Nodes say.
#include "agent/node/peer_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/fake_network.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

model::Object node(const std::string& name, const std::string& address, const std::string& block) {
  return *model::make_object({{"apiVersion", "v1"},
                              {"kind", "Node"},
                              {"metadata", {{"name", name}}},
                              {"spec", {{"podCIDR", block}}},
                              {"status",
                               {{"addresses", json::array{{{"type", "Hostname"}, {"address", name}},
                                                          {{"type", "InternalIP"}, {"address", address}}}}}}});
}

class PeerKeeperTest : public testing::Test {
 protected:
  PeerKeeperTest() {
    begin(std::chrono::milliseconds(0));
    watch_ = *store_->watch(Kind::Node, 0, [this](const store::Change& change) {
      loop_.post([this, change] { keeper_->on_node(change); });
    });
  }

  void begin(std::chrono::milliseconds retry) {
    keeper_.emplace(PeerKeeper::Context{.loop = loop_,
                                        .lane = *lane_,
                                        .network = network_,
                                        .store = *store_,
                                        .writer = writer_,
                                        .node = "n1",
                                        .retry = retry});
  }
  void put(const model::Object& object) {
    const auto old = store_->get(object.key());
    if (old) {
      ASSERT_TRUE(store::update_and_wait(*store_, object, 0));
    } else {
      ASSERT_TRUE(store::create_and_wait(*store_, object));
    }
    settle();
  }
  void settle() {
    while (loop_.poll() > 0) {
    }
  }
  std::vector<std::string> led_to() const {
    std::vector<std::string> all;
    for (const auto& peer : network_.peers()) all.push_back(peer.node + " " + peer.address + " " + peer.pod_cidr);
    return all;
  }

  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  SystemClock clock_;
  StoreWriter writer_{loop_, *store_, clock_};
  network::FakeNetwork network_;
  std::optional<PeerKeeper> keeper_;
  std::unique_ptr<store::Watch> watch_;
};

TEST_F(PeerKeeperTest, KeysAreSaidAndHeard) {
  const auto said = [this]() -> std::string {
    const auto own = store_->get({Kind::Node, "", "n1"});
    const auto found = own->meta.annotations.find(kWireGuardKeyAnnotation);
    return found == own->meta.annotations.end() ? "(nothing)" : found->second;
  };
  const auto settle_writes = [this] {
    for (int quiet = 0; quiet < 3;) {
      std::ignore = store::remove_and_wait(*store_, {Kind::ConfigMap, "none", "none"}, 0);
      quiet = loop_.poll() == 0 ? quiet + 1 : 0;
    }
  };
  network_.set_wireguard_key("one");
  put(node("n1", "10.0.0.1", "10.98.0.0/24"));
  settle_writes();
  EXPECT_EQ(said(), "one");
  network_.set_wireguard_key("two");  // another key at the next start
  keeper_->look_at_all();
  settle_writes();
  EXPECT_EQ(said(), "two");
  network_.set_wireguard_key("");  // another mode
  keeper_->look_at_all();
  settle_writes();
  EXPECT_EQ(said(), "(nothing)");

  auto theirs = node("n2", "10.0.0.2", "10.98.1.0/24");
  put(theirs);
  EXPECT_EQ(network_.peers().at(0).wireguard_key, "");
  theirs.raw["metadata"].as_object()["annotations"] = {{kWireGuardKeyAnnotation, "new"}};
  put(*model::make_object(theirs.raw));
  EXPECT_EQ(network_.peers().at(0).wireguard_key, "new") << "a key that changes is followed";
}

TEST_F(PeerKeeperTest, OtherHostsComeMoveAndGo) {
  keeper_->look_at_all();
  settle();
  EXPECT_THAT(led_to(), IsEmpty());
  put(node("n1", "10.0.0.1", "10.98.0.0/24"));
  EXPECT_THAT(led_to(), IsEmpty()) << "our own pods need no leading";
  put(node("n2", "10.0.0.2", "10.98.1.0/24"));
  EXPECT_THAT(led_to(), ElementsAre("n2 10.0.0.2 10.98.1.0/24"));
  put(node("n2", "10.0.0.9", "10.98.1.0/24"));
  EXPECT_THAT(led_to(), ElementsAre("n2 10.0.0.9 10.98.1.0/24"));
  ASSERT_TRUE(store::remove_and_wait(*store_, {Kind::Node, "", "n2"}, 0));
  settle();
  EXPECT_THAT(led_to(), IsEmpty());
}

TEST_F(PeerKeeperTest, OneThatSaysNothingOfItsPodsIsNotLedTo) {
  put(node("n2", "10.0.0.2", ""));
  put(node("n3", "", "10.98.3.0/24"));
  EXPECT_THAT(led_to(), IsEmpty());
}

TEST_F(PeerKeeperTest, AFailureIsTriedAgain) {
  network_.fail_next("set_peers", Error(ErrorCode::Unavailable, "netlink is busy"));
  put(node("n2", "10.0.0.2", "10.98.1.0/24"));
  settle();
  EXPECT_THAT(led_to(), ElementsAre("n2 10.0.0.2 10.98.1.0/24"));
}

/// Of what failed a part may be in force: being asked for what was there before is no reason to leave it so.
TEST_F(PeerKeeperTest, AfterAFailureWhatWasThereBeforeIsSetAgain) {
  begin(std::chrono::hours(1));
  put(node("n2", "10.0.0.2", "10.98.1.0/24"));
  network_.fail_next("set_peers", Error(ErrorCode::Unavailable, "netlink is busy"));
  put(node("n3", "10.0.0.3", "10.98.2.0/24"));
  const auto before = network_.calls().size();
  ASSERT_TRUE(store::remove_and_wait(*store_, {Kind::Node, "", "n3"}, 0));
  settle();
  EXPECT_THAT(led_to(), ElementsAre("n2 10.0.0.2 10.98.1.0/24"));
  EXPECT_EQ(network_.calls().size(), before + 1);
}

}  // namespace
}  // namespace berth::agent
