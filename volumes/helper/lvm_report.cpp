// volumes/helper/lvm_report.cpp - see lvm_report.hpp.
#include "volumes/helper/lvm_report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "base/json.hpp"
#include "volumes/helper/step.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::seconds kReport{60};

/// lvm2 writes every value as a string.
std::string text_of(const json::value& row, std::string_view name) { return std::string(find_string(row, {name})); }

std::int64_t number_of(const json::value& row, std::string_view name) {
  const auto text = text_of(row, name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const auto end = list.find(',');
    words.emplace_back(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return words;
}

/// The rows of {"report": [{"lv": [...]}]}.
Result<json::array> rows_of(std::string_view report, std::string_view kind) {
  const auto document = parse_json(report);
  if (!document) return document.error().context("lvm2's report");
  const auto* reports = find(*document, {"report"});
  json::array rows;
  if (reports == nullptr || !reports->is_array()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("lvm2's report: no list of {}s", kind));
  }
  for (const auto& one : reports->get_array()) {
    const auto* list = find(one, {kind});
    if (list == nullptr || !list->is_array()) continue;
    for (const auto& row : list->get_array()) rows.push_back(row);
  }
  return rows;
}

Result<std::string> read_report(const std::string& doing, std::vector<std::string> words) {
  words.insert(words.end(), {"--reportformat", "json", "--units", "b", "--nosuffix"});
  return read_step(doing, lvm_command(std::move(words)), kReport);
}

}  // namespace

bool LogicalVolume::has_tag(std::string_view tag) const {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

Result<std::vector<VolumeGroup>> parse_groups(std::string_view report) {
  const auto rows = rows_of(report, "vg");
  if (!rows) return rows.error();
  std::vector<VolumeGroup> groups;
  for (const auto& row : *rows) {
    groups.push_back({text_of(row, "vg_name"), number_of(row, "vg_size"), number_of(row, "vg_free"),
                      number_of(row, "vg_extent_size")});
  }
  return groups;
}

Result<std::vector<LogicalVolume>> parse_volumes(std::string_view report) {
  const auto rows = rows_of(report, "lv");
  if (!rows) return rows.error();
  std::vector<LogicalVolume> volumes;
  for (const auto& row : *rows) {
    volumes.push_back({.name = text_of(row, "lv_name"),
                       .bytes = number_of(row, "lv_size"),
                       .tags = split(text_of(row, "lv_tags")),
                       .attributes = text_of(row, "lv_attr"),
                       .pool = text_of(row, "pool_lv"),
                       .used = std::strtod(text_of(row, "data_percent").c_str(), nullptr)});
  }
  return volumes;
}

Result<std::vector<VolumeGroup>> read_groups() {
  const auto report = read_report("look for volume groups", {"vgs", "-o", "vg_name,vg_size,vg_free,vg_extent_size"});
  if (!report) return report.error();
  return parse_groups(*report);
}

Result<std::vector<LogicalVolume>> read_volumes(const std::string& group) {
  const auto report = read_report(fmt::format("look at volume group {}", group),
                                  {"lvs", "-o", "lv_name,lv_size,lv_tags,lv_attr,pool_lv,data_percent", group});
  if (!report) return report.error();
  return parse_volumes(*report);
}

std::vector<std::string> lvm_command(std::vector<std::string> words) {
  if (::access("/run/udev/control", F_OK) != 0) {
    words.insert(words.end(), {"--config", "activation{udev_sync=0 udev_rules=0}"});
  }
  return words;
}

std::int64_t unpromised_bytes(const LogicalVolume& pool, const std::vector<LogicalVolume>& volumes) {
  const auto part = [](std::int64_t bytes, double percent) {
    return static_cast<std::int64_t>(static_cast<double>(bytes) * percent / 100.0);
  };
  auto left = pool.bytes - part(pool.bytes, pool.used);
  for (const auto& volume : volumes) {
    if (volume.pool == pool.name) left -= volume.bytes - part(volume.bytes, volume.used);
  }
  return left;
}

}  // namespace berth::volumes::helper
