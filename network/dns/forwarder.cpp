// network/dns/forwarder.cpp - the states of a question on its way: UDP, TCP, next upstream, answered.
#include "network/dns/forwarder.hpp"

#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "network/dns/scrub.hpp"

namespace berth::network::dns {

namespace {

constexpr int kEventsPerPoll = 64;
constexpr std::size_t kDatagram = 4096;  // we offer less; a server that sends more is cut and walks as malformed
constexpr std::size_t kPrefix = 2;       // the length before a message over TCP

std::uint16_t random_id() {
  std::uint16_t id = 0;
  while (getrandom(&id, sizeof id, 0) != sizeof id) {
  }
  return id;
}

}  // namespace

struct Forwarder::Pending {
  Question question;
  std::string key;
  std::vector<Done> waiters;
  UniqueFd fd;
  Stage stage = Stage::Udp;
  std::uint16_t id = 0;
  bool edns = true;
  std::size_t upstream = 0;
  std::size_t attempt = 0;
  SteadyTime deadline;
  std::vector<std::uint8_t> stream;  ///< TCP: what is still to be written, then what was read.
  std::size_t written = 0;
  std::vector<std::uint8_t> failing;  ///< The last SERVFAIL or REFUSED: passed on when nobody does better.
};

Forwarder::Forwarder(std::vector<SocketAddress> upstreams, ForwarderLimits limits)
    : upstreams_(std::move(upstreams)),
      limits_(limits),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      cache_(limits.cache),
      buffer_(kDatagram) {}

Forwarder::~Forwarder() = default;

void Forwarder::ask(const Question& question, SteadyTime now, Done done) {
  if (upstreams_.empty()) return done({});
  auto key = question.key();
  if (const auto same = by_key_.find(key); same != by_key_.end()) {
    auto& waiters = pending_.at(same->second)->waiters;
    if (waiters.size() >= limits_.waiters) return done({});
    waiters.push_back(std::move(done));
    return;
  }
  if (pending_.size() >= limits_.in_flight) return done({});
  const auto id = ++last_id_;
  auto pending = std::make_unique<Pending>();
  pending->question = question;
  pending->key = key;
  pending->waiters.push_back(std::move(done));
  pending->upstream = preferred_;
  by_key_.emplace(std::move(key), id);
  auto& ref = *pending_.emplace(id, std::move(pending)).first->second;
  if (!start(id, ref, now)) retry(id, now);
}

void Forwarder::use(std::vector<SocketAddress> upstreams, SteadyTime now) {
  upstreams_ = std::move(upstreams);
  preferred_ = 0;
  cache_.clear();
  std::vector<Id> under_way;
  for (const auto& [id, pending] : pending_) under_way.push_back(id);
  for (const auto id : under_way) {
    auto& pending = *pending_.at(id);
    pending.upstream = 0;
    pending.attempt = 0;
    pending.edns = true;
    pending.failing.clear();
    if (upstreams_.empty()) {
      finish(id, {});
    } else if (!start(id, pending, now)) {
      retry(id, now);
    }
  }
}

bool Forwarder::open(Id id, Pending& pending, int type) {
  const auto& upstream = upstreams_[pending.upstream];
  pending.fd.reset(socket(upstream.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!pending.fd) return false;
  // Connected: the kernel picks a random port and drops what others send to it.
  if (connect(pending.fd.get(), upstream.get(), upstream.size) != 0 && errno != EINPROGRESS) return false;
  epoll_event event{};
  event.events = type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT;
  event.data.u64 = id;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pending.fd.get(), &event) == 0;
}

bool Forwarder::start(Id id, Pending& pending, SteadyTime now) {
  pending.stage = Stage::Udp;
  pending.id = random_id();
  pending.deadline = now + limits_.attempt;
  due_ = std::min(due_.value_or(pending.deadline), pending.deadline);
  if (!open(id, pending, SOCK_DGRAM)) return false;
  const auto message = encode_question(pending.question, pending.id, pending.edns);
  return send(pending.fd.get(), message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

void Forwarder::retry(Id id, SteadyTime now) {
  auto& pending = *pending_.at(id);
  while (++pending.attempt < limits_.attempts) {
    pending.upstream = (pending.upstream + 1) % upstreams_.size();
    if (start(id, pending, now)) return;
  }
  const auto failing = std::move(pending.failing);
  finish(id, failing);
}

void Forwarder::finish(Id id, Octets message) {
  const auto node = pending_.extract(id);
  auto& pending = *node.mapped();
  by_key_.erase(pending.key);
  pending.fd.reset();
  for (const auto& done : pending.waiters) done(message);
}

void Forwarder::poll(SteadyTime now) {
  std::array<epoll_event, kEventsPerPoll> events{};
  const auto count = epoll_wait(epoll_.get(), events.data(), kEventsPerPoll, 0);
  for (int i = 0; i < count; ++i) {
    const auto id = events[static_cast<std::size_t>(i)].data.u64;
    const auto found = pending_.find(id);
    if (found == pending_.end()) continue;
    auto& pending = *found->second;
    switch (pending.stage) {
      case Stage::Udp: on_udp(id, pending, now); break;
      case Stage::TcpWrite: on_tcp_write(id, pending, now); break;
      case Stage::TcpRead: on_tcp_read(id, pending, now); break;
    }
  }
}

void Forwarder::on_udp(Id id, Pending& pending, SteadyTime now) {
  const auto fd = pending.fd.get();
  for (;;) {
    const auto got = recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) retry(id, now);  // the upstream's host says that nobody listens
      return;
    }
    if (on_message(id, pending, Octets(buffer_).first(static_cast<std::size_t>(got)), now)) return;
  }
}

/// False: it was not for us, go on waiting. True: the question moved on and `pending` may be gone.
bool Forwarder::on_message(Id id, Pending& pending, Octets message, SteadyTime now) {
  const auto over_tcp = pending.stage == Stage::TcpRead;
  const auto reply = check_reply(message, pending.question, pending.id, pending.edns);
  switch (reply.state) {
    case ReplyState::NotOurs:
      if (over_tcp) retry(id, now);
      return over_tcp;
    case ReplyState::Malformed: retry(id, now); return true;
    case ReplyState::NoEdns:
      pending.edns = false;
      if (!start(id, pending, now)) retry(id, now);
      return true;
    case ReplyState::Truncated:
      if (over_tcp) {
        retry(id, now);
      } else {
        switch_to_tcp(id, pending, now);
      }
      return true;
    case ReplyState::Good:
    case ReplyState::Failing: break;
  }
  const auto kept = scrub(message.first(reply.size), pending.question);
  if (reply.state == ReplyState::Failing) {
    pending.failing = kept;
    retry(id, now);
    return true;
  }
  preferred_ = pending.upstream;
  // What is left may live longer, or is an answer without records now.
  cache_.put(pending.key, kept, check_reply(kept, pending.question, pending.id, pending.edns).ttl, now);
  finish(id, kept);
  return true;
}

void Forwarder::switch_to_tcp(Id id, Pending& pending, SteadyTime now) {
  pending.stage = Stage::TcpWrite;
  pending.deadline = now + limits_.attempt;
  pending.id = random_id();
  const auto message = encode_question(pending.question, pending.id, pending.edns);
  pending.stream = {static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())};
  pending.stream.insert(pending.stream.end(), message.begin(), message.end());
  pending.written = 0;
  if (!open(id, pending, SOCK_STREAM)) retry(id, now);
}

void Forwarder::on_tcp_write(Id id, Pending& pending, SteadyTime now) {
  const auto fd = pending.fd.get();
  const auto sent =
      send(fd, pending.stream.data() + pending.written, pending.stream.size() - pending.written, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) retry(id, now);
    return;
  }
  pending.written += static_cast<std::size_t>(sent);
  if (pending.written < pending.stream.size()) return;
  pending.stream.clear();
  pending.stage = Stage::TcpRead;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) retry(id, now);
}

void Forwarder::on_tcp_read(Id id, Pending& pending, SteadyTime now) {
  const auto got = recv(pending.fd.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return retry(id, now);
  pending.stream.insert(pending.stream.end(), buffer_.begin(), buffer_.begin() + got);
  if (pending.stream.size() < kPrefix) return;
  const auto size = std::size_t{get_u16(pending.stream, 0)};
  if (pending.stream.size() - kPrefix < size) return;
  const auto stream = std::move(pending.stream);  // the question may be gone before the message is passed on
  on_message(id, pending, Octets(stream).subspan(kPrefix, size), now);
}

void Forwarder::expire(SteadyTime now) {
  if (!due_ || *due_ > now) return;
  std::vector<Id> late;
  for (const auto& [id, pending] : pending_) {
    if (pending->deadline <= now) late.push_back(id);
  }
  due_.reset();
  for (const auto& [id, pending] : pending_) {
    if (pending->deadline > now) due_ = std::min(due_.value_or(pending->deadline), pending->deadline);
  }
  for (const auto id : late) {
    if (pending_.contains(id)) retry(id, now);
  }
}

}  // namespace berth::network::dns
