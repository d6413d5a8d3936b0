// tests/api/list_test.cpp - lists over a real socket: pages, revisions, options that do not go together.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

class Lists : public ApiFixture {
 protected:
  static constexpr std::string_view kPods = "/api/v1/namespaces/default/pods";

  Answer list(std::string_view query, std::string_view accept = "application/json") {
    return send("GET", fmt::format("{}?{}", kPods, query), {}, "application/json", std::string(accept));
  }
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> out;
    for (const auto& item : answer.body.at("items").as_array())
      out.emplace_back(find_string(item, {"metadata", "name"}));
    return out;
  }
  /// Revisions of this fixture never come near.
  static constexpr std::string_view kFuture = "resourceVersion=999999999";
};

TEST_F(Lists, PagesShowOneMomentWhateverIsWrittenMeanwhile) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) put_running_pod(name);
  const auto one = list("limit=2");
  EXPECT_EQ(names(one), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(one.body.at("metadata").at("remainingItemCount").as_int64(), 3);
  const auto revision = one.text({"metadata", "resourceVersion"});
  put_running_pod("bb");
  ASSERT_TRUE(store::remove_and_wait(*store_, {model::Kind::Pod, "default", "c"}, 0));
  const auto two = list("limit=2&continue=" + one.text({"metadata", "continue"}));
  EXPECT_EQ(names(two), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(two.text({"metadata", "resourceVersion"}), revision);
  const auto three = list("limit=2&continue=" + two.text({"metadata", "continue"}));
  EXPECT_EQ(names(three), (std::vector<std::string>{"e"}));
  EXPECT_EQ(find(three.body, {"metadata", "continue"}), nullptr);
}

TEST_F(Lists, PagesOfASelectionHoldOnlyWhatMatchesAndDoNotCountTheRest) {
  for (const auto* name : {"a", "b", "c"}) put_running_pod(name, R"({"app":"web"})");
  put_running_pod("aa", R"({"app":"db"})");
  const auto one = list("limit=2&labelSelector=app%3Dweb");
  EXPECT_EQ(names(one), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(find(one.body, {"metadata", "remainingItemCount"}), nullptr);
  EXPECT_EQ(names(list("limit=2&labelSelector=app%3Dweb&continue=" + one.text({"metadata", "continue"}))),
            (std::vector<std::string>{"c"}));
}

TEST_F(Lists, TablesComeInPagesToo) {
  for (const auto* name : {"a", "b", "c"}) put_running_pod(name);
  constexpr std::string_view kTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const auto one = list("limit=2", kTable);
  EXPECT_EQ(one.body.at("rows").as_array().size(), 2U);
  EXPECT_EQ(one.body.at("metadata").at("remainingItemCount").as_int64(), 1);
  const auto two = list("limit=2&continue=" + one.text({"metadata", "continue"}), kTable);
  ASSERT_EQ(two.body.at("rows").as_array().size(), 1U);
  EXPECT_EQ(two.body.at("rows").at(0).at("cells").at(0).as_string(), "c");
}

TEST_F(Lists, AnUnknownTokenIs410AndOffersToGoOnInTheNewestState) {
  for (const auto* name : {"a", "b", "c"}) put_running_pod(name);
  const auto late = list("limit=1&continue=0123456789abcdef0123456789abcdef.default%2Fa");
  EXPECT_EQ(late.code, 410U);
  EXPECT_EQ(late.text({"reason"}), "Expired");
  EXPECT_THAT(late.message(), HasSubstr("The provided continue parameter is too old to display a consistent list"));
  const auto on = list("limit=1&continue=" + late.text({"metadata", "continue"}));
  EXPECT_EQ(names(on), (std::vector<std::string>{"b"}));
  EXPECT_EQ(names(list("continue=" + on.text({"metadata", "continue"}))), (std::vector<std::string>{"c"}));
  EXPECT_EQ(list("continue=zzz").code, 400U);
}

TEST_F(Lists, WhoTakesAnyStateGetsAllOfItWhateverTheLimit) {
  for (const auto* name : {"a", "b", "c"}) put_running_pod(name);
  EXPECT_EQ(names(list("limit=1&resourceVersion=0")).size(), 3U);
}

TEST_F(Lists, OnlyTheNewestStateCanBeHadExactlyAndNoneOfTheFuture) {
  put_running_pod("a");
  const auto old = store_->revision();
  EXPECT_EQ(list(fmt::format("resourceVersion={}&resourceVersionMatch=Exact", old)).code, 200U);
  put_running_pod("b");
  const auto exact = list(fmt::format("resourceVersion={}&resourceVersionMatch=Exact", old));
  EXPECT_EQ(exact.code, 410U);
  EXPECT_EQ(exact.message(), "The resourceVersion for the provided list is too old.");
  EXPECT_EQ(names(list(fmt::format("resourceVersion={}&resourceVersionMatch=NotOlderThan", old))).size(), 2U);
  const auto future = list(kFuture);
  EXPECT_EQ(future.code, 504U);
  EXPECT_EQ(future.message(),
            fmt::format("Timeout: Too large resource version: 999999999, current: {}", store_->revision()));
  EXPECT_EQ(future.body.at("details").at("retryAfterSeconds").as_int64(), 1);
  EXPECT_EQ(find_string(future.body.at("details").at("causes").at(0), {"reason"}), "ResourceVersionTooLarge");
  EXPECT_EQ(send("GET", fmt::format("{}/a?{}", kPods, kFuture)).code, 504U);
}

TEST_F(Lists, OptionsThatDoNotGoTogetherAreRefusedInKubernetesWords) {
  const auto refused = [&](std::string_view query, std::string_view problem) {
    const auto answer = list(query);
    EXPECT_EQ(answer.code, 422U) << query;
    EXPECT_EQ(answer.message(), fmt::format("ListOptions.meta.k8s.io \"\" is invalid: {}", problem)) << query;
  };
  refused("resourceVersionMatch=Exact",
          "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
  refused("resourceVersionMatch=Exact&resourceVersion=0",
          "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  refused("resourceVersionMatch=Best&resourceVersion=1",
          "resourceVersionMatch: Unsupported value: \"Best\": supported values: \"Exact\", \"NotOlderThan\", \"\"");
  refused("resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x",
          "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided");
  refused("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list");
  refused("watch=true&sendInitialEvents=true",
          "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  refused("watch=true&resourceVersionMatch=NotOlderThan",
          "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
          "provided");
  EXPECT_EQ(list("continue=x&resourceVersion=1").message(),
            "specifying resource version is not allowed when using continue");
  EXPECT_EQ(list("limit=x").code, 400U);
  EXPECT_EQ(list("includeObject=Everything").code, 400U);
}

}  // namespace
}  // namespace berth::api
