// runtime/logs/log_files.cpp - see log_files.hpp.
#include "runtime/logs/log_files.hpp"

#include <algorithm>
#include <charconv>
#include <climits>
#include <ctime>

#include <fmt/format.h>

#include "base/fnv.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStampShape = "dddddddd-dddddd";
constexpr unsigned kMostInASecond = 999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string stamp(std::time_t seconds) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::time_t seconds_of(std::string_view stamp) {
  std::tm parts{};
  parts.tm_year = number(stamp.substr(0, 4)) - 1900;
  parts.tm_mon = number(stamp.substr(4, 2)) - 1;
  parts.tm_mday = number(stamp.substr(6, 2));
  parts.tm_hour = number(stamp.substr(9, 2));
  parts.tm_min = number(stamp.substr(11, 2));
  parts.tm_sec = number(stamp.substr(13, 2));
  return ::timegm(&parts);
}

bool is_stamp(std::string_view text) {
  if (text.size() < kStampShape.size()) return false;
  for (std::size_t i = 0; i < kStampShape.size(); ++i) {
    if (kStampShape[i] == 'd' ? !is_digit(text[i]) : text[i] != '-') return false;
  }
  const auto rest = text.substr(kStampShape.size());
  return rest.empty() || (rest.size() == 4 && rest[0] == '.' && std::all_of(rest.begin() + 1, rest.end(), is_digit));
}

/// Larger is newer; empty: no rotated file's suffix.
std::string age_key(std::string_view suffix) {
  if (is_stamp(suffix)) return "1" + std::string(suffix);
  if (suffix.size() == 1 && suffix[0] >= '1' && suffix[0] <= '9')
    return {'0', static_cast<char>('0' + '9' - suffix[0])};
  return {};
}

std::string long_hash(std::string_view text) {
  std::string out;
  for (const std::string_view salt : {"1", "2", "3", "4"}) {
    fmt::format_to(std::back_inserter(out), "{:016x}", Fnv1a().add(salt).add(text).value());
  }
  return out;
}

}  // namespace

std::string pod_log_folder(const LogSource& source) {
  auto name = source.ns + "_" + source.pod + "_" + source.pod_uid;
  if (name.size() <= NAME_MAX) return name;
  // Names with equal hashes still differ in the uid.
  const auto hash = fmt::format("~{:016x}", Fnv1a().add(name).value());
  // The uid stays at the end: living pods are known by it.
  const auto rest = source.ns.size() + source.pod_uid.size() + 2 + hash.size();
  if (rest >= NAME_MAX) return name.substr(0, NAME_MAX - hash.size()) + hash;  // Not Kubernetes' kind of names.
  return source.ns + "_" + source.pod.substr(0, NAME_MAX - rest) + hash + "_" + source.pod_uid;
}

fs::path log_file_path(const fs::path& directory, const LogSource& source) {
  return directory / pod_log_folder(source) / source.container / (std::to_string(source.attempt) + ".log");
}

std::string log_link_name(const LogSource& source) {
  const auto rest = "_" + source.ns + "_" + source.container + "-" + long_hash(source.container_id) + ".log";
  if (rest.size() >= NAME_MAX) return long_hash(source.container_id) + ".log";  // Not Kubernetes' kind of names.
  auto pod = source.pod.substr(0, NAME_MAX - rest.size());
  // A name ends with a letter or digit for those who take it apart.
  while (!pod.empty() && (pod.back() == '-' || pod.back() == '.')) pod.pop_back();
  return pod + rest;
}

std::string rotated_suffix(WallTime now, std::string_view newest) {
  if (newest.starts_with('.')) newest.remove_prefix(1);
  const auto current = stamp(std::chrono::system_clock::to_time_t(now));
  if (!is_stamp(newest)) return "." + current;
  const auto before = newest.substr(0, kStampShape.size());
  if (current > before) return "." + current;
  const auto count =
      newest.size() > before.size() ? static_cast<unsigned>(number(newest.substr(before.size() + 1))) : 0;
  if (count < kMostInASecond) return fmt::format(".{}.{:03}", before, count + 1);
  return "." + stamp(seconds_of(before) + 1);
}

std::vector<fs::path> rotated_log_files(const fs::path& current) {
  const auto name = current.filename().string() + ".";
  std::vector<std::pair<std::string, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(current.parent_path(), error), end; !error && it != end; it.increment(error)) {
    const auto other = it->path().filename().string();
    if (!other.starts_with(name)) continue;
    if (auto key = age_key(std::string_view(other).substr(name.size())); !key.empty()) {
      found.emplace_back(std::move(key), it->path());
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<fs::path> paths;
  paths.reserve(found.size());
  for (auto& [key, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace berth::runtime
