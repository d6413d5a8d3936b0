// tests/cli/json_path_test.cpp - kubectl's templates, columns and orders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/columns.hpp"
#include "cli/get_output.hpp"
#include "cli/json_path.hpp"
#include "cli/wait_condition.hpp"

namespace berth::cli {
namespace {

json::value pods() {
  return *parse_json(R"({"kind":"List","items":[
    {"metadata":{"name":"web-0","labels":{"app":"web","example.com/tier":"front"}},
     "spec":{"containers":[{"name":"main","image":"nginx:1"},{"name":"side","image":"busybox"}]},
     "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"restarts":2}},
    {"metadata":{"name":"web-1"},"spec":{"containers":[{"name":"main","image":"nginx:2"}]},
     "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],"restarts":10}}]})");
}

std::string made(std::string_view text) {
  const auto path = JsonPath::parse(text);
  return path ? path->print(pods()) : path.error().message();
}

TEST(JsonPath, FieldsIndexesAndWildcards) {
  EXPECT_EQ(made("{.items[0].metadata.name}"), "web-0");
  EXPECT_EQ(made("{.items[-1].metadata.name}"), "web-1");
  EXPECT_EQ(made("{.items[*].metadata.name}"), "web-0 web-1");
  EXPECT_EQ(made("{.items[0:1].metadata.name}"), "web-0");
  EXPECT_EQ(made("{.items[:2].metadata.name}"), "web-0 web-1");
  EXPECT_EQ(made("{$.items[0]['metadata'].name}"), "web-0");
  EXPECT_EQ(made("{.items[0].metadata.labels.example\\.com/tier}"), "front");
  EXPECT_EQ(made("{.items[0].metadata['name','nothing']}"), "web-0");
  EXPECT_EQ(made("{.items[0].nothing.at.all}"), "");
  EXPECT_EQ(made("{.items[9].metadata.name}"), "");
  EXPECT_EQ(made("{.items[0].status.conditions}"), R"([{"status":"True","type":"Ready"}])");
  EXPECT_EQ(made("{..image}"), "nginx:1 busybox nginx:2");
}

TEST(JsonPath, Filters) {
  EXPECT_EQ(made("{.items[?(@.status.phase==\"Running\")].metadata.name}"), "web-0");
  EXPECT_EQ(made("{.items[?(@.status.phase!='Running')].metadata.name}"), "web-1");
  EXPECT_EQ(made("{.items[?(@.status.restarts>2)].metadata.name}"), "web-1");
  EXPECT_EQ(made("{.items[?(@.metadata.labels)].metadata.name}"), "web-0");
  EXPECT_EQ(made("{.items[*].status.conditions[?(@.type==\"Ready\")].status}"), "True False");
}

TEST(JsonPath, RangesAndText) {
  EXPECT_EQ(made("{range .items[*]}{.metadata.name}{\"\\t\"}{.status.phase}{'\\n'}{end}"),
            "web-0\tRunning\nweb-1\tPending\n");
  EXPECT_EQ(made("name={.items[0].metadata.name}!"), "name=web-0!");
  EXPECT_EQ(made("{range .items[*]}[{range .spec.containers[*]}{.name};{end}]{end}"), "[main;side;][main;]");
}

TEST(JsonPath, MistakesAreSaid) {
  for (const auto* text :
       {"{.a", "{.a[}", "{.a[x]}", "{range .a}", "{end}", "{.a[?(@.b==\"c)]}", "{.a['b}", "{.a[1:2:3:4]}"}) {
    EXPECT_FALSE(JsonPath::parse(text)) << text;
  }
  std::string deep = "{";
  for (int i = 0; i < 1000; ++i) deep += "[?(@";
  EXPECT_FALSE(JsonPath::parse(deep + "}"));
}

TEST(Columns, MissingValuesAreNone) {
  auto output = Output::parse(
      "custom-columns=NAME:.metadata.name,TIER:.metadata.labels.example\\.com/tier,C:.spec.containers[*].name", false,
      false);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->print(pods().at("items").get_array(), false),
            "NAME    TIER     C\n"
            "web-0   front    main,side\n"
            "web-1   <none>   main\n");
  EXPECT_FALSE(Output::parse("custom-columns=NAME", false, false));
  EXPECT_FALSE(Output::parse("nonsense", false, false));
}

TEST(Columns, SortingKnowsNumbersAndQuantities) {
  const auto order = [](std::string_view items, std::string_view path) {
    const auto list = *parse_json(items);
    const auto sorted = sorted_items(list.get_array(), path);
    std::string out;
    for (const auto* item : *sorted) out += json::serialize(*item);
    return out;
  };
  EXPECT_EQ(order(R"([{"a":10},{"a":9},{}])", ".a"), R"({}{"a":9}{"a":10})");
  EXPECT_EQ(order(R"([{"a":"1Gi"},{"a":"200Mi"}])", "{.a}"), R"({"a":"200Mi"}{"a":"1Gi"})");
  EXPECT_EQ(order(R"([{"a":"b"},{"a":"a"}])", "a"), R"({"a":"a"}{"a":"b"})");
}

TEST(WaitCondition, IsMetByConditionsPathsAndExistence) {
  const auto list = pods();
  const auto& ready = list.at("items").at(0);
  const auto& waiting = list.at("items").at(1);
  const auto met = [](std::string_view text, const json::value& object) {
    return WaitCondition::parse(text)->is_met(object);
  };
  EXPECT_TRUE(met("condition=Ready", ready));
  EXPECT_TRUE(met("condition=ready=true", ready));
  EXPECT_FALSE(met("condition=Ready", waiting));
  EXPECT_TRUE(met("condition=Ready=False", waiting));
  EXPECT_TRUE(met("jsonpath={.status.phase}=Running", ready));
  EXPECT_FALSE(met("jsonpath={.status.phase}=Running", waiting));
  EXPECT_TRUE(met("jsonpath='{.status.phase}'", waiting) || met("jsonpath={.status.phase}", waiting));
  EXPECT_TRUE(met("jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True", ready));
  EXPECT_FALSE(met("jsonpath={.status.nothing}", ready));
  EXPECT_TRUE(met("create", ready));
  EXPECT_FALSE(met("delete", ready));
  EXPECT_FALSE(WaitCondition::parse("nonsense"));
  EXPECT_FALSE(WaitCondition::parse("jsonpath={.a}="));
}

}  // namespace
}  // namespace berth::cli
