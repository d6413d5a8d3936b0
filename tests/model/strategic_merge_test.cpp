// tests/model/strategic_merge_test.cpp - strategic merge patch: upstream's documented examples and what kubectl sends.
#include "model/strategic_merge.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace berth::model {
namespace {

using testing::HasSubstr;

json::object object(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text << (value ? "" : value.error().message());
  return value ? value->get_object() : json::object();
}

/// `before` after `patch`, as an object of `type`; "error: ..." when it does not apply.
std::string merged(std::string_view type, std::string_view before, std::string_view patch) {
  auto target = object(before);
  const auto done = apply_strategic_merge(&schema_type(type), target, object(patch));
  return done ? json::serialize(target) : "error: " + done.error().message();
}

/// The same in a pod's spec.
std::string merged_spec(std::string_view before, std::string_view patch) { return merged("PodSpec", before, patch); }

std::optional<ErrorCode> error_of(std::string_view before, std::string_view patch) {
  auto target = object(before);
  const auto done = apply_strategic_merge(&schema_type("PodSpec"), target, object(patch));
  return done ? std::optional<ErrorCode>() : done.error().code();
}

TEST(StrategicMerge, ObjectsMergeAndNullRemoves) {
  EXPECT_EQ(merged("ConfigMap", R"({"data":{"a":"1","b":"2"}})", R"({"data":{"a":"9","b":null,"c":null,"d":"4"}})"),
            R"({"data":{"a":"9","d":"4"}})");
  EXPECT_EQ(merged_spec(R"({"hostname":"a","affinity":{"nodeAffinity":{}}})", R"({"affinity":null})"),
            R"({"hostname":"a"})");
}

TEST(StrategicMerge, AListWithAMergeKeyMergesByIt) {
  // The example of "Update API Objects in Place Using kubectl patch".
  EXPECT_EQ(merged_spec(R"({"containers":[{"name":"ctr","image":"nginx"}]})",
                        R"({"containers":[{"name":"ctr-2","image":"redis"}]})"),
            R"({"containers":[{"name":"ctr-2","image":"redis"},{"name":"ctr","image":"nginx"}]})");
  EXPECT_EQ(merged_spec(R"({"containers":[{"name":"a","image":"x","env":[{"name":"E","value":"1"}]},{"name":"b"}]})",
                        R"({"containers":[{"name":"b","image":"y"},{"name":"a","env":[{"name":"F","value":"2"}]}]})"),
            R"({"containers":[{"name":"b","image":"y"},{"name":"a","image":"x","env":[{"name":"F","value":"2"},)"
            R"({"name":"E","value":"1"}]}]})");
}

TEST(StrategicMerge, AListWithoutIsReplacedWhole) {
  EXPECT_EQ(merged_spec(R"({"tolerations":[{"key":"a"},{"key":"b"}]})", R"({"tolerations":[{"key":"c"}]})"),
            R"({"tolerations":[{"key":"c"}]})");
  EXPECT_EQ(merged("Container", R"({"args":["a","b"]})", R"({"args":["c"]})"), R"({"args":["c"]})");
  EXPECT_EQ(merged("Node", R"({"spec":{"taints":[{"key":"a"}]}})", R"({"spec":{"taints":null,"unschedulable":true}})"),
            R"({"spec":{"unschedulable":true}})");
  EXPECT_EQ(merged("Lease", R"({"spec":{"unknown":[1,2]}})", R"({"spec":{"unknown":[3]}})"),
            R"({"spec":{"unknown":[3]}})");
}

TEST(StrategicMerge, EveryMergeKeyIsUpstreams) {
  struct Case {
    std::string_view type, list, key, one, two;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"PodSpec", "volumes", "name", R"("a")", R"("b")"},
           {"PodSpec", "initContainers", "name", R"("a")", R"("b")"},
           {"PodSpec", "ephemeralContainers", "name", R"("a")", R"("b")"},
           {"PodSpec", "imagePullSecrets", "name", R"("a")", R"("b")"},
           {"PodSpec", "hostAliases", "ip", R"("10.0.0.1")", R"("10.0.0.2")"},
           {"PodSpec", "topologySpreadConstraints", "topologyKey", R"("a")", R"("b")"},
           {"PodSpec", "schedulingGates", "name", R"("a")", R"("b")"},
           {"Container", "ports", "containerPort", "80", "81"},
           {"Container", "volumeMounts", "mountPath", R"("/a")", R"("/b")"},
           {"Container", "volumeDevices", "devicePath", R"("/a")", R"("/b")"},
           {"Container", "env", "name", R"("a")", R"("b")"},
           {"ServiceSpec", "ports", "port", "80", "81"},
           {"ObjectMeta", "ownerReferences", "uid", R"("a")", R"("b")"},
           {"ServiceAccount", "secrets", "name", R"("a")", R"("b")"},
           {"NodeStatus", "conditions", "type", R"("Ready")", R"("DiskPressure")"},
           {"NodeStatus", "addresses", "type", R"("Hostname")", R"("InternalIP")"},
           {"PodStatus", "conditions", "type", R"("Ready")", R"("Initialized")"},
           {"StatefulSetStatus", "conditions", "type", R"("A")", R"("B")"},
       }) {
    EXPECT_EQ(
        merged(c.type, fmt::format(R"({{"{0}":[{{"{1}":{2}}},{{"{1}":{3}}}]}})", c.list, c.key, c.one, c.two),
               fmt::format(R"({{"$setElementOrder/{0}":[{{"{1}":{2}}},{{"{1}":{3}}}],"{0}":[{{"{1}":{3},"x":1}}]}})",
                           c.list, c.key, c.one, c.two)),
        fmt::format(R"({{"{0}":[{{"{1}":{2}}},{{"{1}":{3},"x":1}}]}})", c.list, c.key, c.one, c.two))
        << c.type << "." << c.list;
  }
}

TEST(StrategicMerge, AnElementIsDeletedByItsKey) {
  EXPECT_EQ(merged_spec(R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]})",
                        R"({"containers":[{"$patch":"delete","name":"b"},{"$patch":"delete","name":"zz"}]})"),
            R"({"containers":[{"name":"a"},{"name":"c"}]})");
  EXPECT_EQ(merged_spec(R"({"volumes":[{"name":"a"}]})", R"({"volumes":[{"$patch":"delete","name":"a"}]})"), "{}");
  EXPECT_EQ(merged_spec("{}", R"({"volumes":[{"$patch":"delete","name":"a"}]})"), "{}");
}

TEST(StrategicMerge, AListIsReplacedWhenAnElementSaysSo) {
  EXPECT_EQ(merged_spec(R"({"containers":[{"name":"a","image":"x"},{"name":"b"}]})",
                        R"({"containers":[{"name":"a","tty":true},{"$patch":"replace"}]})"),
            R"({"containers":[{"name":"a","tty":true}]})");
}

TEST(StrategicMerge, AnObjectIsReplacedOrEmptied) {
  EXPECT_EQ(
      merged("StatefulSetSpec",
             R"({"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a"}]}},"replicas":2})",
             R"({"template":{"spec":{"containers":[{"name":"z","env":null}]},"$patch":"replace"}})"),
      R"({"template":{"spec":{"containers":[{"name":"z"}]}},"replicas":2})");
  EXPECT_EQ(merged_spec(R"({"securityContext":{"runAsUser":1}})", R"({"securityContext":{"$patch":"delete"}})"),
            R"({"securityContext":{}})");
  EXPECT_EQ(
      merged_spec(R"({"securityContext":{"runAsUser":1}})", R"({"securityContext":{"$patch":"merge","fsGroup":2}})"),
      R"({"securityContext":{"runAsUser":1,"fsGroup":2}})");
  EXPECT_EQ(merged_spec(R"({"hostname":"a"})", R"({"$patch":"replace","subdomain":"b"})"), R"({"subdomain":"b"})");
}

TEST(StrategicMerge, RetainedKeysPushOutAllOthers) {
  EXPECT_EQ(merged_spec(R"({"volumes":[{"name":"v","emptyDir":{"medium":"Memory"}},{"name":"w"}]})",
                        R"({"$setElementOrder/volumes":[{"name":"v"},{"name":"w"}],"volumes":[)"
                        R"({"$retainKeys":["hostPath","name"],"emptyDir":null,"hostPath":{"path":"/x"},"name":"v"}]})"),
            R"({"volumes":[{"name":"v","hostPath":{"path":"/x"}},{"name":"w"}]})");
  EXPECT_EQ(merged_spec(R"({"volumes":[{"name":"v"}]})",
                        R"({"volumes":[{"$retainKeys":["name"],"name":"v","emptyDir":{}}]})"),
            "error: invalid patch format of retainKeys");
  EXPECT_EQ(error_of(R"({"volumes":[{"name":"v"}]})", R"({"volumes":[{"$retainKeys":"name","name":"v"}]})"),
            ErrorCode::InvalidArgument);
}

TEST(StrategicMerge, TheOrderOfAListIsAsThePatchSaysAndTheLiveListFillsIn) {
  // The examples of "preserve order in strategic merge patch".
  const auto list = [](std::initializer_list<std::string_view> names) {
    std::string text;
    for (const auto name : names) text += fmt::format(R"({}{{"name":"{}"}})", text.empty() ? "" : ",", name);
    return text;
  };
  const auto ordered = [&](std::initializer_list<std::string_view> live, std::initializer_list<std::string_view> patch,
                           std::initializer_list<std::string_view> order) {
    return merged_spec(
        fmt::format(R"({{"containers":[{}]}})", list(live)),
        fmt::format(R"({{"$setElementOrder/containers":[{}],"containers":[{}]}})", list(order), list(patch)));
  };
  const auto expected = [&](std::initializer_list<std::string_view> names) {
    return fmt::format(R"({{"containers":[{}]}})", list(names));
  };
  EXPECT_EQ(ordered({"a", "b", "c"}, {}, {"c", "b", "a"}), expected({"c", "b", "a"}));
  EXPECT_EQ(ordered({"a", "b"}, {"n"}, {"n", "a", "b"}), expected({"n", "a", "b"}));
  EXPECT_EQ(ordered({"s", "a", "t", "b", "u"}, {}, {"a", "b"}), expected({"s", "a", "t", "b", "u"}));  // server's stay
  EXPECT_EQ(ordered({"s", "a", "t", "b"}, {}, {"b", "a"}), expected({"s", "t", "b", "a"}));
  EXPECT_EQ(ordered({"a", "s"}, {"n"}, {"a", "n"}), expected({"a", "n", "s"}));
  EXPECT_EQ(ordered({}, {"b", "a"}, {"b", "a"}), expected({"b", "a"}));
}

TEST(StrategicMerge, WhatThePatchGivesMustBeInItsOrder) {
  const auto* live = R"({"containers":[{"name":"a"}]})";
  EXPECT_THAT(merged_spec(live, R"({"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"z"}]})"),
              HasSubstr("doesn't match $setElementOrder list"));
  EXPECT_EQ(error_of(live, R"({"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],
                               "containers":[{"name":"b"},{"name":"a"}]})"),
            ErrorCode::FailedPrecondition);
  EXPECT_EQ(error_of(live, R"({"$setElementOrder/containers":"a"})"), ErrorCode::InvalidArgument);
  // What is deleted need not be listed.
  EXPECT_EQ(
      merged_spec(R"({"containers":[{"name":"a"},{"name":"b"}]})", R"({"$setElementOrder/containers":[{"name":"a"}],)"
                                                                   R"("containers":[{"$patch":"delete","name":"b"}]})"),
      live);
}

TEST(StrategicMerge, SetsOfScalarsMergeAndLoseWhatIsNamed) {
  EXPECT_EQ(merged("ObjectMeta", R"({"finalizers":["a","b"]})", R"({"finalizers":["c","a"]})"),
            R"({"finalizers":["c","a","b"]})");
  EXPECT_EQ(merged("ObjectMeta", R"({"finalizers":["a","b","c"]})",
                   R"({"$deleteFromPrimitiveList/finalizers":["b","z"],"$setElementOrder/finalizers":["c","a"]})"),
            R"({"finalizers":["c","a"]})");
  EXPECT_EQ(merged("ObjectMeta", R"({"finalizers":["a"]})", R"({"$deleteFromPrimitiveList/finalizers":["a"]})"), "{}");
  EXPECT_EQ(merged("ObjectMeta", "{}", R"({"$deleteFromPrimitiveList/finalizers":["a"]})"), "{}");
  EXPECT_EQ(merged("ObjectMeta", R"({"finalizers":["a"]})", R"({"$deleteFromPrimitiveList/finalizers":"a"})"),
            "error: invalid patch format of primitive list");
}

TEST(StrategicMerge, WhatComesToAnEmptyPlaceCarriesNoDirectives) {
  EXPECT_EQ(merged("StatefulSetSpec", "{}",
                   R"({"template":{"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[
                       {"name":"a","resources":null,"$retainKeys":["name"]},{"$patch":"delete","name":"b"}]}}})"),
            R"({"template":{"spec":{"containers":[{"name":"a"}]}}})");
  EXPECT_EQ(merged_spec(R"({"containers":[]})",
                        R"({"containers":[{"name":"a","$setElementOrder/env":[{"name":"X"}],"env":[{"name":"X"}]}]})"),
            R"({"containers":[{"name":"a","env":[{"name":"X"}]}]})");
}

TEST(StrategicMerge, ThePatchOfAChangedStatefulSetApplies) {
  // As kubectl apply sent it, see the notes on kubectl's requests.
  EXPECT_EQ(
      merged("StatefulSet", R"({"spec":{"template":{"spec":{"containers":[{"name":"c1","image":"a","args":["x"],
        "env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"resources":{"limits":{"cpu":"1"}},
        "ports":[{"containerPort":80,"protocol":"TCP"}]}],"initContainers":[{"name":"i"}],
        "volumes":[{"name":"v","emptyDir":{}}]}}}})",
             R"({"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c1"}],
        "$setElementOrder/volumes":[{"name":"v"}],"containers":[{"$setElementOrder/env":[{"name":"B"},{"name":"C"}],
        "$setElementOrder/ports":[{"containerPort":81}],"args":["y","z"],"env":[{"name":"C","value":"3"},
        {"$patch":"delete","name":"A"}],"name":"c1","ports":[{"containerPort":81,"name":"http"},
        {"$patch":"delete","containerPort":80}],"resources":null}],"initContainers":null,
        "volumes":[{"$retainKeys":["hostPath","name"],"emptyDir":null,"hostPath":{"path":"/d"},"name":"v"}]}}}})"),
      R"({"spec":{"template":{"spec":{"containers":[{"name":"c1","image":"a","args":["y","z"],)"
      R"("env":[{"name":"B","value":"2"},{"name":"C","value":"3"}],"ports":[{"containerPort":81,"name":"http"}]}],)"
      R"("volumes":[{"name":"v","hostPath":{"path":"/d"}}]}}}})");
}

TEST(StrategicMerge, ErrorsAreInUpstreamsWords) {
  const auto* live = R"({"containers":[{"name":"a"}],"volumes":{"not":"a list"}})";
  EXPECT_THAT(merged_spec(live, R"({"containers":[{"image":"b"}]})"),
              HasSubstr("does not contain declared merge key: name"));
  EXPECT_EQ(merged_spec(live, R"({"containers":["a"]})"),
            "error: expected a map[string]interface {}, but received a string");
  EXPECT_EQ(merged_spec(live, R"({"containers":[["a"]]})"), "error: lists of lists are not supported");
  EXPECT_EQ(merged_spec(live, R"({"$setElementOrder/volumes":[{"name":"a"}]})"),
            "error: expected a []interface {}, but received a map[string]interface {}");
  EXPECT_EQ(merged_spec(live, R"({"securityContext":{},"containers":[{"name":"a","$patch":"explode"}]})"),
            R"(error: unknown patch type: "explode" in map: {"name":"a","$patch":"explode"})");
  EXPECT_EQ(error_of(live, R"({"containers":[{"image":"b"}]})"), ErrorCode::FailedPrecondition);
  EXPECT_EQ(error_of(live, R"({"$patch":7})"), ErrorCode::InvalidArgument);
}

TEST(StrategicMerge, ALongListTakesNoQuadraticTime) {
  constexpr int kElements = 30'000;
  std::string names;
  for (int i = 0; i < kElements; ++i) names += fmt::format(R"({}{{"name":"e{}"}})", i == 0 ? "" : ",", i);
  const auto text = fmt::format(R"({{"$setElementOrder/env":[{0}],"env":[{0}]}})", names);
  auto target = object(fmt::format(R"({{"env":[{}]}})", names));
  ASSERT_TRUE(apply_strategic_merge(&schema_type("Container"), target, object(text)));
  EXPECT_EQ(target.at("env").get_array().size(), static_cast<std::size_t>(kElements));
}

}  // namespace
}  // namespace berth::model
