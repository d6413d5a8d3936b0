// api/usage/metrics_page.cpp - see metrics_page.hpp.
#include "api/usage/metrics_page.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/pod_containers.hpp"
#include "api/usage/host_metrics.hpp"
#include "api/usage/object_metrics.hpp"
#include "api/usage/request_counters.hpp"
#include "api/usage/usage_sampler.hpp"
#include "base/atomic_file.hpp"
#include "base/log_counters.hpp"

namespace berth::api {
namespace {

using model::Kind;

/// Field `number` (from 1) of /proc/self/stat; see proc(5). The name of the program may hold blanks.
std::uint64_t stat_field(std::string_view stat, unsigned number) {
  auto rest = stat.substr(std::min(stat.rfind(')'), stat.size()));
  for (unsigned at = 2; at < number; ++at) rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  std::uint64_t value = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

/// Seconds since 1970 at which the host booted.
double boot_time() {
  const auto stat = read_file("/proc/stat").value_or({});
  const auto at = stat.find("\nbtime ");
  if (at == std::string::npos) return 0;
  double seconds = 0;
  std::from_chars(stat.data() + at + 7, stat.data() + stat.size(), seconds);
  return seconds;
}

std::size_t open_descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count > 3 ? count - 3 : 0;  // ".", ".." and the directory itself
}

/// The names that Prometheus' own client libraries use.
void append_process(std::string& out) {
  const auto stat = read_file("/proc/self/stat").value_or({});
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  append_one(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
             static_cast<double>(stat_field(stat, 14) + stat_field(stat, 15)) / ticks);
  append_one(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
             stat_field(stat, 24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  append_one(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", stat_field(stat, 23));
  append_one(out, "process_open_fds", "gauge", "Number of open file descriptors.", open_descriptors());
  append_one(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.", descriptors.rlim_cur);
  append_one(out, "process_threads", "gauge", "Number of threads.", stat_field(stat, 20));
  append_one(out, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
             fmt::format("{:.2f}", boot_time() + static_cast<double>(stat_field(stat, 22)) / ticks));
}

/// What berth-logd counts, as of a few seconds ago.
void append_logs(std::string& out) {
  const auto now = log_counters().read();
  append_one(out, "berth_log_lines_total", "counter", "Lines of containers that were stored.", now.stored);
  append_one(out, "berth_log_files_missed_lines_total", "counter",
             "Lines that the journal has, and the log files beside it have not.", now.files_missed);
  append_one(out, "berth_log_waiting_containers", "gauge",
             "Containers whose output cannot be stored now, because of a full disk for one.", now.waiting);
  append_family(out, "berth_log_lines_dropped_total", "counter",
                "Lines of a container that were over its limit and not stored.");
  for (const auto& [container, lines] : now.dropped) {
    const auto& [ns, pod, name] = container;
    out += fmt::format("berth_log_lines_dropped_total{{namespace=\"{}\",pod=\"{}\",container=\"{}\"}} {}\n",
                       escape_label(ns), escape_label(pod), escape_label(name), lines);
  }
}

void append_counters(std::string& out) {
  const auto& now = counters();
  append_family(out, "apiserver_longrunning_requests", "gauge", "Requests that last long by nature, now.");
  out += fmt::format("apiserver_longrunning_requests{{verb=\"WATCH\"}} {}\n", now.api_watches.load());
  append_one(out, "berth_api_connections", "gauge", "Open connections to the API.", now.api_connections.load());
  append_one(out, "berth_runtime_calls_total", "counter", "Calls of containerd.", now.runtime_calls.load());
  append_one(out, "berth_runtime_call_errors_total", "counter",
             "Calls of containerd that failed; that something is not there is no failure.", now.runtime_errors.load());
  append_family(out, "berth_runtime_call_duration_seconds", "histogram",
                "Time of one call of containerd; streams of its events are none.");
  append_histogram(out, "berth_runtime_call_duration_seconds", "", now.runtime_call);
  append_family(out, "berth_store_commit_duration_seconds", "histogram",
                "Time to bring one group of writes into the store's file, and to disk where it has to be durable.");
  append_histogram(out, "berth_store_commit_duration_seconds", "", now.store_commit);
  append_one(out, "berth_store_commit_errors_total", "counter", "Groups of writes that the store's file refused.",
             now.store_errors.load());
  append_one(out, "berth_dns_queries_total", "counter", "DNS queries received.", now.dns_queries.load());
  append_one(out, "berth_dns_cache_hits_total", "counter", "DNS queries for names outside that were in the cache.",
             now.dns_cache_hits.load());
  append_one(out, "berth_dns_forwarded_total", "counter", "DNS queries that the host's resolvers were asked.",
             now.dns_forwarded.load());
  append_one(out, "berth_dns_forward_errors_total", "counter", "DNS queries that no resolver of the host answered.",
             now.dns_forward_errors.load());
  append_one(out, "berth_volume_jobs_total", "counter", "Jobs of berth-volume that have ended.",
             now.volume_jobs.load());
  append_one(out, "berth_volume_job_errors_total", "counter", "Jobs of berth-volume that failed or were given up.",
             now.volume_job_errors.load());
  append_family(out, "berth_events_total", "counter", "Events that the agent told, repetitions included, by type.");
  out += fmt::format("berth_events_total{{type=\"Normal\"}} {}\nberth_events_total{{type=\"Warning\"}} {}\n",
                     now.events_normal.load(), now.events_warning.load());
  if (const auto errors = now.manifest_errors.values(); !errors.empty()) {
    append_family(out, "berth_manifest_errors", "gauge", "What is wrong in the manifests of each source, now.");
    for (const auto& [source, count] : errors) {
      out += fmt::format("berth_manifest_errors{{source=\"{}\"}} {}\n", escape_label(source), count);
    }
  }
  append_family(out, "kubelet_pod_start_duration_seconds", "histogram",
                "From the moment that the agent sees a pod until it is Running, pulls of images included.");
  append_histogram(out, "kubelet_pod_start_duration_seconds", "", now.pod_start);
}

/// What the kubelet serves at /metrics/resource, under the same names.
std::string resource_page(const store::Store& store, const UsageSample& sample) {
  std::string cpu;
  std::string memory;
  store.visit(Kind::Pod, {}, [&](const model::ObjectPtr& pod) {
    for (const auto* list : {"containers", "initContainers"}) {
      for (const auto& entry : array_at(pod->raw, {"spec", list})) {
        if (!entry.is_object()) continue;
        const auto name = text_at(entry.get_object(), {"name"});
        const auto found = sample.containers.find(container_view(*pod, name).id);
        if (found == sample.containers.end()) continue;
        const auto labels = fmt::format(R"(container="{}",namespace="{}",pod="{}")", escape_label(name),
                                        escape_label(pod->meta.ns), escape_label(pod->meta.name));
        const auto millis =
            std::chrono::duration_cast<std::chrono::milliseconds>(found->second.at.time_since_epoch()).count();
        cpu += fmt::format("container_cpu_usage_seconds_total{{{}}} {} {}\n", labels,
                           static_cast<double>(found->second.cpu_nanoseconds) / 1e9, millis);
        memory +=
            fmt::format("container_memory_working_set_bytes{{{}}} {} {}\n", labels, found->second.memory_bytes, millis);
      }
    }
  });
  std::string out;
  append_family(out, "container_cpu_usage_seconds_total", "counter",
                "Cumulative cpu time consumed by the container in core-seconds");
  out += cpu;
  append_family(out, "container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes");
  out += memory;
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(sample.at.time_since_epoch()).count();
  append_family(out, "node_cpu_usage_seconds_total", "counter",
                "Cumulative cpu time consumed by the node in core-seconds");
  out += fmt::format("node_cpu_usage_seconds_total {} {}\n", static_cast<double>(sample.node.cpu_nanoseconds) / 1e9,
                     millis);
  append_family(out, "node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes");
  out += fmt::format("node_memory_working_set_bytes {} {}\n", sample.node.memory_bytes, millis);
  append_one(out, "resource_scrape_error", "gauge",
             "1 if there was an error while getting container metrics, 0 otherwise", 0);
  return out;
}

HttpResponse text_page(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = std::move(body);
  return response;
}

}  // namespace

bool handle_metrics_page(ApiContext& context, const Target& target, Method method, const Respond& respond) {
  const auto& segments = target.segments;
  if (segments.empty() || segments[0] != "metrics" || segments.size() > 2) return false;
  const bool resource = segments.size() == 2 && segments[1] == "resource";
  if (segments.size() == 2 && !resource) return false;
  if (method != Method::Get) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  if (resource) {
    context.usage->sample([&context, respond](const Result<std::shared_ptr<const UsageSample>>& sample) {
      respond(sample ? text_page(resource_page(context.store, **sample))
                     : to_response(internal(sample.error().message())));
    });
    return true;
  }
  std::string out;
  append_family(out, "berth_build_info", "gauge", "1; what this is, in its labels.");
  out += "berth_build_info{version=\"" BERTH_VERSION "\"} 1\n";
  context.requests->append(out);
  context.lane.run([&store = context.store, ask = context.config.host_status, out = std::move(out),
                    post = context.reactor.post(), respond]() mutable {
    append_counters(out);
    append_logs(out);
    append_objects(out, store);
    if (ask) append_host(out, ask());
    append_process(out);
    post([respond, body = std::make_shared<std::string>(std::move(out))] { respond(text_page(std::move(*body))); });
  });
  return true;
}

void append_family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

std::string escape_label(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace berth::api
