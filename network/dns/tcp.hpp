// network/dns/tcp.hpp - DNS over TCP: framing, pipelining, and limits so that no client can hold the server. RFC 7766.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "network/dns/socket.hpp"

namespace berth::network::dns {

struct TcpLimits {
  std::chrono::milliseconds idle{
      10'000};                    ///< Without a completed query and reply for so long: closed, however it drips.
  std::size_t connections = 256;  ///< One more closes the one nearest to its end.
  std::size_t per_source = 64;
  std::size_t outstanding = 64;    ///< Queries of one connection that wait for upstreams.
  std::size_t unsent = 64 * 1024;  ///< Octets a client has not taken: nothing more is read from it.
};

/// All TCP clients. Has its own epoll descriptor, to be watched by the owner's. One thread.
class TcpServer {
 public:
  using Connection = std::uint64_t;  ///< Never used twice.
  /// Called for each query; must lead to exactly one reply() or close(), then or later.
  using Handler = std::function<void(Connection, const IpAddress& source, Octets query)>;

  TcpServer(TcpLimits limits, Handler handler);

  /// Accepts on `listener` from now on.
  Status listen(UniqueFd listener);

  /// Readable when poll() has work.
  int fd() const { return epoll_.get(); }
  void poll(SteadyTime now);

  /// Sends `message` with its length in front. A connection that is gone is ignored.
  void reply(Connection connection, Octets message, SteadyTime now);
  void close(Connection connection);

  /// Closes what has been idle too long.
  void expire(SteadyTime now);
  /// Not later than this is expire() due; none without connections.
  std::optional<SteadyTime> next_due() const { return due_; }

  std::size_t connections() const { return clients_.size(); }

 private:
  struct Client {
    UniqueFd fd;
    IpAddress source{};
    std::vector<std::uint8_t> in;
    std::vector<std::uint8_t> out;
    std::size_t sent = 0;
    std::size_t outstanding = 0;
    SteadyTime deadline;
    bool peer_done = false;
    std::uint32_t watched = 0;
  };
  using Clients = std::map<Connection, Client>;

  void accept_all(int listener, SteadyTime now);
  void make_room(const IpAddress& source);
  void close_soonest();
  void on_readable(Connection connection);
  void take_queries(Connection connection);
  static bool flush(Client& client);
  void settle(Connection connection);
  bool may_read(const Client& client) const;

  TcpLimits limits_;
  Handler handler_;
  UniqueFd epoll_;
  std::map<std::uint64_t, UniqueFd> listeners_;
  Clients clients_;
  std::uint64_t last_id_ = 0;
  std::optional<SteadyTime> due_;
  bool taking_ = false;  ///< Inside take_queries(): replies are flushed together at its end.
};

}  // namespace berth::network::dns
