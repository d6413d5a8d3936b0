// api/usage/health_page.cpp - see health_page.hpp.
#include "api/usage/health_page.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace berth::api {
namespace {

HttpResponse plain_text(unsigned code, std::string text) {
  HttpResponse response;
  response.code = code;
  response.content_type = "text/plain; charset=utf-8";
  if (code != 200) response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.body = std::move(text);
  return response;
}

std::string reason(const Status& status, bool tells_why) {
  return tells_why ? status.error().message() : "reason withheld";
}

HttpResponse one_check(const std::vector<std::pair<std::string, Status>>& checks, const std::string& name,
                       bool tells_why) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const auto& each) { return each.first == name; });
  if (found == checks.end()) return plain_text(404, "404 page not found\n");
  if (found->second) return plain_text(200, "ok");
  return plain_text(500, fmt::format("internal server error: {}\n", reason(found->second, tells_why)));
}

}  // namespace

bool is_health_page(const Target& target) {
  const auto& segments = target.segments;
  if (segments.empty() || segments.size() > 2) return false;
  return segments[0] == "healthz" || segments[0] == "readyz" || segments[0] == "livez";
}

HttpResponse health_page(const HealthCheck& health, const Target& target, bool tells_why) {
  const auto& which = target.segments[0];
  // We answer, so we live. That something else is away is no reason to start us anew.
  std::vector<std::pair<std::string, Status>> checks{{"ping", Ok{}}};
  if (which != "livez" && health) {
    for (auto& check : health()) checks.push_back(std::move(check));
  }
  if (target.segments.size() == 2) return one_check(checks, target.segments[1], tells_why);

  const auto given = target.query.all("exclude");
  std::set<std::string> excluded(given.begin(), given.end());
  std::string lines;
  bool failed = false;
  for (const auto& [name, status] : checks) {
    if (excluded.erase(name) != 0) {
      lines += fmt::format("[+]{} excluded: ok\n", name);
    } else if (status) {
      lines += fmt::format("[+]{} ok\n", name);
    } else {
      failed = true;
      lines += fmt::format("[-]{} failed: {}\n", name, reason(status, tells_why));
    }
  }
  if (!excluded.empty()) {
    std::string names;
    for (const auto& name : excluded) names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", name);
    lines += fmt::format("warn: some health checks cannot be excluded: no matches for {}\n", names);
  }
  if (failed) return plain_text(500, fmt::format("{}{} check failed\n", lines, which));
  if (!target.query.has("verbose")) return plain_text(200, "ok");
  return plain_text(200, fmt::format("{}{} check passed\n", lines, which));
}

}  // namespace berth::api
