// cli/host_text.cpp - see host_text.hpp.
#include "cli/host_text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {
namespace {

/// The kubelet's eviction threshold nodefs.available: below it a host has trouble soon.
constexpr std::uint64_t kDiskPercent = 10;

std::string full_name(const json::value& object) { return fmt::format("{}/{}", namespace_of(object), name_of(object)); }

std::string ago(const std::optional<WallTime>& time, WallClock::time_point now) {
  if (!time) return {};
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *time));
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
    // Only that its turn has not come.
    if (reason == "PodInitializing") return {};
    return fmt::format("{}: {}", name,
                       reason_and_message(reason, find_string(status, {"state", "waiting", "message"})));
  }
  const auto code = number_at(status, {"state", "terminated", "exitCode"}, 0);
  if (code == 0) return {};
  const auto reason = find_string(status, {"state", "terminated", "reason"});
  return fmt::format("{}: {}, exit code {}", name, reason.empty() ? "ended" : reason, code);
}

const json::value* condition(const json::value& object, std::string_view type) {
  for (const auto& each : page::list(object, {"status", "conditions"})) {
    if (find_string(each, {"type"}) == type) return &each;
  }
  return nullptr;
}

bool is_true(const json::value* condition) {
  return condition != nullptr && find_string(*condition, {"status"}) == "True";
}

/// Since when the pod is not well: its Ready condition's change, else its creation.
std::string pod_since(const json::value& pod, WallClock::time_point now) {
  const auto* ready = condition(pod, "Ready");
  const auto changed = ready == nullptr ? std::string_view() : find_string(*ready, {"lastTransitionTime"});
  return age_text(changed.empty() ? find_string(pod, {"metadata", "creationTimestamp"}) : changed, now);
}

/// What the last Warning about this object says; empty when there is none.
std::string last_warning(const std::vector<json::value>& events, const json::value& object) {
  std::string_view newest;
  std::string out;
  for (const auto& event : events) {
    if (find_string(event, {"type"}) != "Warning" || find_string(event, {"involvedObject", "uid"}) != uid_of(object))
      continue;
    const auto time = find_string(event, {"lastTimestamp"});
    if (!out.empty() && time < newest) continue;
    newest = time;
    out = reason_and_message(find_string(event, {"reason"}), find_string(event, {"message"}));
  }
  return out;
}

void add_problems(std::vector<Ailment>& out, const char* what, const std::vector<model::HostProblem>& problems,
                  WallClock::time_point now) {
  for (const auto& problem : problems) {
    auto subject = problem.subject;
    if (problem.line > 0) subject += fmt::format(":{}", problem.line);
    out.push_back({what, std::move(subject), problem.message, ago(problem.since, now), problem.warning});
  }
}

void add_objects(std::vector<Ailment>& out, const HostPicture& picture) {
  for (const auto& pod : picture.pods) {
    auto sentence = pod_sentence(pod);
    if (sentence.empty()) continue;
    out.push_back({"pod", full_name(pod), std::move(sentence), pod_since(pod, picture.now), false});
  }
  for (const auto& claim : picture.claims) {
    const auto phase = find_string(claim, {"status", "phase"}, "Pending");
    if (phase == "Bound") continue;
    out.push_back({"claim", full_name(claim), reason_and_message(phase, last_warning(picture.events, claim)),
                   age_text(find_string(claim, {"metadata", "creationTimestamp"}), picture.now), false});
  }
}

void add_disks(std::vector<Ailment>& out, const HostPicture& picture) {
  for (const auto& disk : picture.status.disks) {
    if (!disk.error.empty()) {
      out.push_back({"disk", disk.path, disk.error, "", false});
    } else if (disk.free_bytes < disk.total_bytes / 100 * kDiskPercent) {
      out.push_back({"disk", disk.path,
                     fmt::format("only {} of {} free", bytes_text(disk.free_bytes), bytes_text(disk.total_bytes)), "",
                     disk.free_bytes > 0});
    }
  }
}

std::string pods_line(const HostPicture& picture) {
  std::size_t ready = 0;
  std::size_t done = 0;
  for (const auto& pod : picture.pods) {
    const auto well = pod_sentence(pod).empty();
    const bool ended = find_string(pod, {"status", "phase"}) == "Succeeded";
    ready += well && !ended ? 1U : 0U;
    done += ended ? 1U : 0U;
  }
  auto line = fmt::format("{}: {} ready", picture.pods.size(), ready);
  if (done != 0) line += fmt::format(", {} completed", done);
  if (const auto rest = picture.pods.size() - ready - done; rest != 0) line += fmt::format(", {} not", rest);
  return line;
}

std::string claims_line(const HostPicture& picture) {
  const auto bound = std::count_if(picture.claims.begin(), picture.claims.end(), [](const auto& claim) {
    return find_string(claim, {"status", "phase"}) == "Bound";
  });
  return fmt::format("{}: {} bound", picture.claims.size(), bound);
}

std::string names_line(const HostPicture& picture) {
  std::set<std::string> answering;
  for (const auto& endpoints : picture.endpoints) {
    for (const auto& subset : page::list(endpoints, {"subsets"})) {
      if (!page::list(subset, {"addresses"}).empty()) answering.insert(full_name(endpoints));
    }
  }
  const auto with_address = std::count_if(picture.services.begin(), picture.services.end(),
                                          [&](const auto& service) { return answering.contains(full_name(service)); });
  return fmt::format("{} services, {} with an address", picture.services.size(), with_address);
}

std::string source_line(const model::SourceStatus& source, WallClock::time_point now) {
  if (!source.read_at) return source.error.empty() ? "not read yet" : "never read";
  const auto bad =
      std::count_if(source.problems.begin(), source.problems.end(), [](const auto& each) { return !each.warning; });
  auto line = fmt::format("{} files, {} objects, read {} ago", source.files, source.objects, ago(source.read_at, now));
  if (bad != 0) line += fmt::format(", {} error{}", bad, bad == 1 ? "" : "s");
  if (!source.error.empty()) line += "; cannot be read now";
  return line;
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
    for (const auto& status : page::list(pod, {"status", list})) {
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

std::vector<Ailment> ailments(const HostPicture& picture) {
  const auto& status = picture.status;
  std::vector<Ailment> out;
  if (!status.containerd.error.empty()) {
    out.push_back({"containerd", status.containerd.address, status.containerd.error,
                   ago(status.containerd.since, picture.now), false});
  }
  add_problems(out, "store", status.store.problems, picture.now);
  add_disks(out, picture);
  for (const auto& stranger : status.strangers) {
    out.push_back(
        {"stranger", fmt::format("{}/{}", stranger.ns, stranger.name),
         fmt::format("runs here and has no object: {}; berth pods adopt {}, or remove", stranger.why, stranger.uid), "",
         false});
  }
  for (const auto& source : status.sources) {
    if (!source.error.empty()) {
      out.push_back({"source", source.name, source.error, ago(source.error_since, picture.now), false});
    }
    add_problems(out, "manifest", source.problems, picture.now);
  }
  add_objects(out, picture);
  std::stable_partition(out.begin(), out.end(), [](const auto& each) { return !each.warning; });
  return out;
}

std::string host_text(const HostPicture& picture, const std::vector<Ailment>& ailing) {
  const auto& status = picture.status;
  std::string rows;
  const auto row = [&rows](std::string_view name, const std::string& text) {
    rows += fmt::format("{}\t{}\n", name, text);
  };
  auto agent = fmt::format("berth {} on {}", status.version, status.node);
  if (status.started_at) agent += fmt::format(", up {}", ago(status.started_at, picture.now));
  row("Agent", agent);
  auto version = status.containerd.version;  // "containerd://1.6.20", as a Node has it
  if (const auto slashes = version.find("//"); slashes != std::string::npos) version.erase(0, slashes + 2);
  row("containerd", fmt::format("{} at {}", version.empty() ? "unknown version" : version, status.containerd.address));
  auto store = fmt::format("{}, revision {}", status.store.path, status.store.revision);
  if (status.store.backup_at)
    store += fmt::format("; copied {} ago to {}", ago(status.store.backup_at, picture.now), status.store.backup_path);
  row("Store", store);
  for (const auto& disk : status.disks) {
    if (!disk.error.empty()) continue;
    row("Disk", fmt::format("{}: {} of {} free", disk.path, bytes_text(disk.free_bytes), bytes_text(disk.total_bytes)));
  }
  for (const auto& source : status.sources)
    row("Source", fmt::format("{}: {}", source.name, source_line(source, picture.now)));
  row("Pods", pods_line(picture));
  row("Claims", claims_line(picture));
  row("Names", names_line(picture));
  auto out = align_tabs(rows, 0, 2);
  if (ailing.empty()) return out + "\nAll is well.\n";
  std::string list;
  for (const auto& each : ailing) {
    list += fmt::format("{}\t{}\t{}\t{}\n", each.warning ? "(warning) " + each.what : each.what,
                        each.since.empty() ? "-" : each.since, one_line(each.subject), one_line(each.sentence));
  }
  return out + "\nNot well:\n" + align_tabs(list, 0, 2);
}

}  // namespace berth::cli
