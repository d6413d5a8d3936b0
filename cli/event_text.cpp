// cli/event_text.cpp - events as lines.
#include "cli/event_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {

namespace {

std::string source_of(const json::value& event) {
  auto component = find_string(event, {"source", "component"});
  if (component.empty()) component = find_string(event, {"reportingComponent"});
  return std::string(component);
}

}  // namespace

std::string event_time(const json::value& event) {
  for (const auto path :
       {std::initializer_list<std::string_view>{"series", "lastObservedTime"},
        std::initializer_list<std::string_view>{"lastTimestamp"}, std::initializer_list<std::string_view>{"eventTime"},
        std::initializer_list<std::string_view>{"metadata", "creationTimestamp"}}) {
    if (const auto time = find_string(event, path); !time.empty()) return std::string(time);
  }
  return {};
}

std::string event_interval(const json::value& event, WallClock::time_point now) {
  auto first = find_string(event, {"firstTimestamp"});
  if (first.empty()) first = find_string(event, {"eventTime"});
  const auto since_first = age_text(first.empty() ? event_time(event) : first, now);
  auto count = number_at(event, {"series", "count"}, 0);
  if (count == 0) count = number_at(event, {"count"}, 1);
  if (count <= 1) return since_first;
  return fmt::format("{} (x{} over {})", age_text(event_time(event), now), count, since_first);
}

void sort_events(std::vector<json::value>& events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const json::value& a, const json::value& b) { return event_time(a) < event_time(b); });
}

std::string event_header(bool namespaces) {
  return fmt::format("{}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n", namespaces ? "NAMESPACE\t" : "");
}

std::string event_line(const json::value& event, bool namespaces, WallClock::time_point now) {
  return fmt::format("{}{}\t{}\t{}\t{}/{}\t{}\n", namespaces ? fmt::format("{}\t", namespace_of(event)) : "",
                     event_interval(event, now), find_string(event, {"type"}), one_line(find_string(event, {"reason"})),
                     find_string(event, {"involvedObject", "kind"}), find_string(event, {"involvedObject", "name"}),
                     one_line(find_string(event, {"message"})));
}

std::string event_section(std::vector<json::value> events, WallClock::time_point now) {
  if (events.empty()) return "Events:\t<none>\n";
  sort_events(events);
  std::string out = "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n";
  for (const auto& event : events) {
    out += fmt::format("  {}\t{}\t{}\t{}\t{}\n", find_string(event, {"type"}), one_line(find_string(event, {"reason"})),
                       event_interval(event, now), source_of(event), one_line(find_string(event, {"message"})));
  }
  return out;
}

}  // namespace berth::cli
