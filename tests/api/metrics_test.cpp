// tests/api/metrics_test.cpp - kubectl top and /metrics: every line is read as Prometheus reads it.
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>

#include "api/usage/node_usage.hpp"
#include "api/usage/object_metrics.hpp"
#include "api/usage/request_counters.hpp"
#include "api/usage/usage_sampler.hpp"
#include "tests/api/api_fixture.hpp"
#include "tests/fakes/counting_store.hpp"

namespace berth::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class MetricsTest : public ApiFixture {
 protected:
  MetricsTest() { config_.usage_window = milliseconds(1); }

  static runtime::ContainerUsage usage_of(const std::string& id, std::uint64_t cpu, std::uint64_t memory) {
    return {.id = id,
            .pod_uid = "uid",
            .at = std::chrono::system_clock::now(),
            .measured_at = steady_clock::now(),
            .cpu_nanoseconds = cpu,
            .memory_bytes = memory};
  }
  std::string page(const std::string& path) {
    const cli::HttpClient client(config_.socket);
    auto reply = client.send({.method = "GET", .target = path, .accept = "text/plain", .content_type = {}, .body = {}});
    EXPECT_TRUE(reply.ok());
    EXPECT_EQ(reply->code, 200U);
    return reply ? reply->body : std::string();
  }

  /// Reads the text format 0.0.4 strictly: name{labels} → value. Each family has its HELP and TYPE first, and once.
  static std::map<std::string, double> parse(const std::string& text) {
    static const std::regex help("# HELP ([a-z_]+) .+");
    static const std::regex type("# TYPE ([a-z_]+) (counter|gauge|histogram)");
    static const std::regex sample(
        "([a-z_]+)(\\{([a-z_]+=\"([^\"\\\\\n]|\\\\.)*\")(,[a-z_]+=\"([^\"\\\\\n]|\\\\.)*\")*\\})? (-?[0-9.e+-]+)( "
        "[0-9]+)?");
    std::map<std::string, double> values;
    std::map<std::string, std::string> types;
    std::string family;
    EXPECT_TRUE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::smatch match;
      if (std::regex_match(line, match, help)) {
        family = match[1];
        EXPECT_FALSE(types.contains(family)) << family << " twice";
      } else if (std::regex_match(line, match, type)) {
        EXPECT_EQ(match[1], family);
        types[family] = match[2];
        EXPECT_EQ(types[family] == "counter" && !family.ends_with("_total"), false) << family;
      } else if (std::regex_match(line, match, sample)) {
        auto name = match[1].str();
        if (types[family] == "histogram") name = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
        EXPECT_EQ(name, family) << line;
        const auto key = match[1].str() + match[2].str();
        EXPECT_FALSE(values.contains(key)) << key << " twice";
        values[key] = std::stod(match[7]);
      } else {
        ADD_FAILURE() << "not the text format: " << line;
      }
    }
    return values;
  }
};

TEST_F(MetricsTest, ThePageTellsOfRequestsObjectsPodsAndTheProcess) {
  put_running_pod("web-0", R"({"app":"web"})", /*restarts=*/3);
  send("GET", "/api/v1/namespaces/default/pods");
  send("GET", "/api/v1/namespaces/default/pods");
  send("GET", "/api/v1/namespaces/default/pods/none");
  send("GET", "/api/v1/namespaces/default/made-up-by-a-peer/x");
  const auto values = parse(page("/metrics"));
  const auto labels = [](const std::string& verb) {
    return "{verb=\"" + verb + "\",group=\"\",resource=\"pods\",subresource=\"\"";
  };
  EXPECT_EQ(values.at("apiserver_request_total" + labels("LIST") + ",code=\"200\"}"), 2);
  EXPECT_EQ(values.at("apiserver_request_total" + labels("GET") + ",code=\"404\"}"), 1);
  EXPECT_EQ(values.at("apiserver_request_duration_seconds_count" + labels("LIST") + "}"), 2);
  EXPECT_EQ(values.at("apiserver_request_duration_seconds_bucket" + labels("LIST") + ",le=\"+Inf\"}"), 2);
  EXPECT_EQ(values.at("berth_pods{phase=\"Running\"}"), 1);
  EXPECT_EQ(values.at("berth_pods{phase=\"Failed\"}"), 0);
  EXPECT_EQ(values.at("berth_container_restarts"), 3);
  EXPECT_EQ(values.at("apiserver_storage_objects{resource=\"pods\"}"), 1);
  EXPECT_EQ(values.at("apiserver_storage_objects{resource=\"statefulsets.apps\"}"), 0);
  EXPECT_EQ(values.at("berth_store_revision"), static_cast<double>(store_->revision()));
  EXPECT_GE(values.at("berth_api_connections"), 1);
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(values.at("process_open_fds"), 3);
  EXPECT_GT(values.at("process_threads"), 1);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(values.at("process_start_time_seconds"), now, 3600);
  for (const auto& [key, value] : values) EXPECT_EQ(key.find("made-up"), std::string::npos) << key;
}

TEST_F(MetricsTest, EachObjectOfWhichSomethingIsToldIsReadOnceAndNoneWholeBesideAnother) {
  for (const auto* name : {"a", "b", "c"}) {
    put_running_pod(name, R"({"app":"web"})", /*restarts=*/0);
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{}","namespace":"default"}},
        "spec":{{"replicas":4}}}})",
                    name));
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Event","metadata":{{"name":"{}","namespace":"default"}}}})", name));
  }
  store::CountingStore counted(*store_);
  std::string out;
  append_objects(out, counted);
  EXPECT_EQ(counted.at_once, 0U);
  EXPECT_EQ(counted.reads, 6U) << "of events it is only told how many there are";
  const auto values = parse(out);
  EXPECT_EQ(values.at("apiserver_storage_objects{resource=\"events\"}"), 3);
}

TEST_F(MetricsTest, PodsAndSetsAreToldByNameAsKubeStateMetricsDoes) {
  put_running_pod("web-0", R"({"app":"web"})", /*restarts=*/3);
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad","namespace":"default"},"spec":{},
      "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[
      {"name":"c","restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}})");
  put(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db","namespace":"default"},
      "spec":{"replicas":3},"status":{"readyReplicas":2}})");
  const auto values = parse(page("/metrics"));
  EXPECT_EQ(values.at(R"(kube_pod_container_status_restarts_total{namespace="default",pod="bad",container="c"})"), 7);
  EXPECT_EQ(values.at(R"(kube_pod_container_status_restarts_total{namespace="default",pod="web-0",container="c"})"), 3);
  EXPECT_EQ(values.at(R"(kube_pod_status_ready{namespace="default",pod="bad",condition="true"})"), 0);
  EXPECT_EQ(values.at(R"(kube_pod_status_phase{namespace="default",pod="bad",phase="Pending"})"), 1);
  EXPECT_EQ(values.at("kube_pod_container_status_waiting_reason"
                      R"({namespace="default",pod="bad",container="c",reason="CrashLoopBackOff"})"),
            1);
  EXPECT_EQ(values.at(R"(kube_statefulset_replicas{namespace="default",statefulset="db"})"), 3);
  EXPECT_EQ(values.at(R"(kube_statefulset_status_replicas_ready{namespace="default",statefulset="db"})"), 2);
  EXPECT_EQ(values.at("berth_claims{phase=\"Lost\"}"), 0);
  EXPECT_FALSE(values.contains("berth_containerd_up")) << "nobody to ask";
}

TEST_F(MetricsTest, ADeploymentTellsHowFarItsRolloutIs) {
  put(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},
      "spec":{"replicas":4,"paused":true},"status":{"observedGeneration":6,"replicas":5,"readyReplicas":3,
      "availableReplicas":2,"unavailableReplicas":3,"updatedReplicas":1,"conditions":[
      {"type":"Progressing","status":"False"},{"type":"Available","status":"True"}]}})");
  put(R"({"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"old","namespace":"default"},
      "spec":{"replicas":2},"status":{"readyReplicas":1}})");
  const auto values = parse(page("/metrics"));
  const auto of = [&](const std::string& name, const std::string& more = "") {
    return values.at("kube_deployment_" + name + R"({namespace="default",deployment="web")" + more + "}");
  };
  EXPECT_EQ(of("spec_replicas"), 4);
  EXPECT_EQ(of("spec_paused"), 1);
  EXPECT_EQ(of("metadata_generation"), 1);
  EXPECT_EQ(of("status_observed_generation"), 6);
  EXPECT_EQ(of("status_replicas"), 5);
  EXPECT_EQ(of("status_replicas_ready"), 3);
  EXPECT_EQ(of("status_replicas_available"), 2);
  EXPECT_EQ(of("status_replicas_unavailable"), 3);
  EXPECT_EQ(of("status_replicas_updated"), 1);
  EXPECT_EQ(of("status_condition", R"(,condition="Progressing",status="false")"), 1);
  EXPECT_EQ(of("status_condition", R"(,condition="Progressing",status="true")"), 0);
  EXPECT_EQ(of("status_condition", R"(,condition="Available",status="true")"), 1);
  EXPECT_EQ(values.at(R"(kube_replicationcontroller_spec_replicas{namespace="default",replicationcontroller="old"})"),
            2);
  EXPECT_EQ(values.at("kube_replicationcontroller_status_ready_replicas"
                      R"({namespace="default",replicationcontroller="old"})"),
            1);
}

TEST_F(MetricsTest, JobsAndTheirSchedulesAreToldAsKubeStateMetricsDoes) {
  const auto runs = put(
      R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"runs","namespace":"default"},"spec":{"completions":5,"parallelism":2},
      "status":{"active":2,"ready":1,"succeeded":3,"failed":4,"startTime":"2026-11-01T00:00:01Z"}})");
  put(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"broke","namespace":"default"},"spec":{},
      "status":{"failed":7,"conditions":[
      {"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}})");
  put(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"done","namespace":"default"},"spec":{},
      "status":{"succeeded":1,"completionTime":"2026-11-01T01:00:00Z","conditions":[
      {"type":"Complete","status":"True"}]}})");
  put(R"({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"nightly","namespace":"default"},"spec":{"schedule":"30 4 * * *","timeZone":"Europe/Luxembourg",
      "concurrencyPolicy":"Forbid","startingDeadlineSeconds":60},"status":{"active":[{"name":"a"},{"name":"b"}],
      "lastScheduleTime":"2026-07-01T02:30:00Z","lastSuccessfulTime":"2026-07-01T02:31:00Z"}})");
  const auto fresh = put(
      R"({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"new","namespace":"default"},"spec":{"schedule":"* * * * *"}})");
  put(R"({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"off","namespace":"default"},"spec":{"schedule":"0 * * * *","suspend":true}})");
  const auto values = parse(page("/metrics"));
  const auto job = [&](const std::string& name, const std::string& which, const std::string& more = "") {
    return values.at("kube_job_" + name + R"({namespace="default",job_name=")" + which + "\"" + more + "}");
  };
  const auto has = [&](const std::string& start) {
    const auto found = values.lower_bound(start);
    return found != values.end() && found->first.starts_with(start);
  };
  const auto at = [](std::string_view time) {
    return static_cast<double>(parse_rfc3339(time)->time_since_epoch() / std::chrono::seconds(1));
  };
  EXPECT_EQ(job("status_active", "runs"), 2);
  EXPECT_EQ(job("status_ready", "runs"), 1);
  EXPECT_EQ(job("status_succeeded", "runs"), 3);
  EXPECT_EQ(job("status_failed", "runs", R"(,reason="")"), 4) << "it may still become well";
  EXPECT_EQ(job("spec_completions", "runs"), 5);
  EXPECT_EQ(job("spec_parallelism", "runs"), 2);
  EXPECT_EQ(job("created", "runs"), at(runs->meta.creation_timestamp));
  EXPECT_EQ(job("status_start_time", "runs"), at("2026-11-01T00:00:01Z"));
  EXPECT_FALSE(has(R"(kube_job_failed{namespace="default",job_name="runs")"));
  EXPECT_EQ(job("failed", "broke", R"(,condition="true")"), 1);
  EXPECT_EQ(job("failed", "broke", R"(,condition="false")"), 0);
  EXPECT_EQ(job("status_failed", "broke", R"(,reason="BackoffLimitExceeded")"), 1);
  EXPECT_EQ(job("status_failed", "broke", R"(,reason="DeadlineExceeded")"), 0);
  EXPECT_FALSE(has(R"(kube_job_spec_completions{namespace="default",job_name="broke")"));
  EXPECT_EQ(job("complete", "done", R"(,condition="true")"), 1);
  EXPECT_EQ(job("status_failed", "done"), 0);
  EXPECT_EQ(job("status_completion_time", "done"), at("2026-11-01T01:00:00Z"));

  const auto cron = [&](const std::string& name, const std::string& which) {
    return values.at("kube_cronjob_" + name + R"({namespace="default",cronjob=")" + which + "\"}");
  };
  EXPECT_EQ(cron("status_active", "nightly"), 2);
  EXPECT_EQ(cron("spec_suspend", "nightly"), 0);
  EXPECT_EQ(cron("spec_starting_deadline_seconds", "nightly"), 60);
  EXPECT_EQ(cron("status_last_schedule_time", "nightly"), at("2026-07-01T02:30:00Z"));
  EXPECT_EQ(cron("status_last_successful_time", "nightly"), at("2026-07-01T02:31:00Z"));
  EXPECT_EQ(cron("next_schedule_time", "nightly"), at("2026-07-02T02:30:00Z")) << "in its zone's summer time";
  EXPECT_EQ(values.at(R"(kube_cronjob_info{namespace="default",cronjob="nightly",schedule="30 4 * * *",)"
                      R"(concurrency_policy="Forbid",timezone="Europe/Luxembourg"})"),
            1);
  const auto made = at(fresh->meta.creation_timestamp);
  EXPECT_EQ(cron("next_schedule_time", "new"), made - std::fmod(made, 60) + 60) << "the first minute after it was made";
  EXPECT_FALSE(has(R"(kube_cronjob_status_last_schedule_time{namespace="default",cronjob="new")"));
  EXPECT_EQ(cron("spec_suspend", "off"), 1);
  EXPECT_FALSE(has(R"(kube_cronjob_next_schedule_time{namespace="default",cronjob="off")"));
}

TEST_F(MetricsTest, AutoscalersAreTold) {
  put(R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"default"},
      "spec":{"minReplicas":2,"maxReplicas":9},"status":{"currentReplicas":3,"desiredReplicas":4,"conditions":[
      {"type":"ScalingActive","status":"False"}]}})");
  const auto values = parse(page("/metrics"));
  const auto of = [&](const std::string& name, const std::string& more = "") {
    return values.at("kube_horizontalpodautoscaler_" + name + R"({namespace="default",horizontalpodautoscaler="web")" +
                     more + "}");
  };
  EXPECT_EQ(of("spec_min_replicas"), 2);
  EXPECT_EQ(of("spec_max_replicas"), 9);
  EXPECT_EQ(of("status_current_replicas"), 3);
  EXPECT_EQ(of("status_desired_replicas"), 4);
  EXPECT_EQ(of("status_condition", R"(,condition="ScalingActive",status="false")"), 1);
}

TEST_F(MetricsTest, WhatTheAgentSaysOfItsHostIsThere) {
  server_.reset();
  const auto file = directory_ / "berth.db";
  std::ofstream(file) << std::string(5000, 'x');
  std::ofstream(file.native() + "-wal") << std::string(300, 'x');
  config_.host_status = [file] {
    model::HostStatus out;
    out.containerd.error = "connection refused";
    out.store.path = file.native();
    out.store.problems = {{.subject = "a"}, {.subject = "b"}};
    out.store.backup_at = WallTime(std::chrono::seconds(1000));
    out.sources = {{.name = "directory:/etc/\"x\"", .read_at = WallTime(std::chrono::seconds(2000))},
                   {.name = "url:https://x", .error = "no route"}};
    out.strangers = {{.uid = "u"}};
    out.disks = {{.path = "/var/lib/berth", .total_bytes = 100, .free_bytes = 40}, {.path = "/run", .error = "sick"}};
    return out;
  };
  start();
  const auto values = parse(page("/metrics"));
  EXPECT_EQ(values.at("berth_containerd_up"), 0);
  EXPECT_EQ(values.at("berth_strangers"), 1);
  EXPECT_EQ(values.at("berth_store_problems"), 2);
  EXPECT_EQ(values.at("berth_store_size_bytes"), 5300);
  EXPECT_EQ(values.at("berth_store_backup_timestamp_seconds"), 1000);
  EXPECT_EQ(values.at("berth_source_up{source=\"directory:/etc/\\\"x\\\"\"}"), 1);
  EXPECT_EQ(values.at("berth_source_up{source=\"url:https://x\"}"), 0);
  EXPECT_EQ(values.at("berth_source_read_timestamp_seconds{source=\"url:https://x\"}"), 0);
  EXPECT_EQ(values.at("berth_disk_free_bytes{path=\"/var/lib/berth\"}"), 40);
  EXPECT_FALSE(values.contains("berth_disk_free_bytes{path=\"/run\"}"));
}

TEST_F(MetricsTest, WatchesAreCountedWhileTheyAreOpen) {
  RawClient client(config_.socket);
  client.send(get_request("/api/v1/pods?watch=true"));
  client.read_until("\r\n\r\n");
  EXPECT_EQ(parse(page("/metrics")).at("apiserver_longrunning_requests{verb=\"WATCH\"}"), 1);
  EXPECT_EQ(parse(page("/metrics"))
                .at("apiserver_request_total{verb=\"WATCH\",group=\"\",resource=\"pods\","
                    "subresource=\"\",code=\"200\"}"),
            1);
}

TEST_F(MetricsTest, TheResourcePageIsTheKubelets) {
  put_running_pod("web-0");
  runtime_.set_usage({usage_of("web-0-c", 2'500'000'000, 4096), usage_of("of-nobody", 1, 1)});
  const auto values = parse(page("/metrics/resource"));
  const std::string labels = R"({container="c",namespace="default",pod="web-0"})";
  EXPECT_EQ(values.at("container_cpu_usage_seconds_total" + labels), 2.5);
  EXPECT_EQ(values.at("container_memory_working_set_bytes" + labels), 4096);
  EXPECT_GT(values.at("node_cpu_usage_seconds_total"), 0);
  EXPECT_GT(values.at("node_memory_working_set_bytes"), 1e6);
  EXPECT_EQ(values.at("resource_scrape_error"), 0);
}

TEST_F(MetricsTest, TopOfPodsSelectsAndSkipsWhatHasNoMeasurements) {
  put_running_pod("web-0");
  put_running_pod("web-1");
  put_running_pod("db-0", R"({"app":"db"})");
  runtime_.set_usage({usage_of("web-0-c", 1, 2048 * 1024), usage_of("db-0-c", 1, 1)});
  const auto list = send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb");
  EXPECT_EQ(list.code, 200U);
  EXPECT_EQ(list.text({"kind"}), "PodMetricsList");
  const auto& items = find(list.body, {"items"})->get_array();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(find_string(items[0], {"metadata", "name"}), "web-0");
  EXPECT_EQ(find_string(items[0], {"metadata", "labels", "app"}), "web");
  EXPECT_FALSE(find_string(items[0], {"timestamp"}).empty());
  const auto& container = find(items[0], {"containers"})->get_array().at(0);
  EXPECT_EQ(find_string(container, {"name"}), "c");
  EXPECT_EQ(find_string(container, {"usage", "memory"}), "2048Ki");
  EXPECT_EQ(find_string(container, {"usage", "cpu"}), "0n");

  const auto one = send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/db-0");
  EXPECT_EQ(one.text({"kind"}), "PodMetrics");
  const auto none = send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web-1");
  EXPECT_EQ(none.code, 404U);
  EXPECT_EQ(none.message(), "podmetrics.metrics.k8s.io \"default/web-1\" not found");
  EXPECT_EQ(send("POST", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods", "{}").code, 405U);
  EXPECT_EQ(send("GET", "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=%21%21").code, 400U);
  EXPECT_EQ(send("GET", "/apis/metrics.k8s.io/v1beta1/services").code, 404U);
}

TEST_F(MetricsTest, TopOfNodesKnowsThisHostOnly) {
  for (const auto* name : {"n1", "n2"}) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
  }
  const auto list = send("GET", "/apis/metrics.k8s.io/v1beta1/nodes");
  const auto& items = find(list.body, {"items"})->get_array();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(find_string(items[0], {"metadata", "name"}), "n1");
  EXPECT_TRUE(find_string(items[0], {"usage", "cpu"}).ends_with('n'));
  EXPECT_TRUE(find_string(items[0], {"usage", "memory"}).ends_with("Ki"));
  EXPECT_EQ(send("GET", "/apis/metrics.k8s.io/v1beta1/nodes/n1").text({"kind"}), "NodeMetrics");
  EXPECT_EQ(send("GET", "/apis/metrics.k8s.io/v1beta1/nodes/n2").code, 404U);
}

TEST_F(MetricsTest, TheGroupIsDiscovered) {
  const auto groups = json::serialize(send("GET", "/apis").body);
  EXPECT_NE(groups.find("metrics.k8s.io/v1beta1"), std::string::npos);
  EXPECT_EQ(send("GET", "/apis/metrics.k8s.io/v1beta1").text({"kind"}), "APIResourceList");
}

/// The sampler on its own: lane and reactor are the real ones, the window is short.
TEST(UsageSampler, AsksTheKernelTwiceTheFirstTimeOnceSoonAfterAndForAllWhoWait) {
  runtime::ExecRuntime runtime;
  runtime::ContainerUsage container;
  container.id = "c";
  runtime.set_usage({container});
  Reactor reactor;
  const auto lane = make_thread_lane("test", 1);
  auto sampler = std::make_shared<UsageSampler>(runtime, reactor, *lane, milliseconds(20));
  reactor.start();
  std::mutex mutex;
  std::condition_variable told;
  std::vector<UsageWindow> windows;
  const auto ask = [&](int times) {
    const auto wanted = windows.size() + static_cast<std::size_t>(times);
    reactor.post()([&, times] {
      for (int i = 0; i < times; ++i) {
        sampler->window([&](const Result<UsageWindow>& window) {
          const std::scoped_lock lock(mutex);
          windows.push_back(*window);
          told.notify_all();
        });
      }
    });
    std::unique_lock lock(mutex);
    return told.wait_for(lock, std::chrono::seconds(20), [&] { return windows.size() >= wanted; });
  };
  ASSERT_TRUE(ask(3));
  EXPECT_EQ(runtime.usage_calls(), 2) << "one window for the three of them";
  EXPECT_EQ(windows[0].after, windows[2].after);
  EXPECT_GE(windows[0].length(), milliseconds(20));
  ASSERT_TRUE(ask(1));
  EXPECT_LE(runtime.usage_calls(), 3) << "the newest was kept";
  EXPECT_GE(windows[3].length(), milliseconds(20));
  EXPECT_TRUE(windows[3].after->containers.contains("c"));
  reactor.stop();
  sampler.reset();
}

TEST(NodeUsage, IsReadFromProc) {
  const auto usage =
      parse_node_usage("cpu  100 20 30 4000 50 6 7 8 90 10\ncpu0 1 1 1 1 1 1 1 1 0 0\n",
                       "MemTotal:  1000 kB\nMemFree:  300 kB\nInactive:  9 kB\nInactive(file):  200 kB\n", 100);
  EXPECT_EQ(usage.cpu_nanoseconds, 171U * 10'000'000U);
  EXPECT_EQ(usage.memory_bytes, 500U * 1024U);
  EXPECT_EQ(parse_node_usage("", "", 100).memory_bytes, 0U);
}

TEST(Nanocores, AreWhatGrewOverTheTime) {
  EXPECT_EQ(nanocores(1'000, 1'000 + 250'000'000, std::chrono::seconds(1)), 250'000'000U);
  EXPECT_EQ(nanocores(0, 3'000'000'000, std::chrono::seconds(2)), 1'500'000'000U);
  EXPECT_EQ(nanocores(5, 4, std::chrono::seconds(1)), 0U) << "another container, or a counter that was set back";
  EXPECT_EQ(nanocores(5, 6, std::chrono::seconds(0)), 0U);
}

TEST(HistogramTest, CountsEachValueInTheFirstBucketThatHoldsIt) {
  Histogram<2> histogram({1, 2});
  for (const double value : {0.5, 1.0, 1.5, 99.0}) histogram.add(value);
  EXPECT_EQ(histogram.count(0), 2U);
  EXPECT_EQ(histogram.count(1), 1U);
  EXPECT_EQ(histogram.count(2), 1U);
  EXPECT_DOUBLE_EQ(histogram.sum(), 102);
}

}  // namespace
}  // namespace berth::api
