// tests/cli/text_test.cpp - what the command line prints and how it reads its words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "cli/describe_text.hpp"
#include "cli/http_client.hpp"
#include "cli/resources.hpp"
#include "cli/table_text.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {
namespace {

using testing::HasSubstr;

json::value value(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::value();
}

TEST(Yaml, KeysAreSortedAndListsStandUnderTheirKey) {
  EXPECT_EQ(
      to_yaml(value(R"({"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"name":"c","args":["a","b"],"ports":[]}],
      "n":{},"replicas":3,"on":true,"nothing":null}})")),
      "apiVersion: v1\n"
      "kind: Pod\n"
      "spec:\n"
      "  containers:\n"
      "  - args:\n"
      "    - a\n"
      "    - b\n"
      "    name: c\n"
      "    ports: []\n"
      "  \"n\": {}\n"
      "  nothing: null\n"
      "  \"on\": true\n"
      "  replicas: 3\n");
}

TEST(Yaml, EveryStringReadsBackAsItself) {
  for (const std::string text : {"",
                                 "true",
                                 "no",
                                 "~",
                                 "1",
                                 "1.5",
                                 "0x1f",
                                 "1e3",
                                 "12:30:45",
                                 "2026-11-21",
                                 "- a",
                                 "-",
                                 "-x",
                                 "a: b",
                                 "a:",
                                 "a #b",
                                 "#x",
                                 " lead",
                                 "trail ",
                                 "it's",
                                 "say \"hi\"",
                                 "both ' and \"",
                                 "back\\slash",
                                 "tab\there",
                                 "line\nbreak",
                                 "line\nbreak\n",
                                 "keep\n\n",
                                 "\nfirst empty",
                                 "  indented\nblock",
                                 "trailing \nblank",
                                 "*alias",
                                 "&anchor",
                                 "!tag",
                                 "%dir",
                                 "@at",
                                 "`tick",
                                 "{a}",
                                 "[a]",
                                 "|",
                                 ">",
                                 "=",
                                 "<<",
                                 "?",
                                 "? x",
                                 "\x01",
                                 "\x7f",
                                 "\xc3\xa9t\xc3\xa9",
                                 "a,b",
                                 "null",
                                 ".5",
                                 "+1",
                                 "e3",
                                 "0o17",
                                 "017",
                                 "1_000",
                                 "71f4059a-2469-4e3d-bd49-c0802c7b87e4",
                                 "yes\nno"}) {
    const json::object document{{"key", text}, {"list", json::array{text, json::object{{"deep", text}}}}};
    const auto yaml = to_yaml(document);
    const auto read = YAML::Load(yaml);
    EXPECT_EQ(read["key"].as<std::string>(), text) << yaml;
    EXPECT_EQ(read["list"][0].as<std::string>(), text) << yaml;
    EXPECT_EQ(read["list"][1]["deep"].as<std::string>(), text) << yaml;
  }
}

TEST(Yaml, NestedListsReadBack) {
  const auto read = YAML::Load(to_yaml(value(R"({"a":[[1,2],[3,[4]]],"b":[[]]})")));
  EXPECT_EQ(read["a"][1][1][0].as<int>(), 4);
  EXPECT_EQ(read["b"][0].size(), 0U);
}

TEST(Json, PrettyTextIsSortedAndReadsBack) {
  const auto document = value(R"({"b":[1,{"c":null}],"a":{}})");
  const auto text = to_pretty_json(document);
  EXPECT_EQ(text,
            "{\n    \"a\": {},\n    \"b\": [\n        1,\n        {\n            \"c\": null\n        }\n    ]\n}\n");
  EXPECT_EQ(value(text), document);
}

TEST(Resources, WordsMeanKindsAndNames) {
  const auto names = [](std::vector<std::string> words) {
    const auto refs = parse_resources(words);
    std::string out;
    if (!refs) return refs.error().message();
    for (const auto& ref : *refs) out += display_name(*ref.kind, ref.name) + " ";
    return out;
  };
  EXPECT_EQ(names({"pods"}), "pod/ ");
  EXPECT_EQ(names({"sts", "a", "b"}), "statefulset.apps/a statefulset.apps/b ");
  EXPECT_EQ(names({"po,svc"}), "pod/ service/ ");
  EXPECT_EQ(names({"pod/a", "ds/b"}), "pod/a daemonset.apps/b ");
  EXPECT_EQ(names({"all"}),
            "pod/ replicationcontroller/ service/ daemonset.apps/ deployment.apps/ replicaset.apps/ statefulset.apps/ "
            "horizontalpodautoscaler.autoscaling/ cronjob.batch/ job.batch/ ");
  EXPECT_EQ(names({"statefulsets.apps"}), "statefulset.apps/ ");
  EXPECT_EQ(names({"foo"}), "the server doesn't have a resource type \"foo\"");
  EXPECT_FALSE(parse_resources({"pod/a", "b"}));
  EXPECT_FALSE(parse_resources({"pod/"}));
}

TEST(Resources, PathsNameGroupNamespaceAndObject) {
  EXPECT_EQ(resource_path(model::info(model::Kind::Pod), "a", "x"), "/api/v1/namespaces/a/pods/x");
  EXPECT_EQ(resource_path(model::info(model::Kind::StatefulSet), "", ""), "/apis/apps/v1/statefulsets");
  EXPECT_EQ(resource_path(model::info(model::Kind::Node), "a", "n"), "/api/v1/nodes/n");
  EXPECT_EQ(resource_path(model::info(model::Kind::Pod), "a", "../x"), "/api/v1/namespaces/a/pods/..%2Fx");
}

TEST(Table, ColumnsAreAlignedAndWideOnesHidden) {
  const auto table =
      value(R"({"columnDefinitions":[{"name":"Name","format":"name","priority":0},{"name":"Ready","priority":0},
      {"name":"Node","priority":1}],"rows":[{"cells":["web-0","1/1","n1"],"object":{"metadata":{"namespace":"shop",
      "labels":{"b":"2","a":"1"}}}},{"cells":["a-long-name",3,"n2"],"object":{"metadata":{"namespace":"x"}}}]})");
  TableText plain({});
  plain.add(table);
  EXPECT_EQ(plain.take(), "NAME          READY\nweb-0         1/1\na-long-name   3\n");
  TableStyle style;
  style.wide = style.namespaces = style.labels = true;
  style.name_prefix = "pod/";
  TableText full(style);
  full.add(table);
  EXPECT_EQ(full.take(),
            "NAMESPACE   NAME              READY   NODE   LABELS\n"
            "shop        pod/web-0         1/1     n1     a=1,b=2\n"
            "x           pod/a-long-name   3       n2     <none>\n");
}

TEST(Table, LabelsAndEventsCanBeColumns) {
  TableStyle style;
  style.events = true;
  style.label_columns = {"example.com/tier"};
  TableText text(style);
  text.add(value(R"({"columnDefinitions":[{"name":"Name","format":"name","priority":0}],"rows":[{"cells":["a"],"object":
      {"metadata":{"labels":{"example.com/tier":"front"}}}}]})"),
           "ADDED");
  EXPECT_EQ(text.take(), "EVENT   NAME   TIER\nADDED   a      front\n");
}

TEST(Table, TextFromOutsideCannotDriveTheTerminal) {
  TableStyle style;
  style.headers = false;
  TableText table(style);
  table.add(value(R"({"columnDefinitions":[{"name":"Message","priority":0}],"rows":[{"cells":["a\u001b[31m\nb"]}]})"));
  EXPECT_EQ(table.take(), "a [31m b\n");
}

TEST(Describe, APodShowsWhyItsContainerDoesNotRun) {
  const auto text =
      describe_object(model::info(model::Kind::Pod), value(R"({"metadata":{"name":"web-0","namespace":"shop"},
      "spec":{"nodeName":"n1","containers":[{"name":"c","image":"nginx:1","env":[{"name":"P","valueFrom":{"secretKeyRef":
      {"name":"s","key":"k"}}}]}]},"status":{"phase":"Pending","containerStatuses":[{"name":"c","restartCount":3,"ready":false,
      "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 10s"}},"lastState":{"terminated":{"exitCode":1,
      "reason":"Error"}}}]}})"),
                      {});
  for (const auto* wanted : {"Name:         web-0\n", "Namespace:    shop\n", "\n    State:          Waiting\n",
                             "\n      Reason:       CrashLoopBackOff\n", "\n      Message:      back-off 10s\n",
                             "\n    Last State:     Terminated\n", "\n      Exit Code:    1\n", "Restart Count:  3\n",
                             "<set to the key 'k' in secret 's'>"}) {
    EXPECT_THAT(text, HasSubstr(wanted));
  }
}

TEST(Describe, ADeploymentAndItsReplicaSets) {
  Related related;
  related.sets = {value(R"({"metadata":{"name":"web-a","ownerReferences":[{"uid":"u"}],
      "annotations":{"deployment.kubernetes.io/revision":"1"}},"spec":{"replicas":0}})"),
                  value(R"({"metadata":{"name":"web-b","ownerReferences":[{"uid":"u"}],
      "annotations":{"deployment.kubernetes.io/revision":"2"}},"spec":{"replicas":3},"status":{"replicas":2}})")};
  const auto text = describe_object(
      model::info(model::Kind::Deployment),
      value(R"({"metadata":{"name":"web","namespace":"shop","uid":"u"},"spec":{"replicas":3,"selector":{"matchLabels":
      {"app":"web"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}},
      "status":{"replicas":2,"updatedReplicas":2,"availableReplicas":1,"unavailableReplicas":2,
      "conditions":[{"type":"Available","status":"False","reason":"MinimumReplicasUnavailable"}]}})"),
      related);
  for (const auto* wanted :
       {"Selector:               app=web\n", "3 desired | 2 updated | 2 total | 1 available | 2 unavailable\n",
        "RollingUpdateStrategy:  1 max unavailable, 25% max surge\n",
        "Available      False   MinimumReplicasUnavailable\n", "OldReplicaSets:  web-a (0/0 replicas created)\n",
        "NewReplicaSet:   web-b (2/3 replicas created)\n"}) {
    EXPECT_THAT(text, HasSubstr(wanted));
  }
  EXPECT_THAT(describe_object(model::info(model::Kind::ReplicationController),
                              value(R"({"metadata":{"name":"rc"},"spec":{"replicas":2,"selector":{"app":"rc"}}})"), {}),
              HasSubstr("app=rc"));
}

TEST(Describe, AnAutoscalerShowsWhatIsUsedHowFastItGoesAndWhatItSays) {
  const auto text = describe_object(
      model::info(model::Kind::HorizontalPodAutoscaler),
      value(
          R"({"metadata":{"name":"web","namespace":"shop"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},
      "minReplicas":2,"maxReplicas":9,"metrics":[
      {"type":"Pods","pods":{"metric":{"name":"requests"},"target":{"type":"AverageValue","averageValue":"5"}}},
      {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}},
      {"type":"ContainerResource","containerResource":{"name":"memory","container":"c","target":{"averageValue":"9Mi"}}}],
      "behavior":{"scaleUp":{"stabilizationWindowSeconds":0,"selectPolicy":"Max","policies":[
      {"type":"Pods","value":4,"periodSeconds":15}]}}},
      "status":{"currentReplicas":2,"desiredReplicas":4,"currentMetrics":[{"type":""},
      {"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":61,"averageValue":"61m"}}}],
      "conditions":[{"type":"ScalingActive","status":"True","reason":"ValidMetricFound","message":"well"}]}})"),
      {});
  for (const auto* wanted :
       {"Deployment/web\n", "( current / target )\n", "\"requests\" on pods:", "<unknown> / 5\n",
        "resource cpu on pods  (as a percentage of request):", "61% (61m) / 50%\n",
        "resource memory of container \"c\" on pods:", "<unknown> / 9Mi\n", "    Stabilization Window: 0 seconds\n",
        "- Type: Pods  Value: 4  Period: 15 seconds\n", "2 current / 4 desired\n", "ValidMetricFound"}) {
    EXPECT_THAT(text, HasSubstr(wanted));
  }
}

TEST(Describe, ASecretShowsNoValue) {
  const auto text =
      describe_object(model::info(model::Kind::Secret),
                      value(R"({"metadata":{"name":"s","namespace":"a"},"data":{"password":"aHVudGVyMg=="}})"), {});
  EXPECT_THAT(text, HasSubstr("password"));
  EXPECT_THAT(text, testing::Not(HasSubstr("aHVudGVyMg")));
}

TEST(Describe, FieldsOfAWrongTypeNeverHurt) {
  for (const auto& kind : model::all_kinds()) {
    describe_object(kind, value(R"({"metadata":3,"spec":{"containers":[1,{"env":"x","resources":[]}],"volumes":[null],
        "template":[],"taints":[2],"ports":{}},"status":[],"data":7})"),
                    {});
  }
}

TEST(Replies, FailuresAreWordedAsKubectlDoes) {
  const auto read = read_reply({.code = 404,
                                .body = R"({"kind":"Status","reason":"NotFound","message":"pods \"x\" not found"})",
                                .warnings = {}});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::NotFound);
  EXPECT_EQ(read.error().message(), "Error from server (NotFound): pods \"x\" not found");
}

}  // namespace
}  // namespace berth::cli
