// tests/runtime/fake_runtime_test.cpp - the fake keeps the contract of the real one.
#include "tests/fakes/fake_runtime.hpp"

#include "tests/contracts/runtime_contract.hpp"

namespace berth::runtime {
namespace {

RuntimeSubject make_fake() {
  RuntimeSubject subject;
  auto fake = std::make_unique<FakeRuntime>();
  fake->add_image("busybox:1.35");
  subject.image = "busybox:1.35";
  subject.end = [runtime = fake.get()](const std::string& id, std::int32_t code) { runtime->exit(id, code); };
  subject.runtime = std::move(fake);
  return subject;
}
INSTANTIATE_TEST_SUITE_P(Fake, RuntimeContract, ::testing::Values(make_fake));

TEST(FakeRuntime, FailsEachScriptedCallOnceAndInOrder) {
  FakeRuntime fake;
  fake.add_image("a");
  fake.fail_next("image", Error(ErrorCode::Unavailable, "one"));
  fake.fail_next("image", Error(ErrorCode::Internal, "two"));
  EXPECT_TRUE(failed_with(fake.image("a"), ErrorCode::Unavailable));
  EXPECT_TRUE(failed_with(fake.image("a"), ErrorCode::Internal));
  EXPECT_TRUE(fake.image("a").ok());
}

TEST(FakeRuntime, HeldPullsEndWhenTheTestSaysSo) {
  FakeRuntime fake;
  fake.add_to_registry("a");
  fake.hold_pulls();
  int done = 0;
  fake.pull("a", {}, [&](const Result<ImageInfo>& result) { done += result.ok() ? 1 : 100; });
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(failed_with(fake.image("a"), ErrorCode::NotFound));
  fake.finish_pulls();
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(fake.image("a").ok());
}

}  // namespace
}  // namespace berth::runtime
