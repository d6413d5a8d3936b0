// network/dns/server.cpp - one thread over all sockets: takes a batch, looks at the zone once, answers the batch.
#include "network/dns/server.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <thread>

#include "base/counters.hpp"
#include "base/log.hpp"
#include "network/dns/buffer.hpp"
#include "network/dns/responder.hpp"
#include "network/dns/udp.hpp"
#include "network/dns/upstreams.hpp"

namespace berth::network::dns {

namespace {

constexpr int kEventsPerWait = 16;
constexpr int kBatchesInARow = 16;  // then TCP and the upstreams have their turn
constexpr int kPortTries = 16;

/// The current zone. Publishing takes a lock; reading takes one only when something was published since.
class ZoneSlot {
 public:
  explicit ZoneSlot(std::shared_ptr<const Zone> zone) : zone_(std::move(zone)) {}

  void publish(std::shared_ptr<const Zone> zone) {
    const std::lock_guard lock(mutex_);
    zone_.swap(zone);
    generation_.fetch_add(1, std::memory_order_release);
  }

  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  std::shared_ptr<const Zone> get() const {
    const std::lock_guard lock(mutex_);
    return zone_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Zone> zone_;
  std::atomic<std::uint64_t> generation_{1};
};

class Server final : public DnsServer {
 public:
  Server(std::vector<SocketAddress> upstreams, std::vector<Cidr> networks, const ServerLimits& limits)
      : upstream_port_(limits.upstream_port),
        holds_(limits.hold.longest.count() > 0),
        networks_(std::move(networks)),
        slot_(Zone::unknown()),
        forwarder_(std::move(upstreams), limits.forwarder),
        tcp_(limits.tcp,
             [this](auto connection, const IpAddress& source, Octets query) { on_tcp(connection, source, query); }),
        held_(limits.hold),
        tcp_out_(kTcpLimit),
        later_out_(kTcpLimit) {}

  ~Server() override {
    if (!thread_.joinable()) return;
    wake(stop_);
    thread_.join();
  }

  Status start(const DnsConfig& config) {
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    stop_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    published_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll_ || !stop_ || !published_) return Error::from_errno(errno, "prepare the DNS server");
    for (const auto& text : config.listen) {
      if (auto bound = listen(text, config.port, config.kept); !bound) return bound;
    }
    for (const auto fd : {stop_.get(), published_.get(), forwarder_.fd()}) {
      if (auto watched = watch(fd); !watched) return watched;
    }
    if (!taken_) {
      if (auto watched = watch_clients(); !watched) return watched;
    }
    if (auto followed = follow(config); !followed) return followed;
    // Signals are for the loop's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(thread_.native_handle(), "berth-dns");
    return Ok{};
  }

  void publish(const DnsNames& names) override {
    slot_.publish(Zone::build(names));
    if (holds_) wake(published_);
    if (!taken_ || watched_.exchange(true)) return;
    if (auto watched = watch_clients(); !watched) {
      log(LogLevel::Error, "DNS does not answer", {{"error", watched.error().message()}});
    }
  }

  std::uint16_t port() const override { return port_; }

  Counters counters() const override {
    return {queries_.load(std::memory_order_relaxed), forwarded_.load(std::memory_order_relaxed),
            malformed_.load(std::memory_order_relaxed), cache_hits_.load(std::memory_order_relaxed)};
  }

 private:
  using Counter = std::atomic<std::uint64_t>;

  static void wake(const UniqueFd& event) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event.get(), &one, sizeof one);
  }

  Status watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return Error::from_errno(errno, "watch a DNS socket");
    return Ok{};
  }

  /// Any thread: see epoll_ctl(2).
  Status watch_clients() {
    for (const auto& udp : udp_) {
      if (auto watched = watch(udp.get()); !watched) return watched;
    }
    return watch(tcp_.fd());
  }

  /// As an earlier process kept it, else made and kept for the next.
  Result<UniqueFd> socket_for(const std::string& text, const SocketAddress& address, int type,
                              const KeptSockets& kept) {
    if (!kept.take || address.port() == 0) return bind_socket(address, type);
    auto name = fmt::format("dns-{}-{}-{}", type == SOCK_DGRAM ? "udp" : "tcp", text, address.port());
    std::replace(name.begin(), name.end(), ':', '_');
    if (auto fd = kept.take(name); fd && bound_port(fd.get()) == address.port()) {
      taken_ = true;
      return fd;
    }
    auto fd = make_beside(kept, [&] { return bind_socket(address, type); });
    if (fd) kept.keep(name, fd->get());
    return fd;
  }

  /// Whom to ask when the configuration names nobody.
  Status follow(const DnsConfig& config) {
    if (!config.upstreams.empty() || config.resolv_conf.empty()) return Ok{};
    resolv_conf_.emplace(config.resolv_conf);
    take_upstreams();
    if (resolv_conf_->fd() >= 0) return watch(resolv_conf_->fd());
    log(LogLevel::Warning, "cannot watch " + config.resolv_conf.native() + ": changes need a restart",
        {{"error", Error::from_errno(errno, "inotify_init1").message()}});
    return Ok{};
  }

  /// A file that names nobody, as one that is just being written, changes nothing.
  void take_upstreams() {
    auto upstreams = usable_upstreams(resolv_conf_->read(), upstream_port_, own_);
    if (upstreams.empty() || upstreams == upstreams_) return;
    upstreams_ = upstreams;
    forwarder_.use(std::move(upstreams), now_);
    log(LogLevel::Debug, "DNS asks other servers for outside names now",
        {{"servers", std::to_string(upstreams_.size())}});
  }

  /// UDP and TCP on one port. A port of the kernel's choice for UDP may be taken for TCP: then another.
  Status listen(const std::string& text, std::uint16_t port, const KeptSockets& kept) {
    const auto parsed = parse_socket_address(text, port_ != 0 ? port_ : port);
    if (!parsed) return parsed.error().context("DNS listen address");
    for (int i = 1;; ++i) {
      auto address = *parsed;
      auto udp = socket_for(text, address, SOCK_DGRAM, kept);
      if (!udp) return udp.error();
      address.set_port(bound_port(udp->get()));
      auto tcp = socket_for(text, address, SOCK_STREAM, kept);
      if (!tcp && parsed->port() == 0 && i < kPortTries) continue;
      if (!tcp) return tcp.error();
      port_ = address.port();
      own_.push_back(address);
      closed_ = closed_ && may_recurse(address_of(address.get()));
      udp_.push_back(std::move(*udp));
      return tcp_.listen(std::move(*tcp));
    }
  }

  void run() {
    for (;;) {
      std::array<epoll_event, kEventsPerWait> events{};
      const auto count = epoll_wait(epoll_.get(), events.data(), kEventsPerWait, milliseconds_to_wait());
      now_ = std::chrono::steady_clock::now();
      if (resolv_conf_ && resolv_conf_->changed()) take_upstreams();  // first: who asks now gets the new ones
      for (int i = 0; i < count; ++i) {
        const auto fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == stop_.get()) return;
        if (fd == forwarder_.fd()) {
          forwarder_.poll(now_);
        } else if (fd == tcp_.fd()) {
          tcp_.poll(now_);
        } else if (fd == published_.get()) {
          ask_held_again();
        } else if (!resolv_conf_ || fd != resolv_conf_->fd()) {
          serve_udp(fd);
        }
      }
      forwarder_.expire(now_);
      tcp_.expire(now_);
      for (auto& late : held_.expire(now_)) answer_held(late);
    }
  }

  int milliseconds_to_wait() const {
    auto due = forwarder_.next_due();
    for (const auto other : {tcp_.next_due(), held_.next_due()}) {
      if (other) due = std::min(due.value_or(*other), *other);
    }
    if (!due) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  /// To be called after a query was received: what was published before it was sent is seen.
  const Zone& zone() {
    if (const auto generation = slot_.generation(); generation != seen_) {
      zone_ = slot_.get();
      seen_ = generation;
    }
    return *zone_;
  }

  bool may_recurse(const IpAddress& source) const {
    return std::ranges::any_of(networks_, [&](const auto& network) { return network.contains(source); });
  }

  static void count(Counter& counter, std::uint64_t more = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + more,
                  std::memory_order_relaxed);  // only this thread writes
  }

  void serve_udp(int fd) {
    for (int turns = 0; turns < kBatchesInARow; ++turns) {
      const auto received = batch_.receive(fd);
      const auto& current = zone();
      for (std::size_t i = 0; i < received; ++i) {
        const auto size = answer(current, batch_.packet(i), batch_.source(i), /*tcp=*/false, batch_.room(i), [&] {
          return [fd, peer = batch_.peer(i)](Octets reply) { send_udp(fd, peer, reply); };
        });
        if (size && *size != 0) batch_.reply(i, *size);
      }
      count(queries_, received);  // first: whoever has a reply is counted
      batch_.send(fd);
      if (received < UdpBatch::kMessages) return;
    }
  }

  void on_tcp(TcpServer::Connection connection, const IpAddress& source, Octets query) {
    count(queries_);
    const auto size = answer(zone(), query, source, /*tcp=*/true, tcp_out_.span(),
                             [&] { return [this, connection](Octets reply) { tcp_.reply(connection, reply, now_); }; });
    if (!size) return;                              // an upstream is asked, or it waits
    if (*size == 0) return tcp_.close(connection);  // no DNS client says that
    tcp_.reply(connection, tcp_out_.span().first(*size), now_);
  }

  /// The size of the reply in `out`; 0: there shall be none. Nothing: `make_sender()` will be given it later.
  template <typename MakeSender>
  std::optional<std::size_t> answer(const Zone& zone, Octets packet, const IpAddress& source, bool tcp,
                                    std::span<std::uint8_t> out, const MakeSender& make_sender) {
    berth::counters().dns_queries.fetch_add(1, std::memory_order_relaxed);
    const auto outcome = ask(zone, packet, source, tcp, out);
    const auto state = outcome.query.state;
    if (state == QueryState::Drop || state == QueryState::FormErr) count(malformed_);
    if (outcome.awaited && held_.has_room(source)) {
      held_.hold({{packet.begin(), packet.end()}, source, tcp, make_sender()}, now_);
      return std::nullopt;
    }
    return finish(outcome, out, make_sender);
  }

  Outcome ask(const Zone& zone, Octets packet, const IpAddress& source, bool tcp, std::span<std::uint8_t> out) {
    const auto known = may_recurse(source);
    return respond(zone, packet, {source, tcp, known, known || !closed_}, ++turn_, out);
  }

  /// There are other names now.
  void ask_held_again() {
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = read(published_.get(), &times, sizeof times);
    const auto& current = zone();
    const auto answered = held_.take([&](const HeldQuestion& held) {
      return !ask(current, held.packet, held.source, held.tcp, later_out_.span()).awaited;
    });
    for (const auto& held : answered) answer_held(held);
  }

  /// With what there is now.
  void answer_held(const HeldQuestion& held) {
    const auto out = later_out_.span();
    const auto size = finish(ask(zone(), held.packet, held.source, held.tcp, out), out, [&] { return held.send; });
    if (size) held.send(out.first(*size));
  }

  /// As answer(), of what the zone says.
  template <typename MakeSender>
  std::optional<std::size_t> finish(const Outcome& outcome, std::span<std::uint8_t> out,
                                    const MakeSender& make_sender) {
    const auto& query = outcome.query;
    switch (outcome.verdict) {
      case Verdict::Drop: return 0;
      case Verdict::Reply: return outcome.size;
      case Verdict::Forward: break;
    }
    const Question question{outcome.outside, query.type, query.dnssec_ok, query.has(flag::kCheckingDisabled)};
    if (const auto hit = forwarder_.cached(question, now_); !hit.empty()) {
      count(cache_hits_);
      berth::counters().dns_cache_hits.fetch_add(1, std::memory_order_relaxed);
      return relay(query, hit, outcome.size, outcome.limit, out);
    }
    count(forwarded_);
    berth::counters().dns_forwarded.fetch_add(1, std::memory_order_relaxed);
    forwarder_.ask(
        question, now_,
        [this, query, limit = outcome.limit,
         begun = std::vector<std::uint8_t>(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(outcome.size)),
         send = make_sender()](Octets upstream) {
          if (upstream.empty()) berth::counters().dns_forward_errors.fetch_add(1, std::memory_order_relaxed);
          std::ranges::copy(begun, later_out_.data());
          const auto room = later_out_.span();
          send(room.first(relay(query, upstream, begun.size(), limit, room)));
        });
    return std::nullopt;
  }

  const std::uint16_t upstream_port_;
  const bool holds_;
  std::vector<Cidr> networks_;
  std::vector<SocketAddress> own_;  ///< What we listen on.
  bool closed_ = true;              ///< All of it inside networks_: only these are answered.
  std::optional<ResolvConfWatch> resolv_conf_;
  std::vector<SocketAddress> upstreams_;  ///< As resolv_conf_ named them last.
  ZoneSlot slot_;
  std::shared_ptr<const Zone> zone_;  ///< The thread's own reference, renewed when seen_ is old.
  std::uint64_t seen_ = 0;
  Forwarder forwarder_;
  TcpServer tcp_;
  HeldQuestions held_;
  UdpBatch batch_;
  Buffer tcp_out_;
  Buffer later_out_;
  std::vector<UniqueFd> udp_;
  UniqueFd epoll_;
  UniqueFd stop_;
  UniqueFd published_;  ///< Written to with each zone when questions may be held.
  std::uint16_t port_ = 0;
  bool taken_ = false;                ///< Sockets that an earlier process kept: clients wait there for the first zone.
  std::atomic<bool> watched_{false};  ///< With taken_: they are attended to.
  std::uint32_t turn_ = 0;
  SteadyTime now_;
  Counter queries_{0};
  Counter forwarded_{0};
  Counter malformed_{0};
  Counter cache_hits_{0};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<DnsServer>> start_server(const DnsConfig& config, const ServerLimits& limits) {
  if (config.listen.empty()) return Error(ErrorCode::InvalidArgument, "start the DNS server: no listen address");
  std::vector<Cidr> networks;
  for (const auto& text : config.allow_recursion) {
    const auto network = Cidr::parse(text);
    if (!network) return network.error().context("DNS recursion");
    networks.push_back(*network);
  }
  std::vector<SocketAddress> own;
  for (const auto& text : config.listen) {
    if (const auto address = parse_socket_address(text, config.port)) own.push_back(*address);
  }
  for (const auto& text : config.upstreams) {
    const auto upstream = parse_socket_address(text, limits.upstream_port);
    if (!upstream) return upstream.error().context("DNS upstream");
  }
  auto with_hold = limits;
  with_hold.hold.longest = config.hold;
  auto server = std::make_unique<Server>(usable_upstreams(config.upstreams, limits.upstream_port, own),
                                         std::move(networks), with_hold);
  if (auto started = server->start(config); !started) return started.error();
  return std::unique_ptr<DnsServer>(std::move(server));
}

}  // namespace berth::network::dns

namespace berth::network {

Result<std::unique_ptr<DnsServer>> start_dns_server(const DnsConfig& config) { return dns::start_server(config, {}); }

}  // namespace berth::network
