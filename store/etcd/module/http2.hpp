// store/etcd/module/http2.hpp - gRPC calls as HTTP/2 bytes, by libnghttp2: knows no socket and no time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

struct nghttp2_session;

namespace berth::store::etcd {

/// How a call ended. See https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
struct CallEnd {
  enum class How {
    Answered,  ///< With `status`, gRPC's number, and `message`.
    Refused,   ///< The server did not look at it.
    Lost       ///< It may have been done; `message` says what happened.
  };
  How how = How::Lost;
  int status = 0;
  std::string message;
};

struct GrpcCall {
  std::string path;                                           ///< "/etcdserverpb.KV/Range"
  std::vector<std::pair<std::string, std::string>> metadata;  ///< Lower case.
  std::string request;                                        ///< One message.
  bool keep_open = false;                                     ///< The server goes on until it is cancelled.
  std::function<void(std::string_view message)> on_message;
  std::function<void(CallEnd)> on_end;  ///< Last; not after cancel().
};

/// One connection of a client. Callbacks run within received() and bytes_to_send(), and may begin calls. One thread.
class Http2 {
 public:
  /// `authority` is "127.0.0.1:2379".
  Http2(bool tls, std::string authority);
  ~Http2();
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  using CallId = std::int32_t;
  /// Unavailable: this connection takes no more.
  Result<CallId> begin(GrpcCall call);
  void cancel(CallId id);
  void ping();

  /// Unavailable: that is no HTTP/2, or the connection cannot go on.
  Status received(std::string_view bytes);
  /// What has to go out next; empty: nothing now.
  std::string bytes_to_send();

  /// The server spoke: it is one of HTTP/2.
  bool greeted() const { return greeted_; }
  /// The server ends the connection when the calls under way are over.
  bool leaving() const { return leaving_; }
  std::size_t calls() const { return calls_.size(); }

  /// Ends every call.
  void lose(const std::string& why);

 private:
  struct Running;
  struct Callbacks;
  void end(CallId id, std::uint32_t error);

  const bool tls_;
  const std::string authority_;
  nghttp2_session* session_ = nullptr;
  std::map<CallId, std::unique_ptr<Running>> calls_;
  bool greeted_ = false;
  bool leaving_ = false;
};

}  // namespace berth::store::etcd
