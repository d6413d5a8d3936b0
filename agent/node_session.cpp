// agent/node_session.cpp - see node_session.hpp.
#include "agent/node_session.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"

namespace berth::agent {
namespace {

using Clock = std::chrono::steady_clock;

/// flock(2): the kernel gives it back however we end.
Result<UniqueFd> lock_file(const std::filesystem::path& file) {
  UniqueFd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd) return Error::from_errno(errno, "open " + file.native());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return Error(ErrorCode::Unavailable, "another berthd of this host has " + file.native() + " locked");
  }
  return Error::from_errno(errno, "lock " + file.native());
}

}  // namespace

NodeSession::NodeSession(store::Store& store, Options options) : store_(store), options_(std::move(options)) {}

Result<std::unique_ptr<NodeSession>> NodeSession::take(store::Store& store, Options options) {
  std::unique_ptr<NodeSession> self(new NodeSession(store, std::move(options)));
  if (!self->options_.lock.empty()) {
    auto locked = lock_file(self->options_.lock);
    if (!locked) return std::move(locked).error();
    self->lock_ = *std::move(locked);
  }
  const auto until = Clock::now() + self->options_.patience;
  for (auto told = false;;) {
    auto session = self->open();
    if (session) {
      self->session_ = *std::move(session);
      return self;
    }
    if (self->options_.may_be_later && session.error().code() == ErrorCode::Unavailable) {
      self->lost_ = true;  // keep() takes it.
      return self;
    }
    if (session.error().code() != ErrorCode::AlreadyExists || Clock::now() >= until) return std::move(session).error();
    if (!std::exchange(told, true)) {
      log(LogLevel::Info, "waiting for the end of this node's session of before",
          {{"node", self->options_.node}, {"error", session.error().message()}});
    }
    std::this_thread::sleep_for(self->options_.again);  // Before there is a loop: nobody else waits for this thread.
  }
}

void NodeSession::keep(std::function<void(Error)> on_taken) {
  on_taken_ = std::move(on_taken);
  thread_ = std::thread([this] { run(); });
}

NodeSession::~NodeSession() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  session_.reset();  // Its on_lost uses the rest of us.
}

Result<std::unique_ptr<store::Session>> NodeSession::open() {
  auto session = store_.open_session(name_of(options_.node), [this] {
    const std::scoped_lock lock(mutex_);
    lost_ = true;
    wake_.notify_all();
  });
  if (!session && session.error().code() == ErrorCode::AlreadyExists) {
    return session.error().context(fmt::format(
        "another machine's agent is node {} in this store: give one of them another nodeName", options_.node));
  }
  return session;
}

void NodeSession::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return lost_ || ended_; });
    if (ended_) return;
    lost_ = false;
    lock.unlock();
    session_.reset();
    auto session = open();
    lock.lock();
    if (session) {
      session_ = *std::move(session);
      log(LogLevel::Info, "this node's session holds again", {{"node", options_.node}});
    } else if (session.error().code() == ErrorCode::AlreadyExists) {
      if (!ended_) on_taken_(session.error());
      return;
    } else {
      wake_.wait_for(lock, options_.again, [&] { return ended_; });
      lost_ = true;
    }
  }
}

}  // namespace berth::agent
