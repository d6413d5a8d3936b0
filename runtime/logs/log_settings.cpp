// runtime/logs/log_settings.cpp - see runtime/log_settings.hpp.
#include "runtime/log_settings.hpp"

#include "base/atomic_file.hpp"
#include "runtime/logs/log_files.hpp"
#include "runtime/logs/log_owner.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDirectoryKey = "DIRECTORY=";
constexpr std::string_view kLinksKey = "LINKS=";

/// `concerns` is asked with each uid.
template <typename Concerns>
Status mark_gone(const LogSettings& settings, const fs::path& state_dir, const Concerns& concerns) {
  Status first = Ok{};
  if (settings.directory.empty()) return first;
  std::error_code error;
  for (fs::directory_iterator it(settings.directory, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    const auto before = name.rfind('_');  // No uid has one.
    if (before == std::string::npos || !concerns(name.substr(before + 1))) continue;
    const auto owner = read_log_owner(it->path());
    if (owner.name != state_dir || owner.gone) continue;
    auto written = write_log_owner(it->path(), {.name = owner.name, .gone = true});
    if (!written && first) first = std::move(written);
  }
  return first;
}

std::string encode(const LogSettings& settings) {
  return std::string(kDirectoryKey) + settings.directory.string() + "\n" + std::string(kLinksKey) +
         settings.links.string() + "\n";
}

}  // namespace

LogSettings no_log_settings() { return {.directory = {}, .links = {}}; }

fs::path log_settings_path(const fs::path& run_dir) { return run_dir / "io" / kLogSettingsFile; }

Status write_log_settings(const fs::path& run_dir, const LogSettings& settings) {
  const auto path = log_settings_path(run_dir);
  const auto text = encode(settings);
  if (const auto there = read_file(path); there && *there == text) return Ok{};
  if (auto made = make_directories(path.parent_path(), 0711); !made) return made;
  return write_file(path, text, 0600);
}

LogSettings read_log_settings(const fs::path& run_dir) {
  auto settings = no_log_settings();
  const auto text = read_file(log_settings_path(run_dir));
  if (!text) return settings;
  for (std::string_view left = *text; !left.empty();) {
    const auto end = std::min(left.find('\n'), left.size());
    const auto line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    if (line.starts_with(kDirectoryKey)) settings.directory = line.substr(kDirectoryKey.size());
    if (line.starts_with(kLinksKey)) settings.links = line.substr(kLinksKey.size());
  }
  return settings;
}

fs::path log_directory(const LogSettings& settings, const fs::path& state_dir) {
  return settings.directory.empty() ? state_dir / "logs" : settings.directory;
}

Status mark_pod_logs_gone(const LogSettings& settings, const fs::path& state_dir, const std::string& uid) {
  return mark_gone(settings, state_dir, [&](const std::string& other) { return other == uid; });
}

Status mark_other_logs_gone(const LogSettings& settings, const fs::path& state_dir, const std::set<std::string>& here) {
  return mark_gone(settings, state_dir, [&](const std::string& other) { return !here.contains(other); });
}

}  // namespace berth::runtime
