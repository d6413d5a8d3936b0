// model/ailments.cpp - see ailments.hpp.
#include "model/ailments.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace berth::model {
namespace {

/// The kubelet's eviction threshold nodefs.available: below it a host has trouble soon.
constexpr std::uint64_t kDiskPercent = 10;

std::string full_name(const json::value& object) {
  return fmt::format("{}/{}", find_string(object, {"metadata", "namespace"}),
                     find_string(object, {"metadata", "name"}));
}

const json::array& list_at(const json::value& from, std::initializer_list<std::string_view> path) {
  static const json::array kNone;
  const auto* found = find(from, path);
  return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

std::int64_t whole_number_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const auto* found = find(from, path);
  return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

std::optional<WallTime> time_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const auto time = parse_rfc3339(find_string(from, path));
  return time ? std::optional(*time) : std::nullopt;
}

std::string reason_and_message(std::string_view reason, std::string_view message) {
  if (message.empty()) return std::string(reason);
  if (reason.empty()) return std::string(message);
  return fmt::format("{}: {}", reason, message);
}

/// Why one container does not run, or did not end well; empty when there is nothing to say.
std::string container_sentence(const json::value& status) {
  const auto name = find_string(status, {"name"});
  if (find(status, {"state", "waiting"}) != nullptr) {
    const auto reason = find_string(status, {"state", "waiting", "reason"});
    const auto message = find_string(status, {"state", "waiting", "message"});
    // Only that its turn has not come.
    if (reason == "PodInitializing" && message.empty()) return {};
    return fmt::format("{}: {}", name, reason_and_message(reason, message));
  }
  const auto code = whole_number_at(status, {"state", "terminated", "exitCode"});
  if (code == 0) return {};
  const auto reason = find_string(status, {"state", "terminated", "reason"});
  return fmt::format("{}: {}, exit code {}", name, reason.empty() ? "ended" : reason, code);
}

const json::value* condition(const json::value& object, std::string_view type) {
  for (const auto& each : list_at(object, {"status", "conditions"})) {
    if (find_string(each, {"type"}) == type) return &each;
  }
  return nullptr;
}

bool is_true(const json::value* condition) {
  return condition != nullptr && find_string(*condition, {"status"}) == "True";
}

/// Since when the pod is not well: its Ready condition's change, else its creation.
std::optional<WallTime> pod_since(const json::value& pod) {
  if (const auto* ready = condition(pod, "Ready")) {
    if (const auto changed = time_at(*ready, {"lastTransitionTime"})) return changed;
  }
  return time_at(pod, {"metadata", "creationTimestamp"});
}

/// What the last Warning about this object says; empty when there is none.
std::string last_warning(const std::vector<json::value>& events, const json::value& object) {
  std::string_view newest;
  std::string out;
  for (const auto& event : events) {
    if (find_string(event, {"type"}) != "Warning" ||
        find_string(event, {"involvedObject", "uid"}) != find_string(object, {"metadata", "uid"}))
      continue;
    const auto time = find_string(event, {"lastTimestamp"});
    if (!out.empty() && time < newest) continue;
    newest = time;
    out = reason_and_message(find_string(event, {"reason"}), find_string(event, {"message"}));
  }
  return out;
}

void add_problems(std::vector<Ailment>& out, const char* what, const std::vector<HostProblem>& problems) {
  for (const auto& problem : problems) {
    auto subject = problem.subject;
    if (problem.line > 0) subject += fmt::format(":{}", problem.line);
    out.push_back({what, std::move(subject), problem.message, problem.since, problem.warning});
  }
}

void add_objects(std::vector<Ailment>& out, const HostObjects& objects) {
  for (const auto& pod : objects.pods) {
    auto sentence = pod_sentence(pod);
    if (sentence.empty()) continue;
    out.push_back({"pod", full_name(pod), std::move(sentence), pod_since(pod), false});
  }
  for (const auto& claim : objects.claims) {
    const auto phase = find_string(claim, {"status", "phase"}, "Pending");
    if (phase == "Bound") continue;
    out.push_back({"claim", full_name(claim), reason_and_message(phase, last_warning(objects.events, claim)),
                   time_at(claim, {"metadata", "creationTimestamp"}), false});
  }
}

void add_disks(std::vector<Ailment>& out, const std::vector<DiskStatus>& disks) {
  for (const auto& disk : disks) {
    if (!disk.error.empty()) {
      out.push_back({"disk", disk.path, disk.error, {}, false});
    } else if (disk.free_bytes < disk.total_bytes / 100 * kDiskPercent) {
      out.push_back({"disk",
                     disk.path,
                     fmt::format("only {} of {} free", bytes_text(disk.free_bytes), bytes_text(disk.total_bytes)),
                     {},
                     disk.free_bytes > 0});
    }
  }
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string pod_sentence(const json::value& pod) {
  const auto phase = find_string(pod, {"status", "phase"}, "Pending");
  if (!find_string(pod, {"metadata", "deletionTimestamp"}).empty()) return "Terminating";
  if (phase == "Succeeded" || (phase == "Running" && is_true(condition(pod, "Ready")))) return {};
  for (const auto* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const auto& status : list_at(pod, {"status", list})) {
      if (auto sentence = container_sentence(status); !sentence.empty()) return sentence;
    }
  }
  if (auto own = reason_and_message(find_string(pod, {"status", "reason"}), find_string(pod, {"status", "message"}));
      !own.empty()) {
    return own;
  }
  for (const auto* type : {"PodScheduled", "Ready"}) {
    const auto* unmet = condition(pod, type);
    if (unmet == nullptr || is_true(unmet)) continue;
    auto sentence = reason_and_message(find_string(*unmet, {"reason"}), find_string(*unmet, {"message"}));
    if (!sentence.empty()) return sentence;
  }
  return fmt::format("{}, not ready", phase);
}

std::vector<Ailment> ailments(const HostStatus& status, const HostObjects& objects) {
  std::vector<Ailment> out;
  if (!status.containerd.error.empty()) {
    out.push_back({"containerd", status.containerd.address, status.containerd.error, status.containerd.since, false});
  }
  add_problems(out, "containerd", status.containerd.silent);
  add_problems(out, "store", status.store.problems);
  add_problems(out, "cluster", status.cluster);
  add_disks(out, status.disks);
  for (const auto& stranger : status.strangers) {
    out.push_back(
        {"stranger",
         fmt::format("{}/{}", stranger.ns, stranger.name),
         fmt::format("runs here and has no object: {}; berth pods adopt {}, or remove", stranger.why, stranger.uid),
         {},
         false});
  }
  add_problems(out, "log", status.logs);
  for (const auto& source : status.sources) {
    if (!source.error.empty()) {
      out.push_back({"source", source.name, source.error, source.error_since, false});
    }
    add_problems(out, "manifest", source.problems);
  }
  add_objects(out, objects);
  std::stable_partition(out.begin(), out.end(), [](const auto& each) { return !each.warning; });
  return out;
}

json::array encode_ailments(const std::vector<Ailment>& ailing) {
  json::array out;
  for (const auto& each : ailing) {
    json::object row{{"what", each.what}, {"subject", each.subject}, {"sentence", each.sentence}};
    if (each.since) row["since"] = format_rfc3339(*each.since);
    if (each.warning) row["warning"] = true;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace berth::model
