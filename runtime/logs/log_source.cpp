// runtime/logs/log_source.cpp - see log_source.hpp.
#include "runtime/logs/log_source.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace berth::runtime {
namespace {

bool is_path_part(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(), [](char c) { return c == '/' || c == '\0' || c == '\n'; });
}

}  // namespace

Result<LogSource> parse_log_source(std::string_view meta) {
  std::map<std::string_view, std::string_view> values;
  while (!meta.empty()) {
    const auto end = meta.find('\n');
    const auto line = meta.substr(0, end);
    meta = end == std::string_view::npos ? std::string_view() : meta.substr(end + 1);
    const auto equals = line.find('=');
    if (equals != std::string_view::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  LogSource source;
  const auto take = [&](std::string_view key, std::string& into) {
    const auto found = values.find(key);
    if (found == values.end() || !is_path_part(found->second)) return false;
    into = found->second;
    return true;
  };
  for (const auto& [key, into] : {std::pair<std::string_view, std::string*>{"BERTH_NAMESPACE", &source.ns},
                                  {"BERTH_POD", &source.pod},
                                  {"BERTH_POD_UID", &source.pod_uid},
                                  {"BERTH_CONTAINER", &source.container},
                                  {"CONTAINER_ID", &source.container_id}}) {
    if (!take(key, *into)) {
      return Error(ErrorCode::InvalidArgument, "log meta: " + std::string(key) + ": missing or not a plain name");
    }
  }
  const auto attempt = values.find("ATTEMPT");
  const auto text = attempt == values.end() ? std::string_view() : attempt->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), source.attempt);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Error(ErrorCode::InvalidArgument, "log meta: ATTEMPT: must be a number");
  }
  return source;
}

}  // namespace berth::runtime
