// cli/cluster/etcdctl.cpp - see etcdctl.hpp.
#include "cli/cluster/etcdctl.hpp"

#include <fmt/format.h>

#include "base/child.hpp"

namespace berth::cli {
namespace {

constexpr std::chrono::seconds kEachMember{2};
constexpr std::chrono::seconds kToEnd{2};  ///< For the program itself.
constexpr std::size_t kMaxOutput = 1024 * 1024;

/// The last line that says something, without etcdctl's decoration.
std::string reason_of(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const auto line = text.substr(text.rfind('\n') + 1);
  constexpr std::string_view kError = "Error: ";
  return line.starts_with(kError) ? line.substr(kError.size()) : line;
}

}  // namespace

std::vector<std::string> Etcdctl::line(const std::vector<std::string>& words, std::chrono::seconds time) const {
  std::vector<std::string> out{"env",
                               "ETCDCTL_API=3",
                               "etcdctl",
                               fmt::format("--endpoints={}", fmt::join(endpoints_, ",")),
                               "--cacert=" + places_.ca().native(),
                               "--cert=" + places_.certificate().native(),
                               "--key=" + places_.key().native(),
                               "--dial-timeout=2s",
                               fmt::format("--command-timeout={}s", time.count())};
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

Result<std::string> Etcdctl::run(const std::vector<std::string>& words, std::chrono::seconds time) const {
  const auto doing = fmt::format("etcdctl {}", fmt::join(words, " "));
  auto ran = run_child(line(words, time), {.deadline = time + kToEnd, .max_output = kMaxOutput});
  if (!ran) return ran.error().context(doing);
  constexpr int kNoProgram = 127;
  if (ran->exit_code == kNoProgram) {
    return Error(ErrorCode::FailedPrecondition, "etcdctl is not here: apt install etcd-server etcd-client");
  }
  if (ran->exit_code != 0) return Error(ErrorCode::Unavailable, doing + ": " + reason_of(ran->output));
  return std::move(ran->output);
}

Result<std::vector<Member>> Etcdctl::members() const {
  const auto text = run({"member", "list", "--write-out=json"});
  if (!text) return text.error();
  return parse_members(*text);
}

std::vector<MemberState> Etcdctl::states() const {
  const auto words = line({"endpoint", "status", "--write-out=json"}, kEachMember);
  const auto time = (kEachMember + kToEnd) * static_cast<int>(endpoints_.size() + 1);
  const auto ran = run_child(words, {.deadline = time, .max_output = kMaxOutput});
  return ran ? parse_member_states(ran->output) : std::vector<MemberState>();
}

}  // namespace berth::cli
