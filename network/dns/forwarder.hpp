// network/dns/forwarder.hpp - asks the host's resolvers for names that are not ours.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "network/dns/cache.hpp"
#include "network/dns/reply.hpp"
#include "network/dns/socket.hpp"

namespace berth::network::dns {

struct ForwarderLimits {
  std::chrono::milliseconds attempt{1'000};  ///< How long one upstream may take.
  std::size_t attempts = 4;                  ///< In all, upstreams in turn: a client gives up after 5 s.
  std::size_t in_flight = 512;               ///< Questions at the upstreams; more are answered SERVFAIL at once.
  std::size_t waiters = 64;                  ///< Clients that wait for the same question.
  Cache::Limits cache;
};

/// UDP first, each query with a random id from a socket and port of its own (RFC 5452); TCP when the reply was
/// truncated; the next upstream after silence, a refusal or nonsense. Equal questions in flight are asked once. Has its
/// own epoll descriptor, to be watched by the owner's. One thread.
class Forwarder {
 public:
  /// Gets a checked message without OPT, valid during the call; empty: nobody answered.
  using Done = std::function<void(Octets message)>;

  Forwarder(std::vector<SocketAddress> upstreams, ForwarderLimits limits);
  ~Forwarder();

  /// The answer from the cache; empty when there is none. Valid until the next call of anything here.
  Octets cached(const Question& question, SteadyTime now) { return cache_.get(question.key(), now); }

  /// Asks. `done` is called exactly once, from here or from a later poll() or expire(); not at all after destruction.
  void ask(const Question& question, SteadyTime now, Done done);

  /// From now on these are asked. What is on its way begins again with the first of them; what the others said is
  /// forgotten.
  void use(std::vector<SocketAddress> upstreams, SteadyTime now);

  /// Readable when poll() has work.
  int fd() const { return epoll_.get(); }
  void poll(SteadyTime now);

  /// Gives up attempts whose time is over.
  void expire(SteadyTime now);
  /// Not later than this is expire() due; none with nothing in flight.
  std::optional<SteadyTime> next_due() const { return due_; }

  std::size_t in_flight() const { return pending_.size(); }

 private:
  enum class Stage { Udp, TcpWrite, TcpRead };
  struct Pending;
  using Id = std::uint64_t;

  bool start(Id id, Pending& pending, SteadyTime now);
  bool open(Id id, Pending& pending, int type);
  void retry(Id id, SteadyTime now);
  void on_udp(Id id, Pending& pending, SteadyTime now);
  void on_tcp_write(Id id, Pending& pending, SteadyTime now);
  void on_tcp_read(Id id, Pending& pending, SteadyTime now);
  bool on_message(Id id, Pending& pending, Octets message, SteadyTime now);
  void switch_to_tcp(Id id, Pending& pending, SteadyTime now);
  void finish(Id id, Octets message);

  std::vector<SocketAddress> upstreams_;
  ForwarderLimits limits_;
  UniqueFd epoll_;
  Cache cache_;
  std::map<Id, std::unique_ptr<Pending>> pending_;
  std::unordered_map<std::string, Id> by_key_;
  std::vector<std::uint8_t> buffer_;
  std::optional<SteadyTime> due_;
  std::size_t preferred_ = 0;  ///< The upstream that answered last.
  Id last_id_ = 0;
};

}  // namespace berth::network::dns
