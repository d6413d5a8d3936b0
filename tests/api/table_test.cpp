// tests/api/table_test.cpp - rows and ages as kubectl users know them.
#include "api/tables/table.hpp"

#include <gtest/gtest.h>

#include "api/tables/human_duration.hpp"

namespace berth::api {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNow = *parse_rfc3339("2026-11-21T10:00:00Z");

/// The row of an object in namespace "a" made five minutes ago.
json::array row(std::string_view api_version, std::string_view kind, std::string_view rest) {
  const bool namespaced = model::find_kind(kind)->namespaced;
  auto raw = parse_json(fmt::format(
      R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":"x"{},"creationTimestamp":"2026-11-21T09:55:00Z"}},{}}})",
      api_version, kind, namespaced ? R"(,"namespace":"a")" : "", rest));
  EXPECT_TRUE(raw) << rest;
  auto object = model::make_object(raw->get_object());
  EXPECT_TRUE(object) << (object ? "" : object.error().message());
  auto cells = table_cells(*object, kNow);
  EXPECT_EQ(cells.size(), table_columns(object->kind).size()) << kind;
  return cells;
}

std::string cell(const json::array& cells, std::size_t i) {
  return cells.at(i).is_string() ? std::string(view(cells.at(i).get_string())) : json::serialize(cells.at(i));
}

std::string pod_status(std::string_view rest) {
  const auto cells = row("v1", "Pod", rest);
  return fmt::format("{} {} {}", cell(cells, 1), cell(cells, 2), cell(cells, 3));
}

TEST(HumanDuration, UsesAtMostTwoUnitsAsKubernetesDoes) {
  EXPECT_EQ(human_duration(seconds(-5)), "<invalid>");
  EXPECT_EQ(human_duration(seconds(-1)), "0s");
  EXPECT_EQ(human_duration(seconds(0)), "0s");
  EXPECT_EQ(human_duration(seconds(119)), "119s");
  EXPECT_EQ(human_duration(seconds(120)), "2m");
  EXPECT_EQ(human_duration(seconds(125)), "2m5s");
  EXPECT_EQ(human_duration(minutes(10) + seconds(59)), "10m");
  EXPECT_EQ(human_duration(minutes(179)), "179m");
  EXPECT_EQ(human_duration(minutes(200)), "3h20m");
  EXPECT_EQ(human_duration(hours(8)), "8h");
  EXPECT_EQ(human_duration(hours(47)), "47h");
  EXPECT_EQ(human_duration(hours(50)), "2d2h");
  EXPECT_EQ(human_duration(hours(24 * 8)), "8d");
  EXPECT_EQ(human_duration(hours(24 * 729)), "729d");
  EXPECT_EQ(human_duration(hours(24 * (365 * 2 + 3))), "2y3d");
  EXPECT_EQ(human_duration(hours(24 * 365 * 9)), "9y");
  EXPECT_EQ(age_since("", kNow), "<unknown>");
  EXPECT_EQ(age_since("2026-11-21T09:55:00Z", kNow), "5m");
}

TEST(PodRow, PhaseIsShownUntilContainersSayMore) {
  EXPECT_EQ(pod_status(R"("spec":{"containers":[{"name":"c"}]})"), "0/1 Pending 0");
  EXPECT_EQ(pod_status(R"("spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending","containerStatuses":[
      {"name":"c","restartCount":0,"state":{"waiting":{"reason":"ContainerCreating"}}}]})"),
            "0/1 ContainerCreating 0");
  EXPECT_EQ(pod_status(R"("spec":{"containers":[{"name":"c"}]},"status":{"phase":"Failed","reason":"Evicted"})"),
            "0/1 Evicted 0");
}

TEST(PodRow, RestartsTellWhenTheLastOneWas) {
  EXPECT_EQ(pod_status(R"("spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running","containerStatuses":[
      {"name":"c","ready":false,"restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
       "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-21T09:59:30Z"}}}]})"),
            "0/1 CrashLoopBackOff 3 (30s ago)");
}

TEST(PodRow, EndedContainersShowTheirReasonSignalOrCode) {
  const auto ended = [](std::string_view state) {
    return pod_status(fmt::format(R"("spec":{{"containers":[{{"name":"c"}}]}},"status":{{"phase":"Running",
        "containerStatuses":[{{"name":"c","restartCount":0,"state":{{"terminated":{}}}}}]}})",
                                  state));
  };
  EXPECT_EQ(ended(R"({"exitCode":0,"reason":"Completed"})"), "0/1 Completed 0");
  EXPECT_EQ(ended(R"({"exitCode":1,"reason":"Error"})"), "0/1 Error 0");
  EXPECT_EQ(ended(R"({"exitCode":3})"), "0/1 ExitCode:3 0");
  EXPECT_EQ(ended(R"({"exitCode":137,"signal":9})"), "0/1 Signal:9 0");
}

TEST(PodRow, OneCompletedContainerBesideARunningOneDependsOnReadiness) {
  const auto two = [](std::string_view ready) {
    return pod_status(
        fmt::format(R"("spec":{{"containers":[{{"name":"a"}},{{"name":"b"}}]}},"status":{{"phase":"Running",
        "conditions":[{{"type":"Ready","status":"{}"}}],"containerStatuses":[
        {{"name":"a","restartCount":0,"state":{{"terminated":{{"exitCode":0,"reason":"Completed"}}}}}},
        {{"name":"b","ready":true,"restartCount":0,"state":{{"running":{{}}}}}}]}})",
                    ready));
  };
  EXPECT_EQ(two("True"), "1/2 Running 0");
  EXPECT_EQ(two("False"), "1/2 NotReady 0");
}

TEST(PodRow, InitContainersAreCountedUntilTheyAreDone) {
  const auto init = [](std::string_view statuses) {
    return pod_status(
        fmt::format(R"("spec":{{"initContainers":[{{"name":"i"}},{{"name":"j"}}],"containers":[{{"name":"c"}}]}},
        "status":{{"phase":"Pending","initContainerStatuses":[{}]}})",
                    statuses));
  };
  EXPECT_EQ(init(R"({"name":"i","restartCount":0,"state":{"running":{}}})"), "0/1 Init:0/2 0");
  EXPECT_EQ(init(R"({"name":"i","restartCount":0,"state":{"terminated":{"exitCode":0}}},
                    {"name":"j","restartCount":0,"state":{"running":{}}})"),
            "0/1 Init:1/2 0");
  EXPECT_EQ(init(R"({"name":"i","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}})"),
            "0/1 Init:CrashLoopBackOff 2");
  EXPECT_EQ(init(R"({"name":"i","restartCount":0,"state":{"terminated":{"exitCode":1,"reason":"Error"}}})"),
            "0/1 Init:Error 0");
  EXPECT_EQ(init(R"({"name":"i","restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}})"),
            "0/1 Init:0/2 0");
}

TEST(PodRow, SidecarsCountAsContainers) {
  EXPECT_EQ(pod_status(R"("spec":{"initContainers":[{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"c"}]},
      "status":{"phase":"Running","initContainerStatuses":[{"name":"s","started":true,"ready":true,"restartCount":1,
      "state":{"running":{}}}],"containerStatuses":[{"name":"c","ready":true,"restartCount":0,"state":{"running":{}}}]})"),
            "2/2 Running 1");
}

TEST(PodRow, OnceInitialisedOnlySidecarsRestartsCountBesideTheContainers) {
  EXPECT_EQ(pod_status(R"("spec":{"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}],
      "containers":[{"name":"c"}]},"status":{"phase":"Running","initContainerStatuses":[
      {"name":"i","restartCount":5,"state":{"terminated":{"exitCode":0}},
       "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-21T09:59:50Z"}}},
      {"name":"s","started":true,"ready":true,"restartCount":1,"state":{"running":{}},
       "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-21T09:57:00Z"}}}],
      "containerStatuses":[{"name":"c","ready":true,"restartCount":0,"state":{"running":{}}}]})"),
            "2/2 Running 1 (3m ago)");
}

TEST(PodRow, AGatedPodSaysSo) {
  EXPECT_EQ(pod_status(R"("spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending","conditions":[
      {"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]})"),
            "0/1 SchedulingGated 0");
}

TEST(PodRow, WideShowsAddressNodeAndGates) {
  const auto cells = row("v1", "Pod", R"("spec":{"nodeName":"n1","containers":[{"name":"c"}],"readinessGates":[
      {"conditionType":"a"},{"conditionType":"b"}]},"status":{"phase":"Running","podIP":"10.0.0.9",
      "conditions":[{"type":"a","status":"True"}]})");
  EXPECT_EQ(json::serialize(cells), R"(["x","0/1","Running","0","5m","10.0.0.9","n1","<none>","1/2"])");
}

TEST(PodRow, ADeletedPodIsTerminating) {
  auto raw = parse_json(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"a",
      "deletionTimestamp":"2026-11-21T10:00:10Z"},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}})");
  auto object = model::make_object(raw->get_object());
  ASSERT_TRUE(object);
  EXPECT_EQ(cell(table_cells(*object, kNow), 2), "Terminating");
}

TEST(Rows, EveryKindHasOneCellPerColumnEvenWhenNothingIsSet) {
  for (const auto& kind : model::all_kinds()) row(kind.api_version(), kind.name, R"("zzz":1)");
}

TEST(Rows, FieldsOfAWrongTypeNeverHurt) {
  for (const auto& kind : model::all_kinds()) {
    row(kind.api_version(), kind.name, R"("spec":7,"status":[1],"data":"x","involvedObject":null,"count":"many")");
    row(kind.api_version(), kind.name, R"("spec":{"ports":[1,"x"],"containers":{},"initContainers":[null],"selector":[],
        "accessModes":[3]},"status":{"containerStatuses":[5,{"state":[]}],"initContainerStatuses":["x"],"conditions":[1]})");
  }
}

TEST(Rows, StatefulSetsShowReadyOfWanted) {
  const auto cells = row("apps/v1", "StatefulSet", R"("spec":{"replicas":3,"template":{"spec":{"containers":[
      {"name":"db","image":"mongo:4"},{"name":"side","image":"s:1"}]}}},"status":{"readyReplicas":2})");
  EXPECT_EQ(json::serialize(cells), R"(["x","2/3","5m","db,side","mongo:4,s:1"])");
}

TEST(Rows, JobsShowHowFarTheyAre) {
  const auto job = [](std::string_view spec, std::string_view status) {
    const auto cells =
        row("batch/v1", "Job",
            fmt::format(R"("spec":{{{}"template":{{"spec":{{"containers":[{{"name":"c","image":"b"}}]}}}},
        "selector":{{"matchLabels":{{"a":"1"}}}}}},"status":{{{}}})",
                        spec, status));
    return json::serialize(cells);
  };
  EXPECT_EQ(job(R"("completions":6,"parallelism":3,)", R"("succeeded":2,"startTime":"2026-11-21T09:58:00Z")"),
            R"(["x","Running","2/6","2m","5m","c","b","a=1"])");
  EXPECT_EQ(job(R"("completions":1,"parallelism":1,)",
                R"("succeeded":1,"startTime":"2026-11-21T09:55:00Z","completionTime":"2026-11-21T09:55:09Z",
                "conditions":[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}])"),
            R"(["x","Complete","1/1","9s","5m","c","b","a=1"])");
  EXPECT_EQ(job(R"("parallelism":3,)", R"("conditions":[{"type":"Suspended","status":"True"}])"),
            R"(["x","Suspended","0/1 of 3","","5m","c","b","a=1"])");
  EXPECT_EQ(job(R"("parallelism":1,)", R"("conditions":[{"type":"Failed","status":"True"}])"),
            R"(["x","Failed","0/1","","5m","c","b","a=1"])");
}

TEST(Rows, CronJobsShowWhenTheyRun) {
  EXPECT_EQ(
      json::serialize(row("batch/v1", "CronJob", R"("spec":{"schedule":"@daily","suspend":false,"jobTemplate":{"spec":{
      "template":{"spec":{"containers":[{"name":"c","image":"b"}]}}}}},
      "status":{"active":[{}],"lastScheduleTime":"2026-11-21T09:59:00Z"})")),
      R"(["x","@daily","<none>","False",1,"60s","5m","c","b","<none>"])");
}

TEST(Rows, KindsThatAreKeptShowWhatKubectlShows) {
  const auto shown = [](std::string_view version, std::string_view kind, std::string_view rest) {
    return json::serialize(row(version, kind, rest));
  };
  EXPECT_EQ(
      shown(
          "networking.k8s.io/v1", "Ingress",
          R"("spec":{"ingressClassName":"web","tls":[{}],"rules":[{"host":"a"},{"host":"b"},{"host":"c"},{"host":"d"}]},
                  "status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}})"),
      R"(["x","web","a,b,c + 1 more...","192.0.2.1","80, 443","5m"])");
  EXPECT_EQ(shown("networking.k8s.io/v1", "Ingress", R"("spec":{"rules":[{}]})"), R"(["x","<none>","*","","80","5m"])");
  EXPECT_EQ(shown("networking.k8s.io/v1", "IngressClass",
                  R"("spec":{"controller":"a.b/c","parameters":{"apiGroup":"g.io","kind":"K","name":"n"}})"),
            R"(["x","a.b/c","K.g.io/n","5m"])");
  EXPECT_EQ(
      shown("rbac.authorization.k8s.io/v1", "RoleBinding",
            R"("roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},{"kind":"User","name":"v"},
                  {"kind":"ServiceAccount","name":"s","namespace":"n"}])"),
      R"(["x","Role/r","5m","u, v","","n/s"])");
  EXPECT_EQ(shown("rbac.authorization.k8s.io/v1", "ClusterRole", R"("rules":[])"), R"(["x","2026-11-21T09:55:00Z"])");
  EXPECT_EQ(shown("scheduling.k8s.io/v1", "PriorityClass", R"("value":7,"globalDefault":true)"),
            R"(["x",7,"true","5m"])");
  EXPECT_EQ(shown("policy/v1", "PodDisruptionBudget", R"("spec":{"minAvailable":2},"status":{"disruptionsAllowed":1})"),
            R"(["x","2","N/A",1,"5m"])");
  EXPECT_EQ(shown("policy/v1", "PodDisruptionBudget", R"("spec":{"maxUnavailable":"30%"})"),
            R"(["x","N/A","30%",0,"5m"])");
  EXPECT_EQ(
      shown(
          "v1", "ResourceQuota",
          R"("status":{"hard":{"pods":"4","limits.cpu":"2","configmaps":"9"},"used":{"pods":"1","limits.cpu":"500m"}})"),
      R"(["x","5m","configmaps: 0/9, pods: 1/4","limits.cpu: 500m/2"])");
  EXPECT_EQ(shown("v1", "PodTemplate",
                  R"("template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}})"),
            R"(["x","c","i","a=b"])");
}

TEST(Rows, AnAutoscalerShowsWhatIsUsedAndWhatShouldBe) {
  const auto targets = [](std::string_view metrics, std::string_view status = "") {
    const auto cells =
        row("autoscaling/v2", "HorizontalPodAutoscaler",
            fmt::format(R"("spec":{{"scaleTargetRef":{{"kind":"Deployment","name":"web"}},"maxReplicas":5,
                               "metrics":[{}]}},"status":{{"currentReplicas":2,"currentMetrics":[{}]}})",
                        metrics, status));
    EXPECT_EQ(cells.at(1), "Deployment/web");
    EXPECT_EQ(cells.at(5), 2);
    return std::string(cells.at(2).as_string());
  };
  const std::string cpu =
      R"({"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}})";
  const std::string memory = R"({"type":"ContainerResource","containerResource":{"name":"memory","container":"c",
      "target":{"type":"AverageValue","averageValue":"10Mi"}}})";
  const std::string pods = R"({"type":"Pods","pods":{"metric":{"name":"m"},"target":{"averageValue":"5"}}})";
  const std::string outside = R"({"type":"External","external":{"metric":{"name":"m"},"target":{"averageValue":"5"}}})";
  EXPECT_EQ(targets(""), "<none>");
  EXPECT_EQ(targets(cpu), "cpu: <unknown>/50%");
  const std::string used =
      R"({"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":7,"averageValue":"7m"}}})";
  EXPECT_EQ(targets(cpu, used), "cpu: 7%/50%");
  EXPECT_EQ(targets(pods + "," + cpu, R"({"type":""},)" + used), "<unknown>/5, cpu: 7%/50%") << "each by its place";
  EXPECT_EQ(targets(memory, R"({"type":"ContainerResource","containerResource":{"current":{"averageUtilization":3,
      "averageValue":"4Mi"}}})"),
            "memory: 4Mi/10Mi");
  EXPECT_EQ(targets(outside), "<unknown>/5 (avg)");
  EXPECT_EQ(targets(cpu + "," + pods + "," + outside), "cpu: <unknown>/50%, <unknown>/5 + 1 more...");
}

TEST(Rows, DeploymentsAndTheirSetsShowHowManyThereAre) {
  const auto* spec = R"("spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"template":{"spec":{"containers":[
      {"name":"c","image":"i:1"}]}}},"status":{"replicas":4,"readyReplicas":2,"updatedReplicas":1,"availableReplicas":2})";
  EXPECT_EQ(json::serialize(row("apps/v1", "Deployment", spec)), R"(["x","2/3",1,2,"5m","c","i:1","app=web"])");
  EXPECT_EQ(json::serialize(row("apps/v1", "ReplicaSet", spec)), R"(["x",3,4,2,"5m","c","i:1","app=web"])");
  EXPECT_EQ(
      json::serialize(row("v1", "ReplicationController", R"("spec":{"replicas":1,"selector":{"b":"2","a":"1"}})")),
      R"(["x",1,0,0,"5m","","","a=1,b=2"])");
}

TEST(Rows, ServicesShowPortsAndSelector) {
  const auto cells = row("v1", "Service", R"("spec":{"type":"NodePort","clusterIP":"None","selector":{"b":"2","a":"1"},
      "ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]})");
  EXPECT_EQ(json::serialize(cells), R"(["x","NodePort","None","<none>","80:30080/TCP,53/UDP","5m","a=1,b=2"])");
}

TEST(Rows, ClaimsAndVolumesShowWhatTheyAreBoundTo) {
  EXPECT_EQ(json::serialize(row("v1", "PersistentVolumeClaim",
                                R"("spec":{"volumeName":"pv1","storageClassName":"fast"},"status":{"phase":"Bound",
      "capacity":{"storage":"1Gi"},"accessModes":["ReadOnlyMany","ReadWriteOnce"]})")),
            R"(["x","Bound","pv1","1Gi","RWO,ROX","fast","<unset>","5m","<unset>"])");
  EXPECT_EQ(json::serialize(row("v1", "PersistentVolume",
                                R"("spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],
      "persistentVolumeReclaimPolicy":"Retain","claimRef":{"namespace":"a","name":"c"},"volumeMode":"Filesystem"},"status":{"phase":"Bound"})")),
            R"(["x","1Gi","RWO","Retain","Bound","a/c","","<unset>","","5m","Filesystem"])");
  EXPECT_EQ(json::serialize(row("v1", "PersistentVolumeClaim",
                                R"("spec":{"resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"})")),
            R"(["x","Pending","","","","","<unset>","5m","<unset>"])");
}

TEST(Rows, EventsShowWhatHappenedToWhom) {
  EXPECT_EQ(json::serialize(row("v1", "Event",
                                R"("involvedObject":{"kind":"Pod","name":"web-0"},"type":"Warning","reason":"BackOff",
      "message":"again\n","count":4,"firstTimestamp":"2026-11-21T09:50:00Z","lastTimestamp":"2026-11-21T09:59:00Z",
      "source":{"component":"berthd","host":"n1"})")),
            R"(["60s","Warning","BackOff","pod/web-0","","berthd, n1","again","10m",4,"x"])");
  // As client libraries of the newer events API write them.
  EXPECT_EQ(json::serialize(row("v1", "Event",
                                R"("involvedObject":{"kind":"Node","name":"n1","fieldPath":"spec"},"type":"Normal",
      "reason":"Seen","message":" x ","eventTime":"2026-11-21T09:58:00.000000Z","reportingComponent":"watcher",
      "series":{"count":7,"lastObservedTime":"2026-11-21T09:59:50.000000Z"})")),
            R"(["10s","Normal","Seen","node/n1","spec","watcher","x","2m",7,"x"])");
  EXPECT_EQ(json::serialize(row("v1", "Event", R"("involvedObject":{"kind":"Pod"})")),
            R"(["<unknown>","","","pod","","","","<unknown>",1,"x"])");
}

TEST(Rows, NodesShowConditionRolesAndWhatTheyRun) {
  auto raw = parse_json(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1",
      "creationTimestamp":"2026-11-21T09:55:00Z","labels":{"node-role.kubernetes.io/worker":"",
      "node-role.kubernetes.io/db":"","kubernetes.io/role":"worker","kubernetes.io/os":"linux"}},
      "spec":{"unschedulable":true},"status":{"conditions":[{"type":"MemoryPressure","status":"False"},
      {"type":"Ready","status":"False"}],"addresses":[{"type":"Hostname","address":"n1"},
      {"type":"InternalIP","address":"192.0.2.1"}],"nodeInfo":{"kubeletVersion":"v1.31.0+berth.1",
      "osImage":"Debian GNU/Linux 12","kernelVersion":"6.1.0","containerRuntimeVersion":"containerd://1.6.20"}}})");
  const auto node = model::make_object(raw->get_object());
  ASSERT_TRUE(node);
  EXPECT_EQ(json::serialize(table_cells(*node, kNow)),
            R"(["n1","NotReady,SchedulingDisabled","db,worker","5m","v1.31.0+berth.1","192.0.2.1","<none>",)"
            R"("Debian GNU/Linux 12","6.1.0","containerd://1.6.20"])");
  EXPECT_EQ(json::serialize(row("v1", "Node", R"("status":{})")),
            R"(["x","Unknown","<none>","5m","","<none>","<none>","<unknown>","<unknown>","<unknown>"])");
}

TEST(Rows, DaemonSetsShowTheirNumbersAndSelectors) {
  EXPECT_EQ(json::serialize(row("apps/v1", "DaemonSet", R"("spec":{"selector":{"matchLabels":{"z":"1","a":"2"},
      "matchExpressions":[{"key":"m","operator":"In","values":["y","x"]},{"key":"b","operator":"DoesNotExist"}]},
      "template":{"spec":{"nodeSelector":{"disk":"ssd"},"containers":[{"name":"c","image":"i:1"}]}}},
      "status":{"desiredNumberScheduled":1,"currentNumberScheduled":1,"numberReady":0,"updatedNumberScheduled":1,
      "numberAvailable":0})")),
            R"x(["x",1,1,0,1,0,"disk=ssd","5m","c","i:1","a=2,!b,m in (x,y),z=1"])x");
}

TEST(Rows, RevisionsShowWhoMadeThem) {
  auto raw =
      parse_json(R"({"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"db-1","namespace":"a",
      "creationTimestamp":"2026-11-21T09:55:00Z","ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet",
      "name":"db","uid":"u","controller":true}]},"revision":3})");
  const auto revision = model::make_object(raw->get_object());
  ASSERT_TRUE(revision);
  EXPECT_EQ(json::serialize(table_cells(*revision, kNow)), R"(["db-1","statefulset.apps/db",3,"5m"])");
  EXPECT_EQ(json::serialize(row("apps/v1", "ControllerRevision", R"("revision":1)")), R"(["x","<none>",1,"5m"])");
}

TEST(Rows, EndpointsAndSlicesShowThreeAddressesAndCountTheRest) {
  EXPECT_EQ(json::serialize(row("v1", "Endpoints", R"("subsets":[{"addresses":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},
      {"ip":"10.0.0.3"},{"ip":"10.0.0.4"}],"ports":[{"port":80}]}])")),
            R"(["x","10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...","5m"])");
  EXPECT_EQ(json::serialize(row("v1", "Endpoints", R"("subsets":[])")), R"(["x","<none>","5m"])");
  EXPECT_EQ(json::serialize(row("discovery.k8s.io/v1", "EndpointSlice", R"("addressType":"IPv4",
      "ports":[{"port":80},{"name":"any"}],"endpoints":[{"addresses":["10.0.0.1"]},{"addresses":["10.0.0.2"]},
      {"addresses":["10.0.0.3"]},{"addresses":["10.0.0.4"]}])")),
            R"(["x","IPv4","80,*","10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...","5m"])");
  EXPECT_EQ(json::serialize(row("discovery.k8s.io/v1", "EndpointSlice", R"("addressType":"IPv4")")),
            R"(["x","IPv4","<unset>","<unset>","5m"])");
}

TEST(Rows, LoadBalancersShowTheirAddressesOrThatTheyWait) {
  EXPECT_EQ(cell(row("v1", "Service", R"("spec":{"type":"LoadBalancer"})"), 3), "<pending>");
  EXPECT_EQ(cell(row("v1", "Service", R"("spec":{"type":"LoadBalancer","externalIPs":["192.0.2.9"]},
      "status":{"loadBalancer":{"ingress":[{"hostname":"lb.example"},{"ip":"192.0.2.2"}]}})"),
                 3),
            "192.0.2.2,lb.example,192.0.2.9");
  EXPECT_EQ(cell(row("v1", "Service", R"("spec":{"type":"ExternalName","externalName":"db.example"})"), 3),
            "db.example");
}

TEST(Rows, SmallKindsShowWhatKubernetesShows) {
  EXPECT_EQ(json::serialize(row("v1", "Namespace", R"("status":{"phase":"Active"})")), R"(["x","Active","5m"])");
  EXPECT_EQ(json::serialize(row("v1", "ConfigMap", R"("data":{"a":"1","b":"2"},"binaryData":{"c":"eA=="})")),
            R"(["x",3,"5m"])");
  EXPECT_EQ(json::serialize(row("v1", "Secret", R"("type":"kubernetes.io/tls","data":{"tls.crt":"eA=="})")),
            R"(["x","kubernetes.io/tls",1,"5m"])");
  EXPECT_EQ(json::serialize(row("v1", "ServiceAccount", R"("secrets":[])")), R"(["x",0,"5m"])");
  EXPECT_EQ(json::serialize(row("coordination.k8s.io/v1", "Lease", R"("spec":{"holderIdentity":"n1"})")),
            R"(["x","n1","5m"])");
  EXPECT_EQ(
      json::serialize(row("storage.k8s.io/v1", "StorageClass", R"("provisioner":"p","allowVolumeExpansion":true)")),
      R"(["x","p","Delete","Immediate","true","5m"])");
  EXPECT_EQ(json::serialize(row("storage.k8s.io/v1", "VolumeAttachment",
                                R"("spec":{"attacher":"berth.io","nodeName":"n1","source":{"persistentVolumeName":"p"}},
                                "status":{"attached":true})")),
            R"(["x","berth.io","p","n1","true","5m"])");
  auto raw =
      parse_json(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"d","annotations":{
      "storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"p"})");
  EXPECT_EQ(cell(table_cells(*model::make_object(raw->get_object()), kNow), 0), "d (default)");
}

TEST(Table, RowsCarryTheMetadataThatLabelsAndNamespacesComeFrom) {
  auto raw =
      parse_json(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"a"},"data":{"k":"v"}})");
  const auto object = model::make_object(raw->get_object());
  ASSERT_TRUE(object);
  const auto text = [&](RowObject include) {
    std::string out;
    append_table_row(out, *object, include, kNow);
    EXPECT_TRUE(parse_json(out)) << out;
    return out;
  };
  EXPECT_EQ(text(RowObject::None), R"({"cells":["x",1,"<unknown>"]})");
  EXPECT_EQ(text(RowObject::Metadata),
            R"({"cells":["x",1,"<unknown>"],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",)"
            R"("metadata":{"name":"x","namespace":"a"}}})");
  EXPECT_NE(text(RowObject::Object).find(R"("data":{"k":"v"})"), std::string::npos);
}

}  // namespace
}  // namespace berth::api
