// tests/fencing/fence_keeper_test.cpp - no fenced pod starts before its host is armed, the fence has read of it, and
// the session holds; and what an agent says when it ends.
#include "agent/fencing/fence_keeper.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/objects/fencing.hpp"
#include "tests/agent/controller_fixture.hpp"
#include "tests/fencing/fake_fence.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;
using testing::HasSubstr;

class FenceKeeperTest : public ControllerFixture {
 protected:
  FenceKeeperTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    std::filesystem::resize_file(fence::orders_file(dir.path()), sizeof(fence::Page));
    pod.meta.uid = "u-1";
    pod.meta.ns = "default";
    pod.meta.name = "db-0";
    pod.meta.annotations["berth.io/failover"] = "fenced";
    model::OwnerReference set;
    set.kind = "StatefulSet";
    set.controller = true;
    pod.meta.owner_references.push_back(set);
  }
  std::unique_ptr<FenceKeeper> make(bool wanted = true) {
    auto keeper = std::make_unique<FenceKeeper>(FenceKeeper::Context{
        .loop = loop,
        .writer = writer,
        .store = *store,
        .page = *page,
        .term = term,
        .events = [this](const model::ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                         const std::string&) { events.emplace_back(reason); },
        .node = "n1",
        .wanted = wanted,
        .cgroup_of = [](const model::Pod& of) { return "/berth-pods/burstable/pod" + of.meta.uid; },
        .kick = [this](const std::string& uid) { kicked.push_back(uid); },
        .now = [this] { return now; }});
    keeper->begin();
    settle();
    return keeper;
  }
  std::string word() const {
    const auto& all = get(Kind::Node, "n1", "")->meta.annotations;
    const auto found = all.find(std::string(kFencing));
    return found == all.end() ? "" : found->second;
  }
  /// Looks again, as its timer does.
  void look(FenceKeeper& keeper) {
    keeper.look();
    settle();
  }
  /// It holds, and the agent's loop has not heard of it.
  void keep(std::uint64_t session) {
    page->on_kept(now + seconds(13));
    term.on_kept(session, now + seconds(13));
  }
  void hold(FenceKeeper& keeper, std::uint64_t session) {
    keep(session);
    keeper.on_session();
    settle();
  }

  TempDir dir;
  std::unique_ptr<FencePage> page = *FencePage::open(dir.path(), /*arm=*/true, dir.path() / "cgroup");
  SessionTerm term{"live/n1"};
  BootTime now = boot_time();
  std::vector<std::string> kicked;
  model::Pod pod;
};

TEST_F(FenceKeeperTest, APodStartsOnceTheHostIsArmedAndTheFenceKnowsOfIt) {
  FakeFence fence(dir.path());
  const auto keeper = make();
  EXPECT_THAT(keeper->may_start(pod), HasSubstr("to be armed")) << "there is no session";
  EXPECT_EQ(word(), "");
  hold(*keeper, 7);
  EXPECT_TRUE(is_armed(get(Kind::Node, "n1", "")->meta)) << "before the first of them starts";
  EXPECT_THAT(kicked, testing::Contains("u-1"));
  EXPECT_EQ(keeper->may_start(pod), "waits for berth-fence");
  ASSERT_EQ(fence.orders().pods.size(), 1U);
  EXPECT_EQ(fence.orders().pods.front().cgroup, "/berth-pods/burstable/podu-1");
  EXPECT_EQ(keeper->may_start(pod), "waits for berth-fence") << "it has not read it";
  fence.acknowledge();
  EXPECT_EQ(keeper->may_start(pod), "");
  now += seconds(10);
  EXPECT_NE(keeper->may_start(pod), "") << "the deadline is over: it would be killed, and another host may have it";
}

TEST_F(FenceKeeperTest, ItsVolumesComeOnceTheHostIsArmedForThisSession) {
  FakeFence fence(dir.path());
  const auto keeper = make();
  EXPECT_THAT(keeper->may_mount(pod), HasSubstr("to be armed"));
  EXPECT_EQ(events, std::vector<std::string>{"FencingNotReady"});
  hold(*keeper, 7);
  EXPECT_EQ(keeper->may_mount(pod), "") << "the fence need not know of a pod of which nothing runs";
  keep(8);
  EXPECT_THAT(keeper->may_mount(pod), HasSubstr("to be armed")) << "somebody may be about to take them away";
  keeper->on_session();
  settle();
  EXPECT_EQ(keeper->may_mount(pod), "");
  pod.meta.annotations.clear();
  now += seconds(60);
  EXPECT_EQ(keeper->may_mount(pod), "") << "not asked for";
}

TEST_F(FenceKeeperTest, AfterTheFenceHasKilledEachPodIsAdmittedAnew) {
  FakeFence fence(dir.path());
  const auto keeper = make();
  hold(*keeper, 7);
  EXPECT_NE(keeper->may_start(pod), "");
  fence.acknowledge();
  EXPECT_EQ(keeper->may_start(pod), "");
  const auto before = fence.orders().pods.front().admission;
  now += seconds(12);
  const auto fired = fence.orders().generation;
  keep(7);  // The agent was hung, and its session held all the same.
  EXPECT_FALSE(keeper->took_down(pod));
  fence.acknowledge(fired);
  EXPECT_TRUE(keeper->took_down(pod));
  EXPECT_EQ(keeper->may_start(pod), "waits for berth-fence");
  EXPECT_FALSE(keeper->took_down(pod)) << "it was let start since";
  EXPECT_GT(fence.orders().pods.front().admission, before);
  fence.acknowledge(fired);
  EXPECT_EQ(keeper->may_start(pod), "");
}

TEST_F(FenceKeeperTest, ANewSessionArmsAnewWithAnotherWordBeforeAnythingStarts) {
  FakeFence fence(dir.path());
  const auto keeper = make();
  hold(*keeper, 7);
  const auto first = word();
  keeper->may_start(pod);
  fence.acknowledge();
  EXPECT_EQ(keeper->may_start(pod), "");
  keep(8);
  EXPECT_THAT(keeper->may_start(pod), HasSubstr("to be armed")) << "somebody may be about to take the pod away";
  keeper->on_session();
  settle();
  EXPECT_NE(word(), first);
  EXPECT_TRUE(word().starts_with("armed "));
  fence.acknowledge();
  EXPECT_EQ(keeper->may_start(pod), "");
}

TEST_F(FenceKeeperTest, WithoutAFenceNothingStartsAndNobodyMayCountOnIt) {
  auto fence = std::make_unique<FakeFence>(dir.path());
  const auto keeper = make();
  hold(*keeper, 7);
  EXPECT_TRUE(word().starts_with("armed "));
  fence->die();
  look(*keeper);
  EXPECT_EQ(word(), "off");
  EXPECT_THAT(keeper->may_start(pod), HasSubstr("berth-fence does not answer"));
  keeper->may_start(pod);
  EXPECT_EQ(std::count(events.begin(), events.end(), "FencingNotReady"), 1) << "said once";
  fence = std::make_unique<FakeFence>(dir.path());
  look(*keeper);
  EXPECT_TRUE(word().starts_with("armed "));
}

TEST_F(FenceKeeperTest, APodThatDoesNotAskIsNotHeldUp) {
  const auto keeper = make();
  pod.meta.annotations.clear();
  EXPECT_EQ(keeper->may_start(pod), "");
}

TEST_F(FenceKeeperTest, ACleanEndIsSaidFirstAndThenTheFenceIsDisarmed) {
  FakeFence fence(dir.path());
  const auto keeper = make();
  hold(*keeper, 7);
  keeper->may_start(pod);
  bool ended = false;
  keeper->stop([&] { ended = true; });
  EXPECT_NE(fence.orders().deadline, fence::kNever) << "not before others know";
  settle();
  EXPECT_TRUE(ended);
  EXPECT_EQ(word(), "off");
  EXPECT_EQ(fence.orders().deadline, fence::kNever);
  EXPECT_FALSE(page->is_armed());
  EXPECT_EQ(fence.orders().pods.size(), 1U) << "it runs on, and the next agent arms again";
}

TEST_F(FenceKeeperTest, WhereTheWishIsGoneWhatIsArmedIsDisarmedInTheSameOrder) {
  FakeFence fence(dir.path());
  {
    const auto keeper = make();
    hold(*keeper, 7);
  }
  const auto keeper = make(/*wanted=*/false);
  EXPECT_EQ(word(), "off");
  look(*keeper);
  EXPECT_EQ(fence.orders().deadline, fence::kNever);
  EXPECT_THAT(keeper->may_start(pod), HasSubstr("cluster.fencing is off here"));
}

}  // namespace
}  // namespace berth::agent
