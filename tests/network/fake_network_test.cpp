// tests/network/fake_network_test.cpp - the fake keeps the same promises as the real network.
#include "tests/fakes/fake_network.hpp"

#include "tests/contracts/network_contract.hpp"

namespace berth::network {
namespace {

INSTANTIATE_TEST_SUITE_P(Fake, NetworkContract, ::testing::Values([] {
                           return NetworkSubject{nullptr, std::make_unique<FakeNetwork>(5)};
                         }));

TEST(FakeNetwork, FailsOnDemandOnceAndCanBeBroken) {
  FakeNetwork network;
  NetworkSpec spec;
  spec.pod_uid = "u";
  spec.pod_name = "web-0";
  network.fail_next("attach", Error(ErrorCode::Unavailable, "not now"));
  EXPECT_TRUE(failed_with(network.attach(spec), ErrorCode::Unavailable));
  const auto made = network.attach(spec);
  ASSERT_TRUE(made.ok());
  network.break_pod("u");
  EXPECT_FALSE(network.attached("u").has_value());
  const auto seen = network.observe("u");
  EXPECT_TRUE(seen.ok() && !seen->has_value());
  EXPECT_EQ(network.attach(spec)->address, made->address);
  EXPECT_EQ(network.calls(), (std::vector<std::string>{"attach web-0", "attach web-0", "attach web-0"}));
}

}  // namespace
}  // namespace berth::network
