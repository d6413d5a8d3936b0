// agent/pods/hooks.cpp - see hooks.hpp.
#include "agent/pods/hooks.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "agent/probes/probe_io.hpp"
#include "agent/probes/probe_target.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

/// For those that may take for ever, where a number is asked for.
constexpr std::chrono::hours kForEver{24 * 365};
constexpr std::size_t kMaxOutput = 10 * 1024;

/// A hook under way; what it holds ends with it.
struct Run {
  HookCall call;
  std::unique_ptr<LoopHandle> timer;
  std::unique_ptr<runtime::ExecSession> session;
  std::unique_ptr<LoopHandle> stdout_watch;
  std::unique_ptr<LoopHandle> stderr_watch;
  std::string output;
};

/// Reads what is there; false at the end.
bool read_some(int fd, std::string& output) {
  char buffer[4096];
  for (;;) {
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const auto room = kMaxOutput - std::min(kMaxOutput, output.size());
    output.append(buffer, std::min(static_cast<std::size_t>(count), room));
  }
}

class LoopHooks final : public Hooks {
 public:
  LoopHooks(Loop& loop, Lane& lane, runtime::PodRuntime& runtime) : loop_(loop), lane_(lane), runtime_(runtime) {}

  void begin(HookCall call) override {
    const auto number = ++last_number_;
    auto& run = *(runs_[number] = std::make_unique<Run>());
    run.call = std::move(call);
    std::visit([&](const auto& action) { begin_action(number, action); }, run.call.action);
  }

  void drop(const std::string& container_id) override {
    std::erase_if(runs_, [&](const auto& run) { return run.second->call.container_id == container_id; });
  }

 private:
  /// The hook of that number; null once it has ended or was dropped.
  Run* find(std::uint64_t number) {
    const auto found = runs_.find(number);
    return found == runs_.end() ? nullptr : found->second.get();
  }

  /// Runs `job` on the loop, unless we are gone by then. Any thread.
  void post(std::function<void(LoopHooks&)> job) { post_from(loop_, self_, std::move(job)); }
  static void post_from(Loop& loop, std::weak_ptr<LoopHooks*> self, std::function<void(LoopHooks&)> job) {
    loop.post([self = std::move(self), job = std::move(job)] {
      if (const auto hooks = self.lock()) job(**hooks);
    });
  }

  void end(std::uint64_t number, const Status& status) {
    const auto found = runs_.find(number);
    if (found == runs_.end()) return;
    const auto run = std::move(found->second);
    runs_.erase(found);
    run->call.ended(status);
  }
  void too_late(std::uint64_t number) {
    const auto* run = find(number);
    if (run == nullptr) return;
    end(number, Error(ErrorCode::DeadlineExceeded,
                      fmt::format("hook: no end within {} s", run->call.deadline.value_or(kForEver).count() / 1000)));
  }

  // --- A command ---------------------------------------------------------------------------------------------------

  void begin_action(std::uint64_t number, const model::ExecAction& action) {
    lane_.run([&loop = loop_, &runtime = runtime_, self = std::weak_ptr(self_), number,
               id = runs_[number]->call.container_id, command = action.command] {
      runtime::ExecOptions options;
      options.command = command;
      auto begun = std::make_shared<Result<std::unique_ptr<runtime::ExecSession>>>(runtime.exec_stream(id, options));
      post_from(loop, self, [number, begun](LoopHooks& hooks) {
        if (*begun) {
          hooks.command_began(number, *std::move(*begun));
        } else {
          hooks.end(number, begun->error().context("exec hook"));
        }
      });
    });
  }

  void command_began(std::uint64_t number, std::unique_ptr<runtime::ExecSession> session) {
    auto* run = find(number);
    if (run == nullptr) return;  // Dropped meanwhile: the session's end kills the command.
    run->session = std::move(session);
    if (run->call.deadline) {
      run->timer = loop_.after(*run->call.deadline, [this, number] { too_late(number); });
    }
    // Without a reader it would stop at a full pipe.
    run->stdout_watch = drain(number, run->session->stdout_fd(), &Run::stdout_watch);
    run->stderr_watch = drain(number, run->session->stderr_fd(), &Run::stderr_watch);
    run->session->on_exit([&loop = loop_, self = std::weak_ptr(self_), number](const Result<std::int32_t>& code) {
      post_from(loop, self, [number, code](LoopHooks& hooks) { hooks.command_ended(number, code); });
    });
    run->call.began();
  }

  std::unique_ptr<LoopHandle> drain(std::uint64_t number, int fd, std::unique_ptr<LoopHandle> Run::*watch) {
    if (fd < 0) return nullptr;
    return loop_.on_readable(fd, [this, number, fd, watch] {
      auto* run = find(number);
      if (run != nullptr && !read_some(fd, run->output)) (run->*watch).reset();
    });
  }

  void command_ended(std::uint64_t number, const Result<std::int32_t>& code) {
    auto* run = find(number);
    if (run == nullptr) return;
    for (const auto fd : {run->session->stdout_fd(), run->session->stderr_fd()}) {
      if (fd >= 0) read_some(fd, run->output);
    }
    if (!code) return end(number, code.error().context("exec hook"));
    if (*code == 0) return end(number, Ok{});
    end(number, Error(ErrorCode::Unknown, fmt::format("exec hook: exit code {}: {}", *code, run->output)));
  }

  // --- A pause -----------------------------------------------------------------------------------------------------

  void begin_action(std::uint64_t number, const model::SleepAction& action) {
    auto& run = *runs_[number];
    const milliseconds longest = run.call.deadline.value_or(kForEver);
    const milliseconds wanted = std::clamp<std::chrono::seconds>(action.duration, std::chrono::seconds(0), kForEver);
    run.timer = loop_.after(std::min(wanted, longest), [this, number, in_time = wanted <= longest] {
      if (in_time) {
        end(number, Ok{});
      } else {
        too_late(number);
      }
    });
    tell_began(number);
  }

  void tell_began(std::uint64_t number) {
    post([number](LoopHooks& hooks) {
      if (const auto* run = hooks.find(number)) run->call.began();
    });
  }

  // --- An exchange over the network --------------------------------------------------------------------------------

  void begin_action(std::uint64_t number, const model::HttpGetAction& action) { begin_exchange(number, action); }
  void begin_action(std::uint64_t number, const model::TcpSocketAction& action) { begin_exchange(number, action); }

  void begin_exchange(std::uint64_t number, const model::ProbeAction& action) {
    auto host = probe_host(action, runs_[number]->call.pod_ip);
    if (is_ip_address(host)) {
      post([number, action, host](LoopHooks& hooks) { hooks.exchange(number, action, host); });
      return;
    }
    lane_.run([&loop = loop_, self = std::weak_ptr(self_), number, action, host] {
      const auto ip = resolve_host(host);
      post_from(loop, self, [number, action, ip](LoopHooks& hooks) {
        if (ip) {
          hooks.exchange(number, action, *ip);
        } else {
          hooks.end(number, ip.error().context("hook"));
        }
      });
    });
  }

  void exchange(std::uint64_t number, const model::ProbeAction& action, const std::string& ip) {
    const auto* run = find(number);
    if (run == nullptr) return;
    auto probe = make_net_probe(action, ip, run->call.ports);
    if (!probe) return end(number, probe.error().context("hook"));
    run->call.began();
    run = find(number);
    if (run == nullptr) return;
    // The thread is made for the first of them: a host without any has none.
    if (!poller_) poller_ = std::make_unique<ProbePoller>();
    const milliseconds longest = run->call.deadline.value_or(kForEver);
    const auto late_from = std::chrono::steady_clock::now() + longest;
    poller_->start(std::move(*probe), longest,
                   [&loop = loop_, self = std::weak_ptr(self_), number, late_from](const ProbeOutcome& outcome) {
                     const auto late = std::chrono::steady_clock::now() >= late_from;
                     post_from(loop, self, [number, outcome, late](LoopHooks& hooks) {
                       if (outcome.answer == ProbeAnswer::Success) return hooks.end(number, Ok{});
                       if (late) return hooks.too_late(number);
                       hooks.end(number, Error(ErrorCode::Unknown, "hook: " + outcome.message));
                     });
                   });
  }

  Loop& loop_;
  Lane& lane_;
  runtime::PodRuntime& runtime_;
  std::map<std::uint64_t, std::unique_ptr<Run>> runs_;
  std::uint64_t last_number_ = 0;
  std::shared_ptr<LoopHooks*> self_ = std::make_shared<LoopHooks*>(this);  ///< Gone with us: posts ask it first.
  std::unique_ptr<ProbePoller> poller_;  ///< Last: its thread ends before the rest goes.
};

}  // namespace

std::unique_ptr<Hooks> make_hooks(Loop& loop, Lane& lane, runtime::PodRuntime& runtime) {
  return std::make_unique<LoopHooks>(loop, lane, runtime);
}

}  // namespace berth::agent
