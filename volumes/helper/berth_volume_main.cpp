// volumes/helper/berth_volume_main.cpp - berth-volume: does one job that may hang, answers, and ends. See
// volume_job.hpp.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::size_t kMaxJob = 4 * 1024 * 1024;

Result<std::string> read_job() {
  std::string text;
  std::array<char, 64 * 1024> buffer{};
  for (;;) {
    const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "read the job");
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxJob) return Error(ErrorCode::ResourceExhausted, "read the job: more than 4 MiB");
  }
}

template <typename Job>
Answer run(const Result<Job>& job, Answer (*verb)(const Job&)) {
  if (!job) return job.error();
  return verb(*job);
}

Answer run_verb(const json::value& document) {
  if (!document.is_object()) return Error(ErrorCode::InvalidArgument, "the job is not an object");
  const auto& job = document.get_object();
  const auto verb = find_string(document, {"verb"});
  if (verb == "publish") return run(decode_publish(job), publish);
  if (verb == "unpublish") return run(decode_unpublish(job), unpublish);
  if (verb == "check") return run(decode_check(job), check);
  if (verb == "sub-path") return run(decode_sub_path(job), sub_path);
  if (verb == "provision") return run(decode_provision(job), provision);
  if (verb == "expand") return run(decode_expand(job), expand);
  if (verb == "reclaim") return run(decode_reclaim(job), reclaim);
  return Error(ErrorCode::InvalidArgument, fmt::format("no verb \"{}\"", verb));
}

Answer run_job() {
  const auto text = read_job();
  if (!text) return text.error();
  const auto job = parse_json(*text);
  if (!job) return job.error();
  return run_verb(*job);
}

/// Tools are found by PATH, and their words are read: both must be what we expect.
void set_up_environment() {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  ::setenv("PATH", path == nullptr ? usual.c_str() : fmt::format("{}:{}", path, usual).c_str(), 1);
  ::setenv("LC_ALL", "C", 1);
}

void print(const json::object& line) {
  std::cout << json::serialize(line) << '\n';
  std::cout.flush();
}

}  // namespace
}  // namespace berth::volumes::helper

int main(int argc, char** /*argv*/) {
  using namespace berth;
  if (argc > 1 || ::isatty(STDIN_FILENO) == 1) {
    std::cerr << "berth-volume is a part of berthd: it does one job on a volume, given as JSON on its stdin\n";
    return 2;
  }
  try {
    volumes::helper::set_up_environment();
    const auto answer = volumes::helper::run_job();
    if (answer) {
      volumes::helper::print({{"result", *answer}});
      return 0;
    }
    const json::object error = {{"code", to_string(answer.error().code())}, {"message", answer.error().message()}};
    volumes::helper::print({{"error", error}});
  } catch (const std::exception& failure) {
    std::cerr << "berth-volume: " << failure.what() << '\n';
  }
  return 1;
}
