// volumes/helper/step.cpp - see step.hpp.
#include "volumes/helper/step.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "base/child.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::size_t kMaxReport = 4 * 1024 * 1024;

/// This process has one thread, and all it starts shall speak one language.
void set_language() {
  ::setenv("LC_ALL", "C", 1);  // NOLINT(concurrency-mt-unsafe)
  // A claim's lock is handed down to the tools on purpose (claim_lock.hpp); lvm2 would remark on it.
  ::setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);  // NOLINT(concurrency-mt-unsafe)
}

Error with_context(Error error, std::string_view doing, std::string_view program) {
  if (error.code() == ErrorCode::NotFound) {
    const auto package = package_of(program);
    const auto hint = package.empty() ? std::string() : fmt::format(", install {}", package);
    return {ErrorCode::NotFound, fmt::format("{}: no program {} here{}", doing, program, hint)};
  }
  return std::move(error).context(doing);
}

}  // namespace

std::string last_words(std::string_view output) {
  constexpr std::size_t kLongest = 400;
  std::string words;
  while (!output.empty()) {
    const auto end = output.rfind('\n');
    auto line = end == std::string_view::npos ? output : output.substr(end + 1);
    output = end == std::string_view::npos ? std::string_view() : output.substr(0, end);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (words.size() + line.size() > kLongest) {
      if (words.empty()) words = line.substr(0, kLongest);
      break;
    }
    words = words.empty() ? std::string(line) : fmt::format("{}; {}", line, words);
  }
  return words;
}

Result<std::string> run_step(std::string_view doing, const std::vector<std::string>& argv,
                             std::chrono::seconds may_take) {
  set_language();
  say_doing(doing, may_take);
  auto child = run_child(argv, {.deadline = may_take, .max_output = kMaxReport, .dies_with_caller = true});
  if (!child) return with_context(std::move(child).error(), doing, argv.front());
  if (child->exit_code == 0) return std::move(child->output);
  const auto words = last_words(child->output);
  return Error(ErrorCode::Unknown, words.empty() ? fmt::format("{}: {} failed ({})", doing, argv[0], child->exit_code)
                                                 : fmt::format("{}: {}: {}", doing, argv[0], words));
}

Result<std::string> read_step(std::string_view doing, const std::vector<std::string>& argv,
                              std::chrono::seconds may_take) {
  set_language();
  say_doing(doing, may_take);
  std::vector<std::string> quiet = {"/bin/sh", "-c", "exec \"$@\" 2>/dev/null", "sh"};
  quiet.insert(quiet.end(), argv.begin(), argv.end());
  auto child = run_child(quiet, {.deadline = may_take, .max_output = kMaxReport, .dies_with_caller = true});
  if (!child) return std::move(child).error().context(doing);
  if (child->exit_code == 0) return std::move(child->output);
  return run_step(doing, argv, may_take);  // once more, for its words
}

}  // namespace berth::volumes::helper
