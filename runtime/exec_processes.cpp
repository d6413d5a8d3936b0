// runtime/exec_processes.cpp - see exec_processes.hpp.
#include "runtime/exec_processes.hpp"

#include <signal.h>

#include <charconv>
#include <cstdint>
#include <string>

#include "base/atomic_file.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxStat = std::size_t{16} * 1024;

/// The next word of `text`, which gets shorter by it.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<pid_t> session_in(std::string_view stat) {
  const auto name_end = stat.rfind(')');  // the name may have any byte in it, brackets and blanks, too
  if (name_end == std::string_view::npos) return std::nullopt;
  auto rest = stat.substr(name_end + 1);
  const auto state = next_word(rest);
  if (state.empty() || state == "Z" || state == "X") return std::nullopt;
  next_word(rest);  // parent
  next_word(rest);  // process group
  const auto word = next_word(rest);
  pid_t session = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), session);
  if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size()) return std::nullopt;
  return session;
}

bool ignores_hangup(std::string_view status) {
  constexpr std::string_view kLabel = "\nSigIgn:\t";
  const auto at = status.find(kLabel);
  if (at == std::string_view::npos) return false;
  status.remove_prefix(at + kLabel.size());
  std::uint64_t mask = 0;
  std::from_chars(status.data(), status.data() + status.size(), mask, 16);
  return (mask >> (SIGHUP - 1) & 1U) != 0;
}

ExecProcesses::ExecProcesses(pid_t leader, std::filesystem::path proc)
    : proc_(std::move(proc)),
      leader_(leader),
      all_ignore_hangup_(ignores_hangup(read_file(proc_ / std::to_string(leader) / "status", kMaxStat).value_or({}))) {}

bool ExecProcesses::is_of_it(pid_t pid) const {
  const auto of_process = proc_ / std::to_string(pid);
  const auto stat = read_file(of_process / "stat", kMaxStat);
  if (!stat || session_in(*stat) != leader_) return false;
  if (all_ignore_hangup_ || pid == leader_) return true;
  return !ignores_hangup(read_file(of_process / "status", kMaxStat).value_or({}));
}

std::size_t ExecProcesses::kill(const std::vector<pid_t>& among) const {
  std::size_t count = 0;
  for (const auto pid : among) {
    if (!is_of_it(pid)) continue;
    ::kill(pid, SIGKILL);
    ++count;
  }
  return count;
}

}  // namespace berth::runtime
