// tests/agent/namespace_controller_test.cpp - a namespace's account, and how a namespace ends.
#include "agent/ending/namespace_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/ending/namespace_plan.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;

class NamespaceControllerTest : public ControllerFixture {
 protected:
  void start() { begin({controller.row()}); }
  void make_namespace(const std::string& name) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}"}},
        "status":{{"phase":"Active"}}}})",
                    name));
  }
  void end_namespace(const std::string& name) {
    edit({Kind::Namespace, "", name},
         [&](json::object& raw) { model::mark_deleted(Kind::Namespace, raw, std::nullopt, clock.wall()); });
  }
  void make(std::string_view kind, const std::string& name, const std::string& more = "") {
    const auto& info = *model::find_kind(kind);
    put(fmt::format(R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":"{}","namespace":"team"{}}},"spec":{{}}}})",
                    info.api_version(), info.name, name, more));
  }
  bool has(Kind kind, const std::string& name) const { return exists(kind, name, "team"); }
  bool deleting(Kind kind, const std::string& name) const { return get(kind, name, "team")->meta.deleting(); }
  std::string condition(std::string_view type) const {
    const json::value raw(store->get({Kind::Namespace, "", "team"})->raw);
    for (const auto& each : find(raw, {"status", "conditions"})->as_array()) {
      if (find_string(each, {"type"}) == type) {
        return fmt::format("{}: {}", find_string(each, {"status"}), find_string(each, {"message"}));
      }
    }
    return "(none)";
  }

  NamespaceController controller{clock, *store};
};

TEST_F(NamespaceControllerTest, EveryNamespaceHasItsAccountAgainAndAgain) {
  make_namespace("old");
  start();
  make_namespace("team");
  settle();
  EXPECT_TRUE(exists(Kind::ServiceAccount, "default", "old"));
  EXPECT_TRUE(exists(Kind::ServiceAccount, "default", "team"));
  remove({Kind::ServiceAccount, "team", "default"});
  settle();
  EXPECT_TRUE(exists(Kind::ServiceAccount, "default", "team"));
}

TEST_F(NamespaceControllerTest, SetsGoFirstThenPodsThenTheRestThenTheNamespace) {
  make_namespace("team");
  start();
  make("StatefulSet", "db");
  make("Pod", "db-0");
  make("Pod", "alone");
  make("ConfigMap", "settings");
  make("Event", "e");
  end_namespace("team");
  settle();
  EXPECT_TRUE(deleting(Kind::StatefulSet, "db"));
  EXPECT_FALSE(deleting(Kind::Pod, "db-0"));
  EXPECT_FALSE(deleting(Kind::Pod, "alone"));
  EXPECT_EQ(condition("NamespaceContentRemaining"),
            "True: Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 resource instances, "
            "serviceaccounts. has 1 resource instances, statefulsets.apps has 1 resource instances");

  remove({Kind::Pod, "team", "db-0"});
  remove({Kind::StatefulSet, "team", "db"});
  settle();
  EXPECT_TRUE(deleting(Kind::Pod, "alone"));
  EXPECT_TRUE(has(Kind::ConfigMap, "settings"));

  remove({Kind::Pod, "team", "alone"});
  settle();
  EXPECT_FALSE(has(Kind::ConfigMap, "settings"));
  EXPECT_FALSE(has(Kind::ServiceAccount, "default"));
  EXPECT_FALSE(has(Kind::Event, "e"));
  EXPECT_EQ(store->get({Kind::Namespace, "", "team"}), nullptr);
}

TEST_F(NamespaceControllerTest, AFinalizerInsideHoldsTheNamespaceAndIsNamed) {
  make_namespace("team");
  start();
  make("ConfigMap", "held", R"(,"finalizers":["x.io/hold"])");
  end_namespace("team");
  settle();
  ASSERT_TRUE(has(Kind::ConfigMap, "held"));
  EXPECT_TRUE(deleting(Kind::ConfigMap, "held"));
  EXPECT_EQ(condition("NamespaceFinalizersRemaining"),
            "True: Some content in the namespace has finalizers remaining: x.io/hold in 1 resource instances");
  remove({Kind::ConfigMap, "team", "held"});
  settle();
  EXPECT_EQ(store->get({Kind::Namespace, "", "team"}), nullptr);
}

TEST_F(NamespaceControllerTest, ADeletionThatACrashCutShortGoesOn) {
  make_namespace("team");
  make("ConfigMap", "settings");
  end_namespace("team");
  start();
  EXPECT_FALSE(has(Kind::ConfigMap, "settings"));
  EXPECT_EQ(store->get({Kind::Namespace, "", "team"}), nullptr);
}

TEST_F(NamespaceControllerTest, AFinalizerOfTheNamespaceItselfIsRespected) {
  make_namespace("team");
  start();
  edit({Kind::Namespace, "", "team"}, [](json::object& raw) { model::add_finalizer(raw, "x.io/hold"); });
  end_namespace("team");
  settle();
  ASSERT_NE(store->get({Kind::Namespace, "", "team"}), nullptr);
  EXPECT_FALSE(has(Kind::ServiceAccount, "default"));
  edit({Kind::Namespace, "", "team"}, [](json::object& raw) { model::drop_finalizer(raw, "x.io/hold"); });
  settle();
  EXPECT_EQ(store->get({Kind::Namespace, "", "team"}), nullptr);
}

TEST_F(NamespaceControllerTest, StatusesOfWhatIsGoingAskForNothing) {
  make_namespace("team");
  start();
  make("Pod", "alone");
  end_namespace("team");
  settle();
  ASSERT_TRUE(deleting(Kind::Pod, "alone"));
  const auto revision = store->revision();
  edit({Kind::Pod, "team", "alone"}, [](json::object& raw) { raw["status"] = {{"phase", "Running"}}; });
  settle();
  EXPECT_EQ(store->revision(), revision + 1);
  EXPECT_TRUE(runner.is_idle());
}

}  // namespace
}  // namespace berth::agent
