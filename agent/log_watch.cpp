// agent/log_watch.cpp - see log_watch.hpp.
#include "agent/log_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/log_counters.hpp"

namespace berth::agent {
namespace {

const runtime::LogTrouble* find(const runtime::LogHealth& health, const runtime::LogTrouble& like) {
  const auto found = std::find_if(health.troubles.begin(), health.troubles.end(), [&](const auto& each) {
    return each.pod_uid == like.pod_uid && each.container == like.container;
  });
  return found == health.troubles.end() ? nullptr : &*found;
}

LogNews news(const runtime::LogTrouble& of, std::string_view type, std::string_view reason, std::string message) {
  return {.pod = {model::Kind::Pod, of.ns, of.pod},
          .uid = of.pod_uid,
          .type = type,
          .reason = reason,
          .message = std::move(message)};
}

}  // namespace

std::vector<LogNews> log_news(const runtime::LogHealth& before, const runtime::LogHealth& now) {
  std::vector<LogNews> out;
  for (const auto& trouble : now.troubles) {
    const auto* const known = find(before, trouble);
    if (!trouble.error.empty() && (known == nullptr || known->error.empty())) {
      out.push_back(
          news(trouble, "Warning", "LogNotStored",
               fmt::format("What container {} writes cannot be stored: {}. Nothing is lost: it waits as soon as "
                           "64 KiB are unread, and goes on when there is room; see df(1) and berth status",
                           trouble.container, trouble.error)));
    }
    if (trouble.dropped > 0 && (known == nullptr || known->dropped == 0)) {
      out.push_back(news(trouble, "Warning", "LogLinesDropped",
                         fmt::format("Container {} writes more lines than its limit allows; how many are not stored is "
                                     "said in its log, and counted in berth_log_lines_dropped_total",
                                     trouble.container)));
    }
  }
  for (const auto& trouble : before.troubles) {
    if (trouble.error.empty()) continue;
    const auto* const left = find(now, trouble);
    if (left != nullptr && !left->error.empty()) continue;
    out.push_back(news(trouble, "Normal", "LogStored",
                       fmt::format("What container {} writes is stored again", trouble.container)));
  }
  return out;
}

std::vector<model::HostProblem> log_problems(const runtime::LogHealth& health) {
  std::vector<model::HostProblem> out;
  for (const auto& trouble : health.troubles) {
    if (trouble.error.empty()) continue;
    out.push_back(
        {.subject = fmt::format("{}/{}", trouble.ns, trouble.pod),
         .message = fmt::format("what container {} writes waits, unread: {}", trouble.container, trouble.error),
         .since = trouble.since});
  }
  if (!health.files.error.empty()) {
    out.push_back({.subject = "log files",
                   .message = fmt::format("log shippers miss lines, which the journal has: {}", health.files.error),
                   .warning = true,
                   .since = health.files.since});
  }
  return out;
}

LogWatch::LogWatch(Loop& loop, Lane& lane, std::filesystem::path run_dir, EventSink events, OnProblems problems)
    : loop_(loop),
      lane_(lane),
      run_dir_(std::move(run_dir)),
      events_(std::move(events)),
      problems_(std::move(problems)) {}

LogWatch::~LogWatch() {
  *alive_ = false;
  watch_.reset();
}

void LogWatch::begin() {
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), run_dir_.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0) {
    log(LogLevel::Warning, "cannot follow what berth-logd says",
        {{"error", Error::from_errno(errno, "watch " + run_dir_.string()).message()}});
    return;
  }
  watch_ = loop_.on_readable(inotify_.get(), [this] {
    alignas(inotify_event) std::array<char, 4096> events{};
    auto ours = false;
    for (auto size = ::read(inotify_.get(), events.data(), events.size()); size > 0;
         size = ::read(inotify_.get(), events.data(), events.size())) {
      for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
        inotify_event event{};
        std::memcpy(&event, events.data() + at, sizeof event);
        if (event.len > 0 && runtime::kLogHealthFile == events.data() + at + sizeof event) ours = true;
        if ((event.mask & IN_Q_OVERFLOW) != 0) ours = true;
        at += sizeof event + event.len;
      }
    }
    if (ours) read();
  });
  read();
}

void LogWatch::read() {
  if (reading_) {
    again_ = true;
    return;
  }
  reading_ = true;
  lane_.run([this, alive = alive_, &loop = loop_, run_dir = run_dir_] {
    auto now = std::make_shared<runtime::LogHealth>(runtime::read_log_health(run_dir));
    loop.post([this, alive, now] {
      if (!*alive) return;
      reading_ = false;
      for (const auto& each : log_news(known_, *now)) {
        events_(each.pod, each.uid, each.type, each.reason, each.message);
      }
      known_ = std::move(*now);
      problems_(log_problems(known_));
      LogCounters::Values values{.stored = known_.lines, .files_missed = known_.files.missed};
      for (const auto& each : known_.troubles) {
        if (each.dropped > 0) values.dropped[{each.ns, each.pod, each.container}] += each.dropped;
        if (!each.error.empty()) ++values.waiting;
      }
      log_counters().set(std::move(values));
      if (std::exchange(again_, false)) read();
    });
  });
}

}  // namespace berth::agent
