// network/dns/tcp.cpp - non-blocking connections under one epoll descriptor.
#include "network/dns/tcp.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

namespace berth::network::dns {

namespace {

constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kLongestQuery = 4096;
constexpr std::size_t kPrefix = 2;  // the length before each message
constexpr int kEventsPerPoll = 64;

}  // namespace

TcpServer::TcpServer(TcpLimits limits, Handler handler)
    : limits_(limits), handler_(std::move(handler)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Status TcpServer::listen(UniqueFd listener) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = ++last_id_;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener.get(), &event) != 0)
    return Error::from_errno(errno, "watch a TCP listener");
  listeners_.emplace(last_id_, std::move(listener));
  return Ok{};
}

void TcpServer::poll(SteadyTime now) {
  std::array<epoll_event, kEventsPerPoll> events{};
  const auto count = epoll_wait(epoll_.get(), events.data(), kEventsPerPoll, 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const auto id = event.data.u64;
    if (const auto listener = listeners_.find(id); listener != listeners_.end()) {
      accept_all(listener->second.get(), now);
      continue;
    }
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) {
      close(id);
      continue;
    }
    if ((event.events & EPOLLIN) != 0) on_readable(id);
    settle(id);
  }
}

void TcpServer::accept_all(int listener, SteadyTime now) {
  for (;;) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    UniqueFd fd(accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      const auto exhausted = errno == EMFILE || errno == ENFILE;
      if (exhausted && !clients_.empty()) close_soonest();  // else the waiting connection would wake us for ever
      return;
    }
    const int one = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto source = address_of(peer.get());
    make_room(source);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = ++last_id_;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) continue;
    auto& client = clients_[last_id_];
    client.fd = std::move(fd);
    client.source = source;
    client.deadline = now + limits_.idle;
    due_ = std::min(due_.value_or(client.deadline), client.deadline);
    client.watched = event.events;
  }
}

void TcpServer::make_room(const IpAddress& source) {
  const auto from_there = [&](const auto& entry) { return entry.second.source == source; };
  const auto sooner = [](const auto& a, const auto& b) { return a.second.deadline < b.second.deadline; };
  if (static_cast<std::size_t>(std::ranges::count_if(clients_, from_there)) >= limits_.per_source) {
    auto oldest = clients_.end();
    for (auto entry = clients_.begin(); entry != clients_.end(); ++entry) {
      if (from_there(*entry) && (oldest == clients_.end() || sooner(*entry, *oldest))) oldest = entry;
    }
    clients_.erase(oldest);
  } else if (clients_.size() >= limits_.connections) {
    close_soonest();
  }
}

void TcpServer::close_soonest() {
  clients_.erase(std::ranges::min_element(clients_, {}, [](const auto& entry) { return entry.second.deadline; }));
}

bool TcpServer::may_read(const Client& client) const {
  return !client.peer_done && client.outstanding < limits_.outstanding &&
         client.out.size() - client.sent < limits_.unsent;
}

void TcpServer::on_readable(Connection connection) {
  const auto found = clients_.find(connection);
  if (found == clients_.end() || !may_read(found->second)) return;
  auto& client = found->second;
  const auto before = client.in.size();
  client.in.resize(before + kReadSize);
  const auto got = recv(client.fd.get(), client.in.data() + before, kReadSize, 0);
  const auto reason = errno;
  client.in.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got == 0) client.peer_done = true;
  if (got < 0 && reason != EAGAIN && reason != EINTR) close(connection);
}

void TcpServer::take_queries(Connection connection) {
  std::size_t used = 0;
  for (;;) {
    const auto found = clients_.find(connection);  // the handler may have closed it
    if (found == clients_.end()) return;
    auto& client = found->second;
    const auto waiting = Octets(client.in).subspan(used);
    const auto size = waiting.size() >= kPrefix ? std::size_t{get_u16(waiting, 0)} : 0;
    const auto whole = waiting.size() >= kPrefix && waiting.size() - kPrefix >= size;
    const auto blocked = client.outstanding >= limits_.outstanding || client.out.size() - client.sent >= limits_.unsent;
    if (!whole || blocked) {
      client.in.erase(client.in.begin(), client.in.begin() + static_cast<std::ptrdiff_t>(used));
      return;
    }
    if (size > kLongestQuery) return close(connection);
    ++client.outstanding;
    used += kPrefix + size;
    handler_(connection, client.source, waiting.subspan(kPrefix, size));
  }
}

void TcpServer::reply(Connection connection, Octets message, SteadyTime now) {
  const auto found = clients_.find(connection);
  if (found == clients_.end()) return;
  auto& client = found->second;
  client.out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  client.out.push_back(static_cast<std::uint8_t>(message.size()));
  client.out.insert(client.out.end(), message.begin(), message.end());
  --client.outstanding;
  client.deadline = now + limits_.idle;
  if (!taking_) settle(connection);
}

bool TcpServer::flush(Client& client) {
  while (client.sent < client.out.size()) {
    const auto sent =
        send(client.fd.get(), client.out.data() + client.sent, client.out.size() - client.sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.sent += static_cast<std::size_t>(sent);
  }
  client.out.clear();
  client.sent = 0;
  return true;
}

void TcpServer::settle(Connection connection) {
  for (;;) {  // room made by sending lets more queries in, which may be here already and wake nobody
    auto found = clients_.find(connection);
    if (found == clients_.end()) return;
    if (!flush(found->second)) return close(connection);
    const auto before = found->second.in.size();
    if (!found->second.out.empty() || before == 0) break;
    taking_ = true;
    take_queries(connection);
    taking_ = false;
    found = clients_.find(connection);
    if (found == clients_.end()) return;
    if (found->second.in.size() == before && found->second.out.empty()) break;
  }
  auto& client = clients_.at(connection);
  if (client.peer_done && client.outstanding == 0 && client.out.empty()) return close(connection);
  epoll_event event{};
  event.events = (may_read(client) ? std::uint32_t{EPOLLIN} : 0U) | (client.out.empty() ? 0U : std::uint32_t{EPOLLOUT});
  event.data.u64 = connection;
  if (event.events == client.watched) return;
  client.watched = event.events;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event) != 0) close(connection);
}

void TcpServer::close(Connection connection) { clients_.erase(connection); }

void TcpServer::expire(SteadyTime now) {
  if (!due_ || *due_ > now) return;
  std::erase_if(clients_, [now](const auto& entry) { return entry.second.deadline <= now; });
  due_.reset();
  for (const auto& [id, client] : clients_) due_ = std::min(due_.value_or(client.deadline), client.deadline);
}

}  // namespace berth::network::dns
