// cli/describe_page.cpp - pieces that descriptions of several kinds share.
#include "cli/describe_page.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli::page {

namespace {

constexpr std::size_t kLongestAnnotation = 140;

std::vector<std::pair<std::string, std::string>> sorted(const json::value* map) {
  std::vector<std::pair<std::string, std::string>> out;
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [key, value] : map->get_object()) out.emplace_back(std::string(key), plain_text(value));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string text(const json::value& from, Path path, std::string_view fallback) {
  const auto* value = find(from, path);
  if (value == nullptr || value->is_null()) return std::string(fallback);
  auto out = one_line(plain_text(*value));
  return out.empty() ? std::string(fallback) : out;
}

const json::array& list(const json::value& from, Path path) {
  static const json::array kEmpty;
  const auto* value = find(from, path);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

std::string joined(const json::array& values, std::string_view separator) {
  std::string out;
  for (const auto& value : values) {
    if (!out.empty()) out += separator;
    out += one_line(plain_text(value));
  }
  return out;
}

std::string label_text(const json::value* labels) {
  std::string out;
  for (const auto& [key, value] : sorted(labels)) out += fmt::format("{}{}={}", out.empty() ? "" : ",", key, value);
  return out.empty() ? "<none>" : out;
}

bool is_true(const json::value& from, Path path) {
  const auto* value = find(from, path);
  return value != nullptr && value->is_bool() && value->get_bool();
}

void labels(std::string& out, std::string_view indent, std::string_view title, const json::value* map) {
  out += fmt::format("{}{}:\t", indent, title);
  const auto all = sorted(map);
  if (all.empty()) out += "<none>\n";
  bool first = true;
  for (const auto& [key, value] : all) {
    if (!first) out += fmt::format("{}\t", indent);
    first = false;
    out += fmt::format("{}={}\n", key, one_line(value));
  }
}

void annotations(std::string& out, std::string_view indent, std::string_view title, const json::value* map) {
  out += fmt::format("{}{}:\t", indent, title);
  bool first = true;
  for (auto [key, value] : sorted(map)) {
    if (key == "kubectl.kubernetes.io/last-applied-configuration") continue;
    if (!first) out += fmt::format("{}\t", indent);
    first = false;
    if (value.ends_with('\n')) value.pop_back();
    if (key.size() + value.size() + 2 <= kLongestAnnotation && value.find('\n') == std::string::npos) {
      out += fmt::format("{}: {}\n", key, one_line(value));
      continue;
    }
    out += fmt::format("{}:\n", key);
    std::string_view rest = value;
    while (true) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const auto line = rest.substr(0, end);
      const bool fits = line.size() <= kLongestAnnotation - 2;
      out += fmt::format("{}\t  {}{}\n", indent, one_line(line.substr(0, kLongestAnnotation - 2)), fits ? "" : "...");
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
  }
  if (first) out += "<none>\n";
}

void tolerations(std::string& out, std::string_view indent, const json::array& all) {
  out += fmt::format("{}Tolerations:\t", indent);
  if (all.empty()) out += "<none>\n";
  bool first = true;
  for (const auto& one : all) {
    if (!first) out += fmt::format("{}\t", indent);
    first = false;
    const auto key = text(one, {"key"});
    const auto value = text(one, {"value"});
    const auto effect = text(one, {"effect"});
    out += key;
    if (!value.empty()) out += fmt::format("={}", value);
    if (!effect.empty()) out += fmt::format(":{}", effect);
    if (text(one, {"operator"}) == "Exists" && value.empty()) {
      out += key.empty() && effect.empty() ? "op=Exists" : " op=Exists";
    }
    if (const auto seconds = number_at(one, {"tolerationSeconds"}, -1); seconds >= 0)
      out += fmt::format(" for {}s", seconds);
    out += '\n';
  }
}

void head(std::string& out, const json::value& object, bool namespaced) {
  out += fmt::format("Name:\t{}\n", name_of(object));
  if (namespaced) out += fmt::format("Namespace:\t{}\n", namespace_of(object));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
}

void pods_status(std::string& out, const Related& related) {
  int running = 0;
  int waiting = 0;
  int succeeded = 0;
  int failed = 0;
  for (const auto& one : related.pods) {
    const auto phase = find_string(one, {"status", "phase"});
    if (phase == "Running") ++running;
    if (phase == "Pending") ++waiting;
    if (phase == "Succeeded") ++succeeded;
    if (phase == "Failed") ++failed;
  }
  out += fmt::format("Pods Status:\t{} Running / {} Waiting / {} Succeeded / {} Failed\n", running, waiting, succeeded,
                     failed);
}

std::string access_modes(const json::array& modes) {
  std::string out;
  for (const auto& mode : modes) {
    const auto name = plain_text(mode);
    const std::string_view brief = name == "ReadWriteOnce"      ? "RWO"
                                   : name == "ReadOnlyMany"     ? "ROX"
                                   : name == "ReadWriteMany"    ? "RWX"
                                   : name == "ReadWriteOncePod" ? "RWOP"
                                                                : std::string_view(name);
    out += fmt::format("{}{}", out.empty() ? "" : ",", brief);
  }
  return out;
}

}  // namespace berth::cli::page
