// cli/cluster/change_over.cpp - see change_over.hpp.
#include "cli/cluster/change_over.hpp"

#include <chrono>
#include <iostream>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "base/child.hpp"
#include "cli/http_client.hpp"

namespace berth::cli {
namespace {

constexpr std::chrono::minutes kMove{10};
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr int kAgentSeconds = 60;
constexpr int kCollided = 3;  ///< Of berthd --move-objects.

Result<ChildResult> run_berthd(const HostPlaces& places, const std::vector<std::string>& words) {
  const auto berthd = beside_us("berthd");
  if (!berthd) return berthd.error();
  std::vector<std::string> line{berthd->native(), "--config", places.config.native()};
  line.insert(line.end(), words.begin(), words.end());
  return run_child(line, {.deadline = kMove, .max_output = 1024 * 1024});
}

}  // namespace

bool wait_until(int seconds, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    if (holds()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
}

bool agent_answers(const std::filesystem::path& socket) {
  Request request;
  request.target = "/livez";
  request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  const auto reply = HttpClient(socket).send(request);
  return reply.ok();
}

Status check_config(const HostPlaces& places, const std::filesystem::path& over) {
  const auto ran = run_berthd(places, {"--over", over.native(), "--check"});
  if (!ran) return ran.error();
  if (ran->exit_code == 0) return Ok{};
  return Error(ErrorCode::InvalidArgument, "berthd would not take this: " + ran->output);
}

Status move_objects(const HostPlaces& places, const std::filesystem::path& over, const std::string& where) {
  std::vector<std::string> words{"--move-objects", where};
  if (!over.empty()) words.insert(words.end(), {"--over", over.native()});
  const auto ran = run_berthd(places, words);
  if (!ran) return ran.error();
  std::cout << ran->output << std::flush;
  if (ran->exit_code == 0) return Ok{};
  if (ran->exit_code == kCollided) {
    return Error(ErrorCode::InvalidArgument,
                 "the cluster has other objects of these names: rename or delete them here, or say --discard-local");
  }
  return Error(ErrorCode::Unavailable, "the objects could not be moved; nothing was changed");
}

Status change_over(const HostPlaces& places, HostServices& services, const std::filesystem::path& socket, bool move) {
  std::error_code error;
  if (auto stopped = services.stop_agent(); !stopped) return stopped;
  if (move) {
    if (auto moved = move_objects(places, places.staged, "to-etcd"); !moved) {
      std::filesystem::remove(places.staged, error);
      if (auto started = services.start_agent(); !started) return started;
      wait_until(kAgentSeconds, [&] { return agent_answers(socket); });
      return moved;
    }
  }
  std::filesystem::rename(places.staged, places.drop_in, error);
  if (error) return Error::from_errno(error.value(), "put " + places.drop_in.native() + " in force");
  if (auto started = services.start_agent(); !started) return started;
  if (wait_until(kAgentSeconds, [&] { return agent_answers(socket); })) return Ok{};
  return Error(ErrorCode::DeadlineExceeded,
               fmt::format("the agent does not answer {} s after its start: see its journal (journalctl -u berthd); "
                           "then run this again",
                           kAgentSeconds));
}

}  // namespace berth::cli
