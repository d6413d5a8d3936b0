// agent/probes/probe_io.cpp - see probe_io.hpp.
#include "agent/probes/probe_io.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace berth::agent {
namespace {

using Steady = std::chrono::steady_clock;

std::string reason(int error) { return std::generic_category().message(error); }

int milliseconds_until(SteadyTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

std::string ProbeAddress::text() const {
  return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port) : fmt::format("[{}]:{}", ip, port);
}

Connecting begin_connect(const ProbeAddress& address) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.ip.c_str(), std::to_string(address.port).c_str(), &hints, &found) != 0) {
    return {UniqueFd(), fmt::format("dial tcp {}: not an address", address.text())};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keep(found, &::freeaddrinfo);
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {UniqueFd(), fmt::format("dial tcp {}: socket: {}", address.text(), reason(errno))};
  // As the kubelet: probes in short periods must not use up the ports in TIME_WAIT (reset instead of FIN).
  const linger reset = {1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
    return {UniqueFd(), fmt::format("dial tcp {}: connect: {}", address.text(), reason(errno))};
  }
  return {std::move(fd), {}};
}

std::string connect_error(int fd, const ProbeAddress& address) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? std::string() : fmt::format("dial tcp {}: connect: {}", address.text(), reason(error));
}

struct ProbePoller::Impl {
  struct Job {
    std::unique_ptr<NetProbe> probe;
    SteadyTime deadline;
    std::function<void(ProbeOutcome)> done;
  };

  std::mutex mutex;
  std::vector<Job> arrived;  ///< Under the mutex; the rest is the thread's own.
  bool stopping = false;
  UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<Job> jobs;
  std::thread thread;

  void kick() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);
  }

  /// False when it is time to end.
  bool take_arrivals() {
    const std::lock_guard lock(mutex);
    for (auto& job : arrived) jobs.push_back(std::move(job));
    arrived.clear();
    return !stopping;
  }

  /// Advances the job if its descriptor is ready; true when it is over.
  static bool finish(Job& job, bool ready) {
    auto outcome = ready ? job.probe->advance() : std::nullopt;
    if (!outcome && Steady::now() >= job.deadline) outcome = job.probe->timed_out();
    if (!outcome) return false;
    job.done(std::move(*outcome));
    return true;
  }

  void run() {
    std::vector<pollfd> waits;
    std::size_t waited = 0;  // jobs before this index were in the last poll
    while (take_arrivals()) {
      std::vector<Job> rest;
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        const auto ready = i >= waited || waits[i + 1].revents != 0;
        if (!finish(jobs[i], ready)) rest.push_back(std::move(jobs[i]));
      }
      jobs = std::move(rest);

      waits.assign(1, {wake.get(), POLLIN, 0});
      int timeout = -1;
      for (const auto& job : jobs) {
        waits.push_back({job.probe->fd(), job.probe->events(), 0});
        const auto left = milliseconds_until(job.deadline);
        timeout = timeout < 0 ? left : std::min(timeout, left);
      }
      waited = jobs.size();
      if (::poll(waits.data(), waits.size(), timeout) > 0 && waits[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto got = ::read(wake.get(), &count, sizeof count);
      }
    }
  }
};

ProbePoller::ProbePoller() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "probes");
    impl->run();
  });
}

ProbePoller::~ProbePoller() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->kick();
  impl_->thread.join();
}

void ProbePoller::start(std::unique_ptr<NetProbe> probe, std::chrono::milliseconds timeout,
                        std::function<void(ProbeOutcome)> done) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->arrived.push_back({std::move(probe), Steady::now() + timeout, std::move(done)});
  }
  impl_->kick();
}

}  // namespace berth::agent
