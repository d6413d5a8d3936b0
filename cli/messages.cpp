// cli/messages.cpp - how failures reach the user.
#include "cli/messages.hpp"

#include <iostream>
#include <set>

#include <fmt/format.h>

namespace berth::cli {

namespace {

ErrorCode code_of(unsigned http_code, std::string_view reason) {
  switch (http_code) {
    case 400:
    case 422: return ErrorCode::InvalidArgument;
    case 401: return ErrorCode::Unauthenticated;
    case 403: return ErrorCode::PermissionDenied;
    case 404: return ErrorCode::NotFound;
    case 405:
    case 415: return ErrorCode::Unimplemented;
    case 409: return reason == "AlreadyExists" ? ErrorCode::AlreadyExists : ErrorCode::Aborted;
    case 410: return ErrorCode::OutOfRange;
    case 429: return ErrorCode::ResourceExhausted;
    default: return ErrorCode::Unknown;
  }
}

/// `The StatefulSet "web" is invalid: spec: Forbidden: ...`, one cause a line when there are several.
std::string invalid_text(const json::value& status) {
  const auto kind = find_string(status, {"details", "kind"});
  const auto name = find_string(status, {"details", "name"});
  const auto message = find_string(status, {"message"});
  auto out = std::string("The request is invalid");
  std::vector<std::string> lines;
  const auto* causes = find(status, {"details", "causes"});
  if (causes != nullptr && causes->is_array()) {
    for (const auto& cause : causes->get_array()) {
      const auto field = find_string(cause, {"field"});
      auto line = field.empty() ? std::string(find_string(cause, {"message"}))
                                : fmt::format("{}: {}", field, find_string(cause, {"message"}));
      if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
    }
  }
  if (!kind.empty() || !name.empty()) {
    out = fmt::format("The {} \"{}\" is invalid", kind, name);
  } else if (!message.empty() && lines.empty()) {
    out += fmt::format(": {}", message);
  }
  if (lines.size() == 1) return fmt::format("{}: {}", out, lines[0]);
  if (lines.empty()) return out;
  out += ": ";
  for (const auto& line : lines) out += fmt::format("\n* {}", line);
  return out;
}

}  // namespace

int fail(const Error& error) {
  const std::string_view text = error.message();
  const bool worded = text.starts_with("Error from server") || text.starts_with("error: ") ||
                      text.starts_with("The request is invalid") ||
                      (text.starts_with("The ") && text.find("\" is invalid") != std::string_view::npos);
  std::cout.flush();
  std::cerr << (worded ? "" : "error: ") << text << '\n';
  return 1;
}

int usage_error(std::string_view command, const Error& error) {
  fail(error);
  std::cerr << fmt::format("See 'berth{}{} --help' for usage.\n", command.empty() ? "" : " ", command);
  return 1;
}

Error server_error(unsigned http_code, const json::value& status) {
  const auto reason = find_string(status, {"reason"});
  const auto message = find_string(status, {"message"});
  const auto code = code_of(http_code, reason);
  if (reason == "Invalid") return {code, invalid_text(status)};
  if (reason == "Unauthorized") {
    return {code, fmt::format("error: You must be logged in to the server ({})", message)};
  }
  if (reason.empty()) return {code, fmt::format("Error from server: {}", message)};
  return {code, fmt::format("Error from server ({}): {}", reason, message)};
}

}  // namespace berth::cli
