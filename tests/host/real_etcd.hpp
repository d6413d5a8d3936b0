// tests/host/real_etcd.hpp - etcd as Debian has it, on loopback: started, killed and started again; and proxies before
// it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/child_process.hpp"
#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"

namespace berth {

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline UniqueFd listen_on_loopback(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 64) != 0) {
    fd.reset();
  }
  return fd;
}

inline int port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

inline int free_port() { return port_of(listen_on_loopback(0).get()); }

inline bool answers(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// Runs it to its end; 0 when all is well.
inline int run_to_end(const std::vector<std::string>& argv) {
  auto child = start_child(argv, {.input = -1, .dies_with_caller = false, .shares_errors = false});
  if (!child) return 127;
  // What it says is read, so that it does not wait for us.
  pollfd wait{child->output.get(), POLLIN, 0};
  char text[4096];
  for (;;) {
    ::poll(&wait, 1, 1000);
    const auto got = ::read(child->output.get(), text, sizeof text);
    if (got == 0) break;
  }
  int status = 0;
  ::waitpid(child->pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

struct RealEtcdOptions {
  std::vector<std::string> arguments{};  ///< More of etcd's own.
  std::string name = "one";
  std::string scheme = "http";
  int peer_port = 0;      ///< 0: any.
  std::string cluster{};  ///< Empty: alone.
};

/// A tmpfs where one has room: beside a test that writes much to the disk each sync takes seconds, and members no
/// longer hear from each other. Each makes files of 64 MB for its log.
inline std::string data_parent() {
  std::error_code error;
  const auto space = std::filesystem::space("/dev/shm", error);
  return !error && space.available >= (1ULL << 30) ? "/dev/shm" : "/tmp";
}

/// One member. Killed and gone with its data when destroyed.
class RealEtcd {
 public:
  explicit RealEtcd(RealEtcdOptions options = {})
      : options_(std::move(options)),
        port_(free_port()),
        peer_port_(options_.peer_port != 0 ? options_.peer_port : free_port()) {
    start();
  }
  RealEtcd(const RealEtcd&) = delete;
  RealEtcd& operator=(const RealEtcd&) = delete;
  ~RealEtcd() { kill(); }

  void start() {
    const auto url = endpoint();
    const auto peer = "http://127.0.0.1:" + std::to_string(peer_port_);
    std::vector<std::string> argv = {
        "etcd",
        "--name=" + options_.name,
        "--data-dir=" + (dir_.path() / "data").string(),
        "--listen-client-urls=" + url,
        "--advertise-client-urls=" + url,
        "--listen-peer-urls=" + peer,
        "--initial-advertise-peer-urls=" + peer,
        "--initial-cluster=" + (options_.cluster.empty() ? options_.name + "=" + peer : options_.cluster),
        "--logger=zap",
        "--log-level=error",
        "--log-outputs=" + (dir_.path() / "log").string()};
    argv.insert(argv.end(), options_.arguments.begin(), options_.arguments.end());
    auto child = start_child(argv, {.input = -1, .dies_with_caller = true, .shares_errors = true});
    if (!child) std::abort();
    child_ = std::make_unique<ChildProcess>(*std::move(child));
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!answers(port_) && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  /// SIGKILL; the data stays.
  void kill() {
    if (child_ == nullptr) return;
    ::kill(child_->pid, SIGKILL);
    ::waitpid(child_->pid, nullptr, 0);
    child_.reset();
  }
  void freeze() { ::kill(child_->pid, SIGSTOP); }
  void thaw() { ::kill(child_->pid, SIGCONT); }

  int port() const { return port_; }
  std::string endpoint() const { return options_.scheme + "://127.0.0.1:" + std::to_string(port_); }

  /// etcdctl(1) on it.
  int control(std::vector<std::string> words) const {
    std::vector<std::string> argv = {"env", "ETCDCTL_API=3", "etcdctl", "--endpoints=" + endpoint()};
    argv.insert(argv.end(), words.begin(), words.end());
    return run_to_end(argv);
  }

 private:
  const RealEtcdOptions options_;
  TempDir dir_{data_parent()};
  const int port_;
  const int peer_port_;
  std::unique_ptr<ChildProcess> child_;
};

/// A TCP port that leads to another one: late, or not at all. It knows nothing of what goes through, so that answers
/// come in another order when each kind of calls has a proxy of its own.
class TcpProxy {
 public:
  explicit TcpProxy(int to) : to_(to), listener_(listen_on_loopback(0)), port_(port_of(listener_.get())) {
    thread_ = std::thread([this] { run(); });
  }
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy() {
    stop_ = true;
    thread_.join();
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// What comes back from the server from now on takes so long, and a random part more.
  void delay(std::chrono::milliseconds least, std::chrono::milliseconds more = {}) {
    least_ = least;
    more_ = more;
  }
  /// Nothing goes through and nobody is told, as when a cable is pulled.
  void hold(bool on) { hold_ = on; }
  /// All connections end; while `refuse`, new ones do at once.
  void cut(bool refuse = false) {
    refuse_ = refuse;
    ++cuts_;
  }
  void mend() { refuse_ = false; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  struct Pair {
    UniqueFd client;
    UniqueFd server;
    std::vector<Piece> up;
    std::vector<Piece> down;
    bool over = false;
  };

  void run() {
    std::mt19937 random(1);
    int cuts = 0;
    while (!stop_) {
      std::vector<pollfd> watched = {{listener_.get(), POLLIN, 0}};
      for (const auto& pair : pairs_) {
        watched.push_back({pair->client.get(), POLLIN, 0});
        watched.push_back({pair->server.get(), POLLIN, 0});
      }
      if (hold_) watched.resize(1);
      ::poll(watched.data(), watched.size(), 1);
      if (const int now = cuts_; now != cuts) {
        cuts = now;
        pairs_.clear();
      }
      accept_one();
      if (hold_) continue;
      for (auto& pair : pairs_) {
        const auto late =
            least_.load() + std::chrono::milliseconds(random() % static_cast<unsigned>(more_.load().count() + 1));
        read(*pair, pair->client.get(), pair->up, Clock::now());
        read(*pair, pair->server.get(), pair->down, Clock::now() + late);
        write(*pair, pair->server.get(), pair->up);
        write(*pair, pair->client.get(), pair->down);
      }
      std::erase_if(pairs_, [](const auto& pair) { return pair->over; });
    }
  }

  void accept_one() {
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client || refuse_) return;
    UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = loopback(to_);
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    auto pair = std::make_unique<Pair>();
    pair->client = std::move(client);
    pair->server = std::move(server);
    pairs_.push_back(std::move(pair));
  }

  static void read(Pair& pair, int fd, std::vector<Piece>& into, Clock::time_point due) {
    std::string bytes(64 * 1024, '\0');
    const auto got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0) pair.over = true;
    if (got <= 0) return;
    bytes.resize(static_cast<std::size_t>(got));
    // Bytes of one connection never overtake each other.
    if (!into.empty()) due = std::max(due, into.back().due);
    into.push_back({due, std::move(bytes)});
  }

  static void write(Pair& pair, int fd, std::vector<Piece>& from) {
    while (!from.empty() && from.front().due <= Clock::now()) {
      auto& bytes = from.front().bytes;
      const auto put = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put < 0) {
        if (errno != EAGAIN) pair.over = true;
        return;
      }
      bytes.erase(0, static_cast<std::size_t>(put));
      if (!bytes.empty()) return;
      from.erase(from.begin());
    }
  }

  const int to_;
  UniqueFd listener_;
  const int port_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> hold_{false};
  std::atomic<bool> refuse_{false};
  std::atomic<int> cuts_{0};
  std::atomic<std::chrono::milliseconds> least_{std::chrono::milliseconds{0}};
  std::atomic<std::chrono::milliseconds> more_{std::chrono::milliseconds{0}};
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::thread thread_;
};

}  // namespace berth
