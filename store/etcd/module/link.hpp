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
#include "store/etcd/module/client_tls.hpp"
#include "store/etcd/module/endpoint_list.hpp"
#include "store/etcd/module/http2.hpp"
#include "store/etcd/module/transport.hpp"

namespace berth::store::etcd {

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

  /// What it tells, on its own thread. Either may be empty.
  struct Hooks {
    std::function<void()> on_connected;                ///< With a member; each time.
    std::function<void(const Endpoint&)> on_silent{};  ///< This member does not answer: the link leaves it.
  };

  /// `tls` outlives it; needed when an endpoint asks for it. `ping`: see EtcdAccess.
  EtcdLink(std::shared_ptr<EndpointList> endpoints, ClientTls* tls, std::chrono::milliseconds ping, Hooks hooks);
  ~EtcdLink();
  EtcdLink(const EtcdLink&) = delete;
  EtcdLink& operator=(const EtcdLink&) = delete;

  /// Once. What it is asked before waits for that.
  void start();
  CallId begin(LinkCall call);
  /// Its callbacks do not run any more, but for one that runs now.
  void cancel(CallId call);
  /// Somebody found that member silent: when it is ours, too, it has to say a word at once.
  void doubt(const Endpoint& member);
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
  bool stopping();

  const std::shared_ptr<EndpointList> endpoints_;
  ClientTls* const tls_;
  const std::chrono::milliseconds ping_;
  const Hooks hooks_;
  UniqueFd wake_;

  std::mutex mutex_;
  std::vector<Waiting> begun_;
  std::vector<CallId> cancelled_;
  std::optional<Endpoint> doubted_;
  bool stop_ = false;
  bool closed_ = false;
  CallId last_id_ = 0;

  // Its thread's.
  Endpoint endpoint_;  ///< The member that we are with, or try next.
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Http2> http_;
  std::string out_;
  std::vector<Waiting> waiting_;
  std::map<CallId, Running> running_;
  std::optional<std::string> down_;  ///< Why no member can be reached.
  std::chrono::milliseconds retry_in_{0};
  Time heard_;                 ///< When something last came.
  std::optional<Time> asked_;  ///< When we asked whether anybody is there, and heard nothing since.
  bool in_doubt_ = false;      ///< Then: somebody else heard nothing of it, and it has to answer soon.
  bool move_on_ = false;       ///< This member is of no use just now.

  std::thread thread_;
};

}  // namespace berth::store::etcd
