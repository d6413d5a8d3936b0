// cli/host_text.cpp - see host_text.hpp.
#include "cli/host_text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {
namespace {

std::string full_name(const json::value& object) { return fmt::format("{}/{}", namespace_of(object), name_of(object)); }

std::string ago(const std::optional<WallTime>& time, WallClock::time_point now) {
  if (!time) return {};
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *time));
}

std::string pods_line(const HostPicture& picture) {
  std::size_t ready = 0;
  std::size_t done = 0;
  for (const auto& pod : picture.objects.pods) {
    const auto well = model::pod_sentence(pod).empty();
    const bool ended = find_string(pod, {"status", "phase"}) == "Succeeded";
    ready += well && !ended ? 1U : 0U;
    done += ended ? 1U : 0U;
  }
  auto line = fmt::format("{}: {} ready", picture.objects.pods.size(), ready);
  if (done != 0) line += fmt::format(", {} completed", done);
  if (const auto rest = picture.objects.pods.size() - ready - done; rest != 0) line += fmt::format(", {} not", rest);
  return line;
}

std::string claims_line(const HostPicture& picture) {
  const auto bound = std::count_if(picture.objects.claims.begin(), picture.objects.claims.end(), [](const auto& claim) {
    return find_string(claim, {"status", "phase"}) == "Bound";
  });
  return fmt::format("{}: {} bound", picture.objects.claims.size(), bound);
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

std::string since_text(const model::Ailment& ailment, WallClock::time_point now) {
  return ailment.since ? ago(ailment.since, now) : "-";
}

std::string host_text(const HostPicture& picture, const std::vector<model::Ailment>& ailing) {
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
    row("Disk", fmt::format("{}: {} of {} free", disk.path, model::bytes_text(disk.free_bytes),
                            model::bytes_text(disk.total_bytes)));
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
                        since_text(each, picture.now), one_line(each.subject), one_line(each.sentence));
  }
  return out + "\nNot well:\n" + align_tabs(list, 0, 2);
}

}  // namespace berth::cli
