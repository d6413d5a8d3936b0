// store/etcd/module/link.hpp - one kind of calls to etcd: a connection to one of its members, and the next one when it
// fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "store/etcd/module/http2.hpp"
#include "store/etcd/module/transport.hpp"

namespace berth::store::etcd {

struct Endpoint {
  bool tls = false;
  std::string host;
  std::string port;

  /// "https://10.0.0.1:2379"
  std::string text() const;
  /// "10.0.0.1:2379"
  std::string authority() const;
};

/// InvalidArgument: no "[http[s]://]HOST[:PORT]".
Result<Endpoint> parse_endpoint(std::string_view text);

struct LinkCall {
  std::string what;                                        ///< "write 2 keys": for messages.
  GrpcCall grpc;                                           ///< Without on_end.
  bool writes = false;                                     ///< A failure of the server may come too late.
  std::optional<std::chrono::milliseconds> deadline = {};  ///< None: it goes on.
  /// OK, or why not: what was asked, of whom, what the matter is. Last, once; not after cancel() returned.
  std::function<void(Status)> on_end = {};
};

/// Callbacks run on its own thread; after close(), on the caller's. Any thread.
///
/// A connection that is lost is made again at once, with another member when there is one, and calls wait for that.
/// After a pause a call waits until the member has said that it is there: one that went to a dead member is in doubt.
/// When none of the members takes it, calls fail at once, and the members are tried again and again, at most 2 s apart.
class EtcdLink {
 public:
  using CallId = std::uint64_t;
  using Time = std::chrono::steady_clock::time_point;

  /// `tls` outlives it; needed when an endpoint asks for it. `ping`: see EtcdAccess.
  EtcdLink(std::vector<Endpoint> endpoints, SSL_CTX* tls, std::chrono::milliseconds ping);
  ~EtcdLink();
  EtcdLink(const EtcdLink&) = delete;
  EtcdLink& operator=(const EtcdLink&) = delete;

  CallId begin(LinkCall call);
  /// Its callbacks do not run any more, but for one that runs now.
  void cancel(CallId call);
  /// Ends every call with Cancelled. Blocks until no callback runs.
  void close();

 private:
  struct Waiting {
    CallId id = 0;
    LinkCall call;
    Time until;
  };
  struct Running {
    LinkCall call;
    Http2::CallId stream = 0;
    Time begun;
    Time until;
  };

  void run();
  bool connect();
  Status try_endpoint(const Endpoint& endpoint);
  Result<UniqueFd> open_socket(const Endpoint& endpoint, Time until);
  bool wait_for(int fd, short events, Time until);
  void serve();
  void take_orders();
  void send_waiting();
  void ask_for_a_word(Time now);
  void read_all();
  void write_all();
  void look_at_clock();
  void on_call_end(CallId id, const CallEnd& end);
  void lose(const std::string& why);
  void finish(LinkCall call, const Status& status);
  void fail_waiting();
  Time next_deadline() const;
  std::string named(const LinkCall& call, const std::string& why) const;
  const Endpoint& endpoint() const { return endpoints_[current_]; }
  bool stopping();

  const std::vector<Endpoint> endpoints_;
  SSL_CTX* const tls_;
  const std::chrono::milliseconds ping_;
  UniqueFd wake_;

  std::mutex mutex_;
  std::vector<Waiting> begun_;
  std::vector<CallId> cancelled_;
  bool stop_ = false;
  bool closed_ = false;
  CallId last_id_ = 0;

  // Its thread's.
  std::size_t current_ = 0;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Http2> http_;
  std::string out_;
  std::vector<Waiting> waiting_;
  std::map<CallId, Running> running_;
  std::optional<std::string> down_;  ///< Why no member can be reached.
  std::chrono::milliseconds retry_in_{0};
  Time heard_;                 ///< When something last came.
  std::optional<Time> asked_;  ///< When we asked whether anybody is there, and heard nothing since.
  bool move_on_ = false;       ///< This member is of no use just now.

  std::thread thread_;
};

}  // namespace berth::store::etcd
