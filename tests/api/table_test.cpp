// tests/api/table_test.cpp - rows and ages as kubectl users know them.
#include "api/tables/table.hpp"

#include <gtest/gtest.h>

#include "api/human_duration.hpp"

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

TEST(Rows, ServicesShowPortsAndSelector) {
  const auto cells = row("v1", "Service", R"("spec":{"type":"NodePort","clusterIP":"None","selector":{"b":"2","a":"1"},
      "ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]})");
  EXPECT_EQ(json::serialize(cells), R"(["x","NodePort","None","<none>","80:30080/TCP,53/UDP","5m","a=1,b=2"])");
}

TEST(Rows, ClaimsAndVolumesShowWhatTheyAreBoundTo) {
  EXPECT_EQ(json::serialize(row("v1", "PersistentVolumeClaim",
                                R"("spec":{"volumeName":"pv1","storageClassName":"fast"},"status":{"phase":"Bound",
      "capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce","ReadOnlyMany"]})")),
            R"(["x","Bound","pv1","1Gi","RWO,ROX","fast","<unset>","5m","Filesystem"])");
  EXPECT_EQ(json::serialize(row("v1", "PersistentVolume",
                                R"("spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],
      "persistentVolumeReclaimPolicy":"Retain","claimRef":{"namespace":"a","name":"c"}},"status":{"phase":"Bound"})")),
            R"(["x","1Gi","RWO","Retain","Bound","a/c","","<unset>","","5m","Filesystem"])");
}

TEST(Rows, EventsShowWhatHappenedToWhom) {
  EXPECT_EQ(json::serialize(row("v1", "Event",
                                R"("involvedObject":{"kind":"Pod","name":"web-0"},"type":"Warning","reason":"BackOff",
      "message":"again\n","count":4,"firstTimestamp":"2026-11-21T09:50:00Z","lastTimestamp":"2026-11-21T09:59:00Z",
      "source":{"component":"berthd","host":"n1"})")),
            R"x(["60s (x4 over 10m)","Warning","BackOff","pod/web-0","","berthd, n1","again","10m",4,"x"])x");
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
