// agent/store_hold.cpp - see store_hold.hpp.
#include "agent/store_hold.hpp"

#include <chrono>
#include <utility>

#include "base/log.hpp"

namespace berth::agent {
namespace {

// Sessions of hosts are named after them: no host has this name.
constexpr const char* kName = "live/_agent";
constexpr std::chrono::seconds kTryAgain{1};

}  // namespace

StoreHold::StoreHold(store::Store& store) : store_(store) {}

Result<std::unique_ptr<StoreHold>> StoreHold::take(store::Store& store) {
  std::unique_ptr<StoreHold> hold(new StoreHold(store));
  auto session = hold->open();
  if (!session) return std::move(session).error();
  hold->session_ = *std::move(session);
  return hold;
}

void StoreHold::keep(std::function<void(Error)> on_taken) {
  on_taken_ = std::move(on_taken);
  thread_ = std::thread([this] { run(); });
}

StoreHold::~StoreHold() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  session_.reset();  // Its on_lost uses the rest of us.
}

Result<std::unique_ptr<store::Session>> StoreHold::open() {
  auto session = store_.open_session(kName, [this] {
    const std::scoped_lock lock(mutex_);
    lost_ = true;
    wake_.notify_all();
  });
  if (!session && session.error().code() == ErrorCode::AlreadyExists) {
    return session.error().context("another host's agent is at work on this store, and this version plans on one host");
  }
  return session;
}

void StoreHold::run() {
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
      log(LogLevel::Info, "the store is ours again");
    } else if (session.error().code() == ErrorCode::AlreadyExists) {
      if (!ended_) on_taken_(session.error());
      return;
    } else {
      wake_.wait_for(lock, kTryAgain, [&] { return ended_; });
      lost_ = true;
    }
  }
}

}  // namespace berth::agent
