// agent/pods/termination_message.cpp - see termination_message.hpp.
#include "agent/pods/termination_message.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMaxMessage = 4096;
constexpr std::size_t kMaxLogEnd = 2048;
constexpr std::uint64_t kMaxLogLines = 80;

std::string head_of(const std::filesystem::path& file) {
  std::string text(kMaxMessage, '\0');
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  const auto got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::string end_of_log(runtime::LogReader& logs, const runtime::LogQuery& query) {
  std::string text;
  auto cursor = logs.open(query);
  while (cursor) {
    const auto line = (*cursor)->next();
    if (!line || !*line) break;
    text += (*line)->text;
    if (!(*line)->partial) text += '\n';
    if (text.size() > kMaxLogEnd) text.erase(0, text.size() - kMaxLogEnd);
  }
  return text;
}

}  // namespace

std::string termination_message(const model::Pod& pod, const model::Container& container, const ContainerView& ended,
                                const std::filesystem::path& file, runtime::PodRuntime& runtime,
                                runtime::LogReader& logs) {
  auto message = head_of(file);
  const bool falls_back = container.termination_message_policy == "FallbackToLogsOnError";
  if (!message.empty() || !falls_back || ended.exit_code == 0) return message;
  runtime.await_output(ended.id);
  return end_of_log(logs, {.ns = pod.meta.ns,
                           .pod = pod.meta.name,
                           .pod_uid = pod.meta.uid,
                           .container = container.name,
                           .attempt = ended.attempt,
                           .tail = kMaxLogLines,
                           .since = {}});
}

}  // namespace berth::agent
