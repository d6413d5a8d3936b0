// api/streams/input_pump.cpp - see input_pump.hpp.
#include "api/streams/input_pump.hpp"

#include <cerrno>
#include <utility>

#include "api/request/peer_socket.hpp"

namespace berth::api {

void InputPump::open(int fd, Put how, std::weak_ptr<void> owner) {
  fd_ = fd;
  how_ = how;
  owner_ = std::move(owner);
  write();
}

void InputPump::take(std::string_view bytes) {
  if (ended_ || gone_) return;
  if (queue_.empty()) bytes.remove_prefix(put(bytes));
  if (bytes.empty()) return;
  queue_ += bytes;
  if (queue_.size() > kMaxQueued) callbacks_.set_reading(false);
  write();
}

void InputPump::end() {
  if (!std::exchange(ended_, true)) write();
}

void InputPump::close() {
  wait_.reset();
  queue_.clear();
  how_ = nullptr;
  fd_ = -1;
}

/// As much as is taken now.
std::size_t InputPump::put(std::string_view bytes) {
  std::size_t taken = 0;
  while (how_ != nullptr && fd_ >= 0 && taken < bytes.size()) {
    const auto got = how_(fd_, bytes.data() + taken, bytes.size() - taken);
    if (got > 0) {
      taken += static_cast<std::size_t>(got);
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && errno == EAGAIN) {
      break;
    } else {
      gone_ = true;
      return bytes.size();
    }
  }
  return taken;
}

void InputPump::write() {
  if (how_ == nullptr || wait_) return;
  if (fd_ < 0) {
    queue_.clear();
  } else if (!queue_.empty()) {
    queue_.erase(0, put(queue_));
    if (!queue_.empty()) {
      wait_ = reactor_.when_writable(fd_, [this, owner = owner_.lock()] {
        wait_.reset();  // first: the descriptor can be waited for once at a time
        write();
      });
    }
  }
  if (queue_.size() <= kMaxQueued / 2) callbacks_.set_reading(true);
  callbacks_.on_progress();  // last: it may be the end of our owner
}

}  // namespace berth::api
