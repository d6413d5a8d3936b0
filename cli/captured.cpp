// cli/captured.cpp - see captured.hpp.
#include "cli/captured.hpp"

#include <fmt/format.h>

#include "base/child.hpp"

namespace berth::cli {

Result<Captured> capture(const std::vector<std::string>& argv, std::size_t most, std::chrono::milliseconds patience) {
  auto ran = run_child(argv, {.deadline = patience, .max_output = most, .late_output = true});
  if (!ran) return std::move(ran).error();
  Captured out{.text = std::move(ran->output), .code = ran->exit_code};
  if (ran->said > out.text.size()) out.text += fmt::format("\n... {} of {} bytes\n", out.text.size(), ran->said);
  if (!ran->in_time) out.text += fmt::format("\n... no end within {} s\n", patience.count() / 1000);
  return out;
}

}  // namespace berth::cli
