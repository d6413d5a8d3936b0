// api/tls/gateway.cpp - accepts TLS connections, makes those to other hosts, and runs their tunnels on one thread.
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "api/tls/certificate.hpp"
#include "api/tls/context.hpp"
#include "api/tls/module.hpp"
#include "api/tls/tunnel.hpp"
#include "base/atomic_file.hpp"
#include "base/dial.hpp"

namespace berth::api {

namespace {

/// After accept(2) failed, out of descriptors most likely: give the others time to end.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kEvents = 64;
/// Of ours at once, with one host: it bounds those of all its clients, and ends the oldest above that.
constexpr std::size_t kHandshakesPerHost = 16;
/// A peer that vanished is noticed within a minute: keepalive(7), and for what it did not acknowledge tcp(7).
constexpr int kKeepIdle = 30;
constexpr int kKeepInterval = 10;
constexpr int kKeepCount = 3;
constexpr int kUserTimeoutMs = 60'000;

void set_up_socket(int fd) {
  const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof(value)); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepInterval);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

/// Changes when a file is replaced or written: size, inode and times.
std::string fingerprint(const TlsOptions& options) {
  auto files = options.client_ca_files;
  files.push_back(options.certificate_file);
  files.push_back(options.key_file);
  if (options.hosts) files.insert(files.end(), {options.hosts->certificate_file, options.hosts->key_file});
  std::string out;
  for (const auto& file : files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) info = {};
    out += fmt::format("{}:{}:{}.{};", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  return out;
}

/// All that is made of files.
struct Material {
  Context context;
  Context host_context;  ///< Null: there are no other hosts.
  Authorities authorities;
};

Result<Material> read_material(const TlsOptions& options) {
  Material out;
  auto context = make_context(options);
  if (!context) return context.error();
  out.context = *std::move(context);
  if (!options.own_ca_file.empty()) {
    const auto text = read_file(options.own_ca_file);
    if (!text) return text.error();
    auto own = certificate_from_pem(*text, options.own_ca_file.string());
    if (!own) return own.error();
    out.authorities.own = *std::move(own);
  }
  if (!options.hosts) return out;
  auto host_context = make_host_context(*options.hosts);
  if (!host_context) return host_context.error();
  out.host_context = *std::move(host_context);
  const auto text = read_file(options.hosts->ca_file);
  if (!text) return text.error();
  auto hosts = certificates_from_pem(*text, options.hosts->ca_file.string());
  if (!hosts) return hosts.error();
  out.authorities.hosts = *std::move(hosts);
  return out;
}

class Gateway final : public TlsGateway {
 public:
  Gateway(TlsOptions options, Material material)
      : options_(std::move(options)), material_(std::move(material)), files_(fingerprint(options_)) {}

  ~Gateway() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    ::eventfd_write(wake_.get(), 1);
    thread_.join();
    const Error ending(ErrorCode::Cancelled, "berthd is stopping");
    for (const auto& dial : dials_) dial.done(ending);
    for (const auto& dial : waiting_) dial.done(ending);
    for (const auto& [id, entry] : entries_) {
      if (entry.dialled) entry.dialled(ending);
    }
  }

  void connect(const TcpAddress& address, std::chrono::milliseconds time, Dialled done) override {
    {
      const std::lock_guard lock(mutex_);
      dials_.push_back({address, time, std::move(done)});
    }
    ::eventfd_write(wake_.get(), 1);
  }

  Status start() {
    poll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!poll_ || !wake_) return Error::from_errno(errno, "start TLS");
    watch(wake_.get(), kWake, EPOLLIN, EPOLL_CTL_ADD);
    listen(true);
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "tls");
      // Signals are the loop's; and OpenSSL writes with write(2), where a peer that is gone raises SIGPIPE.
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
      run();
    });
    return Ok{};
  }

 private:
  /// Below these in epoll's data: which listener. From kFirst on: twice a tunnel's number, plus one for its local
  /// socket.
  static constexpr std::uint64_t kWake = 0;
  static constexpr std::uint64_t kFirst = 1024;

  /// As connect() was asked.
  struct Dial {
    TcpAddress address;
    std::chrono::milliseconds time;
    Dialled done;
  };
  struct Entry {
    Tunnel tunnel;
    std::string to{};          ///< Made by connect(): where it leads. Else empty.
    Dialled dialled{};         ///< Until that is answered.
    bool connected = false;    ///< The kernel of the other host has answered, now its agent has to.
    bool others_made = false;  ///< Meanwhile, of those to the same host.
    std::uint32_t socket_events = 0;
    std::uint32_t local_events = 0;
    int local = -1;  ///< As epoll knows it.
  };
  using Entries = std::map<std::uint64_t, Entry>;

  void watch(int fd, std::uint64_t data, std::uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    ::epoll_ctl(poll_.get(), operation, fd, &event);
  }

  void listen(bool on) {
    if (listening_ == on) return;
    listening_ = on;
    for (std::size_t i = 0; i < options_.listeners.size(); ++i) {
      watch(options_.listeners[i].get(), i + 1, EPOLLIN, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
    }
  }

  void run() {
    next_look_ = Clock::now() + options_.look_again;
    std::array<epoll_event, kEvents> events{};
    while (true) {
      const int count = ::epoll_wait(poll_.get(), events.data(), kEvents, timeout());
      now_ = Clock::now();
      std::vector<std::uint64_t> due = std::exchange(again_, {});
      for (int i = 0; i < count; ++i) {
        const auto data = events[static_cast<std::size_t>(i)].data.u64;
        if (data == kWake) {
          if (!take_dials()) return;
          continue;
        }
        if (data < kFirst) {
          accept_from(options_.listeners[data - 1].get());
          continue;
        }
        const auto id = data / 2;
        const bool dead = (events[static_cast<std::size_t>(i)].events & (EPOLLERR | EPOLLHUP)) != 0 && data % 2 == 0;
        if (dead) {
          end(entries_.find(id));
        } else {
          due.push_back(id);
        }
      }
      for (const auto id : due) step(entries_.find(id));
      look_at_deadlines();
      if (!waiting_.empty()) begin_dials();
      if (!listening_ && now_ >= listen_again_) listen(true);
      if (now_ >= next_look_) look_at_files();
    }
  }

  int timeout() const {
    if (!again_.empty()) return 0;
    auto next = next_look_;
    if (!listening_) next = std::min(next, listen_again_);
    for (const auto& [id, entry] : entries_) {
      if (const auto deadline = entry.tunnel.deadline()) next = std::min(next, *deadline);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void accept_from(int listener) {
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        listen(false);
        listen_again_ = now_ + kAcceptPause;
      }
      return;
    }
    if (entries_.size() - outgoing_ >= options_.connections) return;
    const auto knocks = [](const auto& e) { return e.second.to.empty() && e.second.tunnel.in_handshake(); };
    const auto handshakes = std::count_if(entries_.begin(), entries_.end(), knocks);
    if (static_cast<std::size_t>(handshakes) >= options_.handshakes) {
      // Who connects and says nothing must not keep others out.
      end(std::find_if(entries_.begin(), entries_.end(), knocks));
    }
    set_up_socket(socket.get());
    auto ssl = make_ssl(material_.context, socket.get());
    if (!ssl) return;
    ::SSL_set_accept_state(ssl.get());
    add({.tunnel = Tunnel(std::move(ssl), std::move(socket), now_ + options_.handshake_time)});
  }

  /// Null, with OpenSSL's queue of errors empty: out of memory.
  static std::unique_ptr<SSL, Tunnel::FreeSsl> make_ssl(const Context& context, int fd) {
    std::unique_ptr<SSL, Tunnel::FreeSsl> ssl(::SSL_new(context.get()));
    if (!ssl || ::SSL_set_fd(ssl.get(), fd) != 1) {
      ::ERR_clear_error();
      return nullptr;
    }
    return ssl;
  }

  void add(Entry entry) {
    const auto id = next_id_++;
    entry.socket_events = EPOLLIN;
    watch(entry.tunnel.socket(), id * 2, EPOLLIN, EPOLL_CTL_ADD);
    step(entries_.emplace(id, std::move(entry)).first);
  }

  /// What connect() asked for meanwhile. False: it is the end.
  bool take_dials() {
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    std::vector<Dial> dials;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return false;
      dials.swap(dials_);
    }
    for (auto& each : dials) {
      if (outgoing_ + waiting_.size() >= options_.dials) {
        each.done(Error(ErrorCode::ResourceExhausted,
                        fmt::format("more than {} connections to other hosts at once", options_.dials)));
      } else {
        waiting_.push_back(std::move(each));
      }
    }
    return true;
  }

  /// Those to whose hosts there is room. Who waits for another one is not held up.
  void begin_dials() {
    std::map<std::string, std::size_t> under_way;
    for (const auto& [id, entry] : entries_) {
      if (entry.dialled) ++under_way[entry.to];
    }
    for (auto& each : std::exchange(waiting_, {})) {
      if (auto& those = under_way[each.address.text()]; those >= kHandshakesPerHost) {
        waiting_.push_back(std::move(each));
      } else if (auto begun = dial(each); !begun) {
        each.done(begun.error());
      } else {
        ++those;
      }
    }
  }

  static Error no_answer() { return {ErrorCode::DeadlineExceeded, "no answer to the attempt to connect"}; }

  /// An error leaves `dial.done` for the caller.
  Status dial(Dial& dial) {
    if (!material_.host_context) return Error(ErrorCode::FailedPrecondition, "no certificate for other hosts is given");
    auto socket = begin_dial_tcp(dial.address);
    if (!socket) return socket.error();
    set_up_socket(socket->get());
    auto ssl = make_ssl(material_.host_context, socket->get());
    if (!ssl || ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), dial.address.host.c_str()) != 1) {
      return openssl_error(ErrorCode::ResourceExhausted, "start TLS");
    }
    ::SSL_set_connect_state(ssl.get());
    ++outgoing_;
    add({.tunnel = Tunnel(std::move(ssl), *std::move(socket), Clock::now() + dial.time),
         .to = dial.address.text(),
         .dialled = std::move(dial.done)});
    return Ok{};
  }

  void step(Entries::iterator at) {
    if (at == entries_.end()) return;
    auto& tunnel = at->second.tunnel;
    if (const auto deadline = tunnel.deadline(); deadline && *deadline <= now_) return expire(at);
    auto next = tunnel.step({scratch_, now_});
    if (next == Tunnel::Next::Hand) {
      auto peer = tunnel.take_peer(material_.authorities);
      if (!peer) return end(at);
      at->second.local = tunnel.local();
      if (const auto dialled = std::exchange(at->second.dialled, nullptr)) {
        for (auto& [id, other] : entries_) other.others_made = other.others_made || other.to == at->second.to;
        dialled(std::move(peer->socket));
      } else {
        options_.on_peer(*std::move(peer));
      }
      next = tunnel.step({scratch_, now_});
    }
    if (next == Tunnel::Next::End) return end(at);
    if (at->second.dialled && !at->second.connected && tunnel.waits_for_peer()) {
      at->second.connected = true;
      tunnel.end_handshake_by(Clock::now() + options_.handshake_time);
    }
    if (next == Tunnel::Next::Again) again_.push_back(at->first);
    update_events(at->first, at->second);
  }

  void update_events(std::uint64_t id, Entry& entry) const {
    const auto socket_events = entry.tunnel.wanted_of_socket();
    if (socket_events != entry.socket_events) {
      watch(entry.tunnel.socket(), id * 2, socket_events, EPOLL_CTL_MOD);
      entry.socket_events = socket_events;
    }
    // The closed local socket has left epoll by itself; with nothing wanted it leaves too, or its end would be told
    // again and again.
    if (entry.tunnel.local() < 0) entry.local_events = 0;
    const auto local_events = entry.tunnel.wanted_of_local();
    if (local_events == entry.local_events) return;
    const int operation = local_events == 0 ? EPOLL_CTL_DEL : entry.local_events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    watch(entry.local, id * 2 + 1, local_events, operation);
    entry.local_events = local_events;
  }

  void end(Entries::iterator at) {
    if (at == entries_.end()) return;
    const auto& entry = at->second;
    if (!entry.to.empty()) {
      --outgoing_;
      const auto why = entry.tunnel.why();
      if (entry.dialled) {
        entry.dialled(Error(ErrorCode::Unavailable, why));
      } else if (!why.empty() && !entry.tunnel.in_handshake()) {
        // With TLS 1.3 a server looks at our certificate when for us the handshake is over.
        complain(fmt::format("the connection to the API of the host at {} broke: {}", entry.to, why));
      }
    }
    entries_.erase(at);  // closing takes the sockets out of epoll
  }

  void look_at_deadlines() {
    std::vector<std::uint64_t> late;
    for (const auto& [id, entry] : entries_) {
      const auto deadline = entry.tunnel.deadline();
      if (deadline && *deadline <= now_) late.push_back(id);
    }
    for (const auto id : late) expire(entries_.find(id));
  }

  void expire(Entries::iterator at) {
    if (const auto dialled = std::exchange(at->second.dialled, nullptr)) {
      dialled(no_answer());
      if (!at->second.others_made) refuse_waiting(at->second.to);
    }
    end(at);
  }

  /// There is no answer to those who wait for this host, either.
  void refuse_waiting(const std::string& host) {
    for (auto& dial : std::exchange(waiting_, {})) {
      if (dial.address.text() == host) {
        dial.done(no_answer());
      } else {
        waiting_.push_back(std::move(dial));
      }
    }
  }

  /// Renews our own certificates and takes up files that changed. Open connections keep what they began with.
  void look_at_files() {
    next_look_ = now_ + options_.look_again;
    if (options_.pki) {
      const auto done = ensure_pki(*options_.pki, std::chrono::system_clock::now());
      if (!done) return complain(fmt::format("renew TLS certificates: {}, trying again", done.error().message()));
      if (*done) notice("TLS certificates were renewed");
    }
    auto files = fingerprint(options_);
    if (files == files_) return;
    auto material = read_material(options_);
    if (!material) {
      return complain(fmt::format("read TLS files again: {}, going on with the old ones", material.error().message()));
    }
    material_ = *std::move(material);
    files_ = std::move(files);
    notice("TLS files were read again");
  }

  void notice(const std::string& text) {
    last_complaint_.clear();
    if (options_.on_notice) options_.on_notice(text);
  }
  /// Once, not at every look.
  void complain(const std::string& text) {
    if (text == last_complaint_) return;
    notice(text);
    last_complaint_ = text;
  }

  using Clock = std::chrono::steady_clock;

  TlsOptions options_;
  Material material_;
  std::string files_;  ///< fingerprint() of what material_ was made from.
  std::mutex mutex_;
  std::vector<Dial> dials_;  ///< Under `mutex_`: not seen yet.
  bool ending_ = false;      ///< Under `mutex_`.
  UniqueFd poll_;
  UniqueFd wake_;
  bool listening_ = false;
  SteadyPoint listen_again_{};
  SteadyPoint next_look_{};
  SteadyPoint now_ = Clock::now();
  std::uint64_t next_id_ = kFirst;
  Entries entries_;
  std::size_t outgoing_ = 0;   ///< Of them, made by connect().
  std::vector<Dial> waiting_;  ///< Not begun yet.
  std::vector<std::uint64_t> again_;
  std::string scratch_ = std::string(Tunnel::kPiece, '\0');
  std::string last_complaint_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<TlsGateway>> start_gateway(TlsOptions options) {
  auto material = read_material(options);
  if (!material) return material.error();
  auto gateway = std::make_unique<Gateway>(std::move(options), *std::move(material));
  if (auto started = gateway->start(); !started) return started.error();
  return std::unique_ptr<TlsGateway>(std::move(gateway));
}

}  // namespace berth::api
