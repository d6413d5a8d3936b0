// tests/agent/loopback_server.hpp - a TCP server on 127.0.0.1 that answers as it is told.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace berth::agent {

/// Accepts connections on 127.0.0.1, one at a time, and lets `talk` have each. Without it nothing is accepted:
/// connections succeed (backlog) and stay silent.
class LoopbackListener {
 public:
  using Talk = std::function<void(int client)>;

  explicit LoopbackListener(Talk talk) : talk_(std::move(talk)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 64);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (talk_) thread_ = std::thread([this] { serve(); });
  }
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;
  ~LoopbackListener() {
    stop_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  std::uint16_t port() const { return port_; }

 private:
  void serve() {
    while (!stop_) {
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      talk_(client.get());
    }
  }

  Talk talk_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// Reads what comes with the first bytes of each connection and sends back `answer(those bytes)`, then closes.
class LoopbackServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  /// Without an answer it is silent.
  explicit LoopbackServer(Answer answer = {})
      : answer_(std::move(answer)),
        listener_(answer_ ? LoopbackListener::Talk([this](int client) { talk(client); }) : LoopbackListener::Talk()) {}

  std::uint16_t port() const { return listener_.port(); }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void talk(int client) {
    std::array<char, 65536> buffer;
    const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
    const std::string request(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const auto answer = answer_(request);
    ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::shutdown(client, SHUT_WR);
    pollfd gone = {client, POLLIN, 0};
    ::poll(&gone, 1, 5000);  // until the other side is through with it
  }

  Answer answer_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  LoopbackListener listener_;  ///< Last: its thread uses the rest.
};

/// A port of 127.0.0.1 on which nobody listens.
inline std::uint16_t closed_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace berth::agent
