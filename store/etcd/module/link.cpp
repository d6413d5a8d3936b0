// store/etcd/module/link.cpp - see link.hpp.
#include "store/etcd/module/link.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/scope_exit.hpp"

namespace berth::store::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kConnectTime{3'000};  ///< For one member: TCP, TLS and the first word of HTTP/2.
constexpr milliseconds kRetryFirst{100};
constexpr milliseconds kRetryMost{2'000};
constexpr milliseconds kIdle{60'000};
/// From a member that was not heard for so long we want a word before a call is entrusted to it, in that time at most.
/// A write that went to a dead one may be made or not, and who asked for it can only be told that.
constexpr milliseconds kTrusted{1'000};
constexpr milliseconds kWord{1'500};
constexpr int kTurns = 64;  ///< Pieces that are read before calls have their turn.

/// gRPC's numbers and ErrorCode name the same.
ErrorCode code_of(int status) {
  constexpr std::array kCodes = {ErrorCode::Unknown,           ErrorCode::Cancelled,
                                 ErrorCode::Unknown,           ErrorCode::InvalidArgument,
                                 ErrorCode::DeadlineExceeded,  ErrorCode::NotFound,
                                 ErrorCode::AlreadyExists,     ErrorCode::PermissionDenied,
                                 ErrorCode::ResourceExhausted, ErrorCode::FailedPrecondition,
                                 ErrorCode::Aborted,           ErrorCode::OutOfRange,
                                 ErrorCode::Unimplemented,     ErrorCode::Internal,
                                 ErrorCode::Unavailable,       ErrorCode::DataLoss,
                                 ErrorCode::Unauthenticated};
  return status >= 0 && static_cast<std::size_t>(status) < kCodes.size() ? kCodes[static_cast<std::size_t>(status)]
                                                                         : ErrorCode::Unknown;
}

// etcd's words where its number alone is not enough.
constexpr std::string_view kNoLeader = "etcdserver: no leader";
constexpr std::string_view kTooLarge = "etcdserver: request is too large";

void set_option(int fd, int level, int name, int value) {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof(value)));
}

}  // namespace

EtcdLink::EtcdLink(std::shared_ptr<EndpointList> endpoints, ClientTls* tls, milliseconds ping, Hooks hooks)
    : endpoints_(std::move(endpoints)),
      tls_(tls),
      ping_(ping),
      hooks_(std::move(hooks)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      endpoint_(endpoints_->first()) {}

void EtcdLink::start() {
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "etcd");
}

EtcdLink::~EtcdLink() { close(); }

void EtcdLink::close() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

EtcdLink::CallId EtcdLink::begin(LinkCall call) {
  {
    const std::scoped_lock lock(mutex_);
    if (!closed_) {
      const auto until = call.deadline ? steady_clock::now() + *call.deadline : Time::max();
      begun_.push_back({++last_id_, std::move(call), until});
      ::eventfd_write(wake_.get(), 1);
      return last_id_;
    }
  }
  finish(std::move(call), Error(ErrorCode::Cancelled, "the connection is closed"));
  return 0;
}

void EtcdLink::cancel(CallId call) {
  const std::scoped_lock lock(mutex_);
  cancelled_.push_back(call);
  ::eventfd_write(wake_.get(), 1);
}

void EtcdLink::doubt(const Endpoint& member) {
  const std::scoped_lock lock(mutex_);
  doubted_ = member;
  ::eventfd_write(wake_.get(), 1);
}

bool EtcdLink::stopping() {
  const std::scoped_lock lock(mutex_);
  return stop_;
}

void EtcdLink::run() {
  while (!stopping()) {
    if (http_ == nullptr && !connect()) continue;
    serve();
  }
  const Error closed(ErrorCode::Cancelled, "the connection is closed");
  if (http_ != nullptr) http_.reset();
  take_orders();
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  take_orders();
  for (auto& [id, call] : std::exchange(running_, {})) finish(std::move(call.call), closed);
  for (auto& each : std::exchange(waiting_, {})) finish(std::move(each.call), closed);
}

std::string EtcdLink::named(const LinkCall& call, const std::string& why) const {
  return fmt::format("{}: {}", call.what, why);
}

void EtcdLink::finish(LinkCall call, const Status& status) {
  if (call.on_end) call.on_end(status);
}

void EtcdLink::take_orders() {
  std::uint64_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  std::vector<Waiting> begun;
  std::vector<CallId> cancelled;
  std::optional<Endpoint> doubted;
  {
    const std::scoped_lock lock(mutex_);
    doubted = std::exchange(doubted_, std::nullopt);
    begun = std::exchange(begun_, {});
    cancelled = std::exchange(cancelled_, {});
  }
  for (auto& each : begun) waiting_.push_back(std::move(each));
  for (const auto id : cancelled) {
    std::erase_if(waiting_, [id](const Waiting& each) { return each.id == id; });
    const auto call = running_.find(id);
    if (call == running_.end()) continue;
    if (http_ != nullptr) http_->cancel(call->second.stream);
    running_.erase(call);
  }
  if (doubted == endpoint_ && http_ != nullptr) {
    in_doubt_ = true;
    ask_for_a_word(steady_clock::now());
  }
  fail_waiting();
}

/// Those for which there is no hope, and those whose time is over.
void EtcdLink::fail_waiting() {
  if (waiting_.empty()) return;
  const auto now = steady_clock::now();
  std::vector<Waiting> stay;
  for (auto& each : std::exchange(waiting_, {})) {
    if (down_) {
      auto why = named(each.call, *down_);
      finish(std::move(each.call), Error(ErrorCode::Unavailable, std::move(why)));
    } else if (each.until <= now) {
      auto why = named(each.call, fmt::format("{}: no connection in time", endpoint_.text()));
      finish(std::move(each.call), Error(ErrorCode::Unavailable, std::move(why)));
    } else {
      stay.push_back(std::move(each));
    }
  }
  // A callback may have asked for more: those are in begun_.
  waiting_ = std::move(stay);
}

EtcdLink::Time EtcdLink::next_deadline() const {
  auto next = steady_clock::now() + kIdle;
  for (const auto& each : waiting_) next = std::min(next, each.until);
  for (const auto& [id, call] : running_) next = std::min(next, call.until);
  return next;
}

/// Until `events` of `fd` (-1: of nobody) or `until`; orders are taken meanwhile. False: the time is over, or we stop.
bool EtcdLink::wait_for(int fd, short events, Time until) {
  for (;;) {
    take_orders();
    if (stopping()) return false;
    const auto now = steady_clock::now();
    if (now >= until) return false;
    const auto left = std::chrono::ceil<milliseconds>(std::min(until, std::max(now, next_deadline())) - now);
    std::array<pollfd, 2> watched = {pollfd{wake_.get(), POLLIN, 0}, pollfd{fd, events, 0}};
    const auto ready = ::poll(watched.data(), fd < 0 ? 1 : 2, static_cast<int>(left.count()));
    if (ready > 0 && fd >= 0 && watched[1].revents != 0) return true;
  }
}

bool EtcdLink::connect() {
  if (down_) {
    retry_in_ = std::clamp(retry_in_ * 2, kRetryFirst, kRetryMost);
    static_cast<void>(wait_for(-1, 0, steady_clock::now() + retry_in_));
  }
  std::string failures;
  for (auto left = endpoints_->size(); left > 0; --left) {
    if (stopping()) return false;
    const auto made = try_endpoint(endpoint_);
    if (made) {
      down_.reset();
      retry_in_ = milliseconds{0};
      heard_ = steady_clock::now();
      asked_.reset();
      in_doubt_ = false;
      move_on_ = false;
      if (hooks_.on_connected) hooks_.on_connected();
      return true;
    }
    failures += fmt::format("{}{}: {}", failures.empty() ? "" : "; ", endpoint_.text(), made.error().message());
    transport_.reset();
    http_.reset();
    out_.clear();
    endpoint_ = endpoints_->after(endpoint_);
  }
  down_ = failures;
  fail_waiting();
  return false;
}

Result<UniqueFd> EtcdLink::open_socket(const Endpoint& to, Time until) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found); error != 0) {
    return Error(ErrorCode::Unavailable, ::gai_strerror(error));
  }
  const ScopeExit free([found] { ::freeaddrinfo(found); });
  std::string why = "no address";
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error = fd ? 0 : errno;
    if (fd && ::connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0) {
      error = errno;
      if (error == EINPROGRESS) {
        if (!wait_for(fd.get(), POLLOUT, until)) return Error(ErrorCode::Unavailable, "no connection in time");
        socklen_t size = sizeof(error);
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) {
      set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      return fd;
    }
    why = std::generic_category().message(error);
  }
  return Error(ErrorCode::Unavailable, why);
}

Status EtcdLink::try_endpoint(const Endpoint& to) {
  const auto until = steady_clock::now() + kConnectTime;
  const auto late = [] { return Error(ErrorCode::Unavailable, "no answer in time"); };
  auto socket = open_socket(to, until);
  if (!socket) return std::move(socket).error();
  const auto context = to.tls ? tls_->context() : nullptr;
  auto transport = Transport::make(*std::move(socket), context.get(), to.host);
  if (!transport) return std::move(transport).error();
  transport_ = *std::move(transport);
  for (;;) {
    const auto io = transport_->handshake();
    if (io == Transport::Io::Done) break;
    if (io == Transport::Io::Closed) return Error(ErrorCode::Unavailable, "TLS: the server ended the connection");
    if (io == Transport::Io::Failed) return Error(ErrorCode::Unavailable, transport_->error());
    if (!wait_for(transport_->fd(), transport_->events(), until)) return late();
  }
  http_ = std::make_unique<Http2>(to.tls, to.authority());
  out_ = http_->bytes_to_send();
  std::string in;
  while (!http_->greeted()) {
    std::string_view rest = out_;
    while (!rest.empty() && transport_->write(rest) == Transport::Io::Done) {
    }
    out_.erase(0, out_.size() - rest.size());
    in.clear();
    const auto io = transport_->read(in);
    if (io == Transport::Io::Closed) return Error(ErrorCode::Unavailable, "the server ended the connection");
    if (io == Transport::Io::Failed) return Error(ErrorCode::Unavailable, transport_->error());
    if (io == Transport::Io::Again) {
      const short wanted = static_cast<short>(transport_->events() | (out_.empty() ? 0 : POLLOUT));
      if (!wait_for(transport_->fd(), wanted, until)) return late();
      continue;
    }
    if (auto taken = http_->received(in); !taken) return taken;
    out_ += http_->bytes_to_send();
  }
  return Ok{};
}

void EtcdLink::serve() {
  take_orders();
  if (http_ == nullptr) return;
  send_waiting();
  write_all();
  if (http_ == nullptr) return;
  auto until = next_deadline();
  const bool listens = std::any_of(running_.begin(), running_.end(), [](const auto& each) {
    return each.second.call.grpc.keep_open || !each.second.call.deadline;
  });
  if (listens) until = std::min(until, asked_ ? *asked_ + ping_ / 2 : heard_ + ping_);
  if (asked_ && (in_doubt_ || !waiting_.empty())) until = std::min(until, *asked_ + kWord);
  const auto left = std::chrono::ceil<milliseconds>(std::max(until - steady_clock::now(), steady_clock::duration{0}));
  std::array<pollfd, 2> watched = {
      pollfd{wake_.get(), POLLIN, 0},
      pollfd{transport_->fd(), static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0}};
  ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
  if (watched[1].revents != 0) read_all();
  if (http_ != nullptr) look_at_clock();
}

void EtcdLink::send_waiting() {
  if (waiting_.empty() || move_on_ || http_->leaving()) return;
  if (const auto now = steady_clock::now(); heard_ + kTrusted <= now) return ask_for_a_word(now);
  for (auto& each : std::exchange(waiting_, {})) {
    const auto id = each.id;
    auto grpc = std::move(each.call.grpc);
    grpc.on_end = [this, id](const CallEnd& end) { on_call_end(id, end); };
    Running running{std::move(each.call), 0, steady_clock::now(), each.until};
    running.call.grpc.keep_open = grpc.keep_open;
    auto stream = http_->begin(std::move(grpc));
    if (!stream) {
      auto why = named(running.call, fmt::format("{}: {}", endpoint_.text(), stream.error().message()));
      move_on_ = true;
      finish(std::move(running.call), Error(ErrorCode::Unavailable, std::move(why)));
      continue;
    }
    running.stream = *stream;
    running_.emplace(id, std::move(running));
  }
}

/// What comes next, an answer to this or anything else, says that somebody is there.
void EtcdLink::ask_for_a_word(Time now) {
  if (asked_) return;
  asked_ = now;
  http_->ping();
}

void EtcdLink::write_all() {
  for (;;) {
    if (out_.empty()) out_ = http_->bytes_to_send();
    if (out_.empty()) return;
    std::string_view rest = out_;
    const auto io = transport_->write(rest);
    const auto why = io == Transport::Io::Failed ? transport_->error() : std::string("the server ended the connection");
    out_.erase(0, out_.size() - rest.size());
    if (io == Transport::Io::Again) return;
    if (io != Transport::Io::Done) return lose(why);
  }
}

void EtcdLink::read_all() {
  std::string in;
  for (int turn = 0; turn < kTurns; ++turn) {
    in.clear();
    const auto io = transport_->read(in);
    if (io == Transport::Io::Again) return;
    if (io == Transport::Io::Closed) return lose("the server ended the connection");
    if (io == Transport::Io::Failed) return lose(transport_->error());
    heard_ = steady_clock::now();
    asked_.reset();
    in_doubt_ = false;
    if (const auto taken = http_->received(in); !taken) return lose(taken.error().message());
  }
}

void EtcdLink::look_at_clock() {
  const auto now = steady_clock::now();
  bool listens = false;
  bool answers = false;
  std::vector<CallId> late;
  for (const auto& [id, call] : running_) {
    if (call.until <= now) late.push_back(id);
    listens = listens || !call.call.deadline;
    answers = answers || call.call.deadline.has_value();
  }
  bool silent = false;
  for (const auto id : late) {
    auto call = std::move(running_.extract(id).mapped());
    http_->cancel(call.stream);
    silent = silent || heard_ < call.begun;
    auto why =
        named(call.call, fmt::format("{}: no answer within {} ms", endpoint_.text(), call.call.deadline->count()));
    finish(std::move(call.call), Error(ErrorCode::DeadlineExceeded, std::move(why)));
  }
  const bool asked_in_vain = asked_ && ((listens && *asked_ + ping_ / 2 <= now) ||
                                        ((in_doubt_ || !waiting_.empty()) && *asked_ + kWord <= now));
  if (silent || asked_in_vain) {
    if (hooks_.on_silent) hooks_.on_silent(endpoint_);
    return lose("it does not answer");
  }
  if (listens && heard_ + ping_ <= now) ask_for_a_word(now);
  if ((move_on_ || http_->leaving()) && !answers) lose("the server goes away");
}

void EtcdLink::on_call_end(CallId id, const CallEnd& end) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  auto call = std::move(running_.extract(found).mapped().call);
  const auto fail = [&](ErrorCode code) {
    auto why = named(call, fmt::format("{}: {}", endpoint_.text(), end.message));
    finish(std::move(call), Error(code, std::move(why)));
  };
  switch (end.how) {
    case CallEnd::How::Refused: move_on_ = true; return fail(ErrorCode::Unavailable);
    // Who only asked may ask again.
    case CallEnd::How::Lost: return fail(call.writes ? ErrorCode::DeadlineExceeded : ErrorCode::Unavailable);
    case CallEnd::How::Answered: break;
  }
  if (end.status == 0) return finish(std::move(call), Ok{});
  auto code = code_of(end.status);
  if (code == ErrorCode::InvalidArgument && end.message == kTooLarge) code = ErrorCode::OutOfRange;
  if (code == ErrorCode::Unavailable) {
    move_on_ = true;
    // "request timed out", "leader changed": it may be made all the same.
    if (call.writes && end.message != kNoLeader) code = ErrorCode::DeadlineExceeded;
  }
  fail(code);
}

void EtcdLink::lose(const std::string& why) {
  auto http = std::move(http_);
  http->lose(why);
  transport_.reset();
  out_.clear();
  endpoint_ = endpoints_->after(endpoint_);
}

}  // namespace berth::store::etcd
