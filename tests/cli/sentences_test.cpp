// tests/cli/sentences_test.cpp - what commands say about objects, word for word as kubectl does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/ages.hpp"
#include "cli/create_job.hpp"
#include "cli/drain_plan.hpp"
#include "cli/event_text.hpp"
#include "cli/label_text.hpp"
#include "cli/messages.hpp"
#include "cli/plan_text.hpp"
#include "cli/rollout_text.hpp"
#include "cli/run_pod.hpp"
#include "cli/selection.hpp"
#include "cli/tab_text.hpp"
#include "cli/top_text.hpp"

namespace berth::cli {
namespace {

using testing::ElementsAre;

json::value value(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::value();
}

std::string rollout(model::Kind kind, std::string_view text) {
  const auto state = rollout_state(model::info(kind), value(text));
  if (!state) return state.error().message();
  return (state->done ? "done: " : "") + state->sentence;
}

TEST(Rollout, AStatefulSetsWay) {
  const auto set = [](std::string_view status, std::string_view rolling = R"(,"rollingUpdate":{"partition":0})") {
    return rollout(
        model::Kind::StatefulSet,
        std::string(R"({"metadata":{"generation":2},"spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate")")
            .append(rolling)
            .append(R"(}},"status":{)")
            .append(status)
            .append("}}"));
  };
  EXPECT_EQ(set(R"("observedGeneration":1)"), "Waiting for statefulset spec update to be observed...\n");
  EXPECT_EQ(set(R"("observedGeneration":2,"readyReplicas":1)"), "Waiting for 2 pods to be ready...\n");
  EXPECT_EQ(set(R"("observedGeneration":2,"readyReplicas":3,"updatedReplicas":1)"),
            "Waiting for partitioned roll out to finish: 1 out of 3 new pods have been updated...\n");
  EXPECT_EQ(set(R"("observedGeneration":2,"readyReplicas":3,"updatedReplicas":3)"),
            "done: partitioned roll out complete: 3 new pods have been updated...\n");
  EXPECT_EQ(
      set(R"("observedGeneration":2,"readyReplicas":3,"updatedReplicas":1,"updateRevision":"web-b","currentRevision":"web-a")",
          ""),
      "waiting for statefulset rolling update to complete 1 pods at revision web-b...\n");
  EXPECT_EQ(
      set(R"("observedGeneration":2,"readyReplicas":3,"currentReplicas":3,"updateRevision":"web-b","currentRevision":"web-b")",
          ""),
      "done: statefulset rolling update complete 3 pods at revision web-b...\n");
  EXPECT_EQ(rollout(model::Kind::StatefulSet, R"({"spec":{"updateStrategy":{"type":"OnDelete"}}})"),
            "rollout status is only available for RollingUpdate strategy type");
}

TEST(Rollout, ADaemonSetsWay) {
  const auto set = [](std::string_view status) {
    return rollout(
        model::Kind::DaemonSet,
        std::string(
            R"({"metadata":{"name":"agent","generation":1},"spec":{"updateStrategy":{"type":"RollingUpdate"}},"status":{)")
            .append(status)
            .append("}}"));
  };
  EXPECT_EQ(set(""), "Waiting for daemon set spec update to be observed...\n");
  EXPECT_EQ(set(R"("observedGeneration":1,"desiredNumberScheduled":2,"updatedNumberScheduled":1)"),
            "Waiting for daemon set \"agent\" rollout to finish: 1 out of 2 new pods have been updated...\n");
  EXPECT_EQ(set(R"("observedGeneration":1,"desiredNumberScheduled":2,"updatedNumberScheduled":2,"numberAvailable":1)"),
            "Waiting for daemon set \"agent\" rollout to finish: 1 of 2 updated pods are available...\n");
  EXPECT_EQ(set(R"("observedGeneration":1,"desiredNumberScheduled":2,"updatedNumberScheduled":2,"numberAvailable":2)"),
            "done: daemon set \"agent\" successfully rolled out\n");
}

TEST(Rollout, ADeploymentsWay) {
  const auto deployment = [](std::string_view status) {
    return rollout(model::Kind::Deployment,
                   std::string(R"({"metadata":{"name":"web","generation":2},"spec":{"replicas":3},
        "status":{)")
                       .append(status)
                       .append("}}"));
  };
  EXPECT_EQ(deployment(R"("observedGeneration":1)"), "Waiting for deployment spec update to be observed...\n");
  EXPECT_EQ(deployment(R"("observedGeneration":2,"updatedReplicas":1)"),
            "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated...\n");
  EXPECT_EQ(deployment(R"("observedGeneration":2,"updatedReplicas":3,"replicas":4)"),
            "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination...\n");
  EXPECT_EQ(deployment(R"("observedGeneration":2,"updatedReplicas":3,"replicas":3,"availableReplicas":2)"),
            "Waiting for deployment \"web\" rollout to finish: 2 of 3 updated replicas are available...\n");
  EXPECT_EQ(deployment(R"("observedGeneration":2,"updatedReplicas":3,"replicas":3,"availableReplicas":3)"),
            "done: deployment \"web\" successfully rolled out\n");
  EXPECT_EQ(deployment(R"("observedGeneration":2,"updatedReplicas":3,"conditions":[{"type":"Progressing",
      "status":"False","reason":"ProgressDeadlineExceeded"}])"),
            "deployment \"web\" exceeded its progress deadline");
}

TEST(Rollout, ADeploymentsRevisionsAreItsReplicaSetsWithoutTheirHash) {
  const auto all = value(R"([{"metadata":{"name":"web-b","ownerReferences":[{"uid":"u"}],
      "annotations":{"deployment.kubernetes.io/revision":"12"}},
      "spec":{"template":{"metadata":{"labels":{"app":"web","pod-template-hash":"b"}},"spec":{}}}},
    {"metadata":{"name":"web-a","ownerReferences":[{"uid":"u"}],
      "annotations":{"deployment.kubernetes.io/revision":"9","kubernetes.io/change-cause":"first"}},"spec":{}},
    {"metadata":{"name":"new","ownerReferences":[{"uid":"u"}]},"spec":{}},
    {"metadata":{"name":"other","ownerReferences":[{"uid":"o"}],
      "annotations":{"deployment.kubernetes.io/revision":"1"}},"spec":{}}])");
  const auto revisions = revisions_of_deployment(value(R"({"metadata":{"uid":"u"}})"), all.get_array());
  EXPECT_EQ(revision_table(revisions), "REVISION  CHANGE-CAUSE\n9         first\n12        <none>\n");
  EXPECT_EQ(json::serialize(revision_to_restore(revisions, 12)->at("data").at("spec").at("template")),
            R"({"metadata":{"labels":{"app":"web"}},"spec":{}})");
}

TEST(Rollout, RevisionsBelongToTheirSetAndAreInOrder) {
  const auto all = value(R"([{"revision":2,"metadata":{"ownerReferences":[{"uid":"u"}]}},
    {"revision":1,"metadata":{"ownerReferences":[{"uid":"u"}],"annotations":{"kubernetes.io/change-cause":"first"}}},
    {"revision":9,"metadata":{"ownerReferences":[{"uid":"other"}]}},{"revision":3,"metadata":{}}])");
  const auto revisions = revisions_of(value(R"({"metadata":{"uid":"u"}})"), all.get_array());
  EXPECT_EQ(revision_table(revisions), "REVISION  CHANGE-CAUSE\n1         first\n2         <none>\n");
  EXPECT_EQ(revision_to_restore(revisions, 0)->at("revision"), 1);
  EXPECT_EQ(revision_to_restore(revisions, 2)->at("revision"), 2);
  EXPECT_EQ(revision_to_restore(revisions, 7).error().message(), "unable to find specified revision 7 in history");
  EXPECT_FALSE(revision_to_restore({}, 0));
}

TEST(Labels, WordsAreObjectsThenChanges) {
  const auto words = split_label_words({"pod", "web-0", "a=1", "b-", "c="});
  ASSERT_TRUE(words);
  EXPECT_THAT(words->objects, ElementsAre("pod", "web-0"));
  ASSERT_EQ(words->changes.size(), 3U);
  EXPECT_EQ(words->changes[0].value, "1");
  EXPECT_EQ(words->changes[1].key, "b");
  EXPECT_FALSE(words->changes[1].value);
  EXPECT_EQ(words->changes[2].value, "");
  EXPECT_FALSE(split_label_words({"pod", "a=1", "web-0"}));
  EXPECT_FALSE(split_label_words({"pod", "x", "a=1", "a-"}));
}

TEST(Labels, OnlyWhatChangesIsSentAndOtherValuesAreKept) {
  const auto pod = value(R"({"metadata":{"labels":{"a":"1","b":"2"}}})");
  EXPECT_EQ(json::serialize(*label_patch(pod, "labels", {{"a", "1"}, {"b", std::nullopt}, {"c", "3"}}, false)),
            R"({"metadata":{"labels":{"b":null,"c":"3"}}})");
  EXPECT_TRUE(label_patch(pod, "labels", {{"a", "1"}, {"x", std::nullopt}}, false)->empty());
  EXPECT_EQ(label_patch(pod, "labels", {{"a", "9"}}, false).error().message(),
            "'a' already has a value (1), and --overwrite is false");
  EXPECT_TRUE(label_patch(pod, "labels", {{"a", "9"}}, true));
}

TEST(Drain, SaysWhatStandsInTheWay) {
  const auto pods = value(R"([
    {"metadata":{"namespace":"a","name":"web-0","ownerReferences":[{"kind":"StatefulSet","controller":true}]},"status":{"phase":"Running"}},
    {"metadata":{"namespace":"a","name":"agent-x","ownerReferences":[{"kind":"DaemonSet","controller":true}]},"status":{"phase":"Running"}},
    {"metadata":{"namespace":"a","name":"alone"},"spec":{"volumes":[{"emptyDir":{}}]},"status":{"phase":"Running"}},
    {"metadata":{"namespace":"a","name":"ended"},"status":{"phase":"Succeeded"}}])");
  EXPECT_THAT(plan_drain(pods.get_array(), {}).errors,
              ElementsAre("cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): a/agent-x",
                          "cannot delete Pods with local storage (use --delete-emptydir-data to override): a/alone",
                          "cannot delete Pods that declare no controller (use --force to override): a/alone"));
  const auto plan = plan_drain(pods.get_array(), {true, true, true});
  EXPECT_TRUE(plan.errors.empty());
  EXPECT_EQ(plan.evict.size(), 3U);
  EXPECT_EQ(plan.warning,
            "ignoring DaemonSet-managed Pods: a/agent-x; deleting Pods with local storage: a/alone; deleting Pods that "
            "declare no controller: a/alone");
}

TEST(Ages, AreRoundedAsKubernetesDoes) {
  const auto text = [](std::int64_t seconds) { return human_duration(std::chrono::seconds(seconds)); };
  EXPECT_EQ(text(119), "119s");
  EXPECT_EQ(text(120), "2m");
  EXPECT_EQ(text(330), "5m30s");
  EXPECT_EQ(text(3600), "60m");
  EXPECT_EQ(text(3 * 3600 + 5 * 60), "3h5m");
  EXPECT_EQ(text(50 * 3600), "2d2h");
  EXPECT_EQ(text(400L * 86400), "400d");
  EXPECT_EQ(text(-5), "<invalid>");
  EXPECT_EQ(age_text("2026-11-21T13:00:00Z", *parse_time("2026-11-21T13:01:30.5Z")), "90s");
  EXPECT_EQ(age_text("", {}), "<unknown>");
}

TEST(Events, CountAndSpanAreShown) {
  const auto now = *parse_time("2026-11-21T13:10:00Z");
  const auto event = value(
      R"({"type":"Warning","reason":"BackOff","message":"again\n","count":3,"firstTimestamp":"2026-11-21T13:00:00Z",
    "lastTimestamp":"2026-11-21T13:09:00Z","involvedObject":{"kind":"Pod","name":"web-0"},"source":{"component":"berthd"}})");
  EXPECT_EQ(event_line(event, false, now), "60s (x3 over 10m)\tWarning\tBackOff\tPod/web-0\tagain\n");
  EXPECT_EQ(event_section({}, now), "Events:\t<none>\n");
  EXPECT_EQ(align_tabs(event_section({event}, now), 0, 2),
            "Events:\n"
            "  Type     Reason   Age                From    Message\n"
            "  ----     ------   ----               ----    -------\n"
            "  Warning  BackOff  60s (x3 over 10m)  berthd  again\n");
}

TEST(Top, PodsAreSummedAndNodesHaveShares) {
  const std::vector<json::value> pods{value(R"({"metadata":{"name":"web-0","namespace":"a"},"containers":[
    {"name":"main","usage":{"cpu":"1500000n","memory":"2048Ki"}},{"name":"side","usage":{"cpu":"2m","memory":"1Mi"}}]})")};
  EXPECT_EQ(top_pods(pods, {}), "NAME    CPU(cores)   MEMORY(bytes)   \nweb-0   4m           3Mi             \n");
  TopStyle style;
  style.containers = true;
  EXPECT_EQ(top_pods(pods, style),
            "POD     NAME   CPU(cores)   MEMORY(bytes)   \nweb-0   main   2m           2Mi             \nweb-0   side  "
            " 2m           1Mi             \n");
  EXPECT_EQ(
      top_nodes({value(R"({"metadata":{"name":"bed"},"usage":{"cpu":"500m","memory":"512Mi"}})")},
                {value(R"({"metadata":{"name":"bed"},"status":{"allocatable":{"cpu":"2","memory":"1Gi"}}})")}, {}),
      "NAME   CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   \nbed    500m         25%      512Mi           50%     "
      "    \n");
}

TEST(Run, MakesThePodThatKubectlMakes) {
  RunPod run;
  run.name = "p";
  run.image = "busybox";
  run.restart = "Never";
  run.env = {"A=b=c"};
  run.args = {"sh", "-c", "x"};
  run.command = run.has_stdin = run.tty = true;
  EXPECT_EQ(*run.to_json(), value(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"run":"p"}},
    "spec":{"containers":[{"name":"p","image":"busybox","resources":{},"command":["sh","-c","x"],"env":[{"name":"A","value":"b=c"}],
    "stdin":true,"stdinOnce":true,"tty":true}],"restartPolicy":"Never"}})"));
  run.env = {"A"};
  EXPECT_FALSE(run.to_json());
}

TEST(CreateJob, MakesTheJobThatKubectlMakes) {
  CreateJob job{.name = "now", .image = "busybox", .command = {"date"}};
  EXPECT_EQ(*job.to_json(),
            value(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"now"},"spec":{"template":{"spec":{
    "containers":[{"name":"now","image":"busybox","resources":{},"command":["date"]}],"restartPolicy":"Never"}}}})"));
  EXPECT_EQ(job.from_cron_job(value(R"({"metadata":{"name":"tidy","uid":"u"},"spec":{"jobTemplate":{
    "metadata":{"labels":{"a":"b"}},"spec":{"completions":2}}}})")),
            value(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"now","labels":{"a":"b"},
    "annotations":{"cronjob.kubernetes.io/instantiate":"manual"},"ownerReferences":[{"apiVersion":"batch/v1",
    "kind":"CronJob","name":"tidy","uid":"u","controller":true}]},"spec":{"completions":2}})"));
  job.image.clear();
  EXPECT_FALSE(job.to_json());
}

TEST(Selectors, AreWrittenAsAQuery) {
  EXPECT_EQ(selector_text(value(
                R"({"matchLabels":{"app":"web"},"matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]},
    {"key":"old","operator":"DoesNotExist"}]})")),
            "app=web,tier in (a,b),!old");
}

TEST(Tabs, AreGos) {
  EXPECT_EQ(align_tabs("a\tb\nccc\td\n", 0, 2), "a    b\nccc  d\n");
  EXPECT_EQ(align_tabs("a\tb\nplain\nccc\td\n", 0, 2), "a  b\nplain\nccc  d\n") << "a line without the column ends it";
  EXPECT_EQ(align_tabs("a\tb\t\n", 6, 3), "a     b     \n");
  EXPECT_EQ(align_tabs("x:\ta=1\n\tb=2\n", 0, 2), "x:  a=1\n    b=2\n");
  EXPECT_EQ(align_tabs("\xc3\xa9\tb\naa\tc\n", 0, 1), "\xc3\xa9  b\naa c\n");
  EXPECT_EQ(align_tabs("", 0, 2), "");
}

TEST(Failures, AreWordedFromTheStatus) {
  const auto message = [](unsigned code, std::string_view status) {
    return server_error(code, value(status)).message();
  };
  EXPECT_EQ(message(422, R"({"reason":"Invalid","message":"long","details":{"kind":"StatefulSet","name":"web","causes":[
    {"field":"spec","message":"Forbidden: no"}]}})"),
            "The StatefulSet \"web\" is invalid: spec: Forbidden: no");
  EXPECT_EQ(
      message(
          422,
          R"({"reason":"Invalid","details":{"kind":"Pod","name":"p","causes":[{"field":"a","message":"x"},{"field":"b","message":"y"}]}})"),
      "The Pod \"p\" is invalid: \n* a: x\n* b: y");
  EXPECT_EQ(message(401, R"({"reason":"Unauthorized","message":"Unauthorized"})"),
            "error: You must be logged in to the server (Unauthorized)");
  EXPECT_EQ(message(500, R"({"message":"odd"})"), "Error from server: odd");
  EXPECT_EQ(server_error(429, value(R"({"reason":"TooManyRequests"})")).code(), ErrorCode::ResourceExhausted);
  EXPECT_EQ(server_error(409, value(R"({"reason":"AlreadyExists"})")).code(), ErrorCode::AlreadyExists);
}

TEST(PlanText, ObjectsThenTheStepsOfEachWorkload) {
  const auto answer = *parse_json(R"({"objects":[
      {"kind":"Namespace","namespace":"","name":"shop","result":"create"},
      {"kind":"StatefulSet","namespace":"shop","name":"db","result":"update"},
      {"kind":"Deployment","namespace":"shop","name":"web","result":"refuse","message":"spec.replicas: no"}],
      "steps":[{"kind":"StatefulSet","namespace":"shop","name":"db","step":"stop db-1"},
      {"kind":"Job","namespace":"shop","name":"j","step":"start a pod of j"},
      {"kind":"StatefulSet","namespace":"shop","name":"db","step":"wait until db-1 is gone"}]})");
  const auto text = plan_text(answer);
  EXPECT_EQ(text.shown,
            "create    Namespace shop\n"
            "update    StatefulSet shop/db\n"
            "\nStatefulSet shop/db\n"
            "   1. stop db-1\n"
            "   2. wait until db-1 is gone\n"
            "\nJob shop/j\n"
            "   1. start a pod of j\n");
  EXPECT_EQ(text.refused, "error: Deployment shop/web would be refused: spec.replicas: no\n");
}

}  // namespace
}  // namespace berth::cli
