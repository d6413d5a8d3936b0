// runtime/grpc_channel.hpp - one connection to a gRPC server on a unix socket: bytes in, bytes out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace berth::runtime {

/// What goes along with one call.
struct CallOptions {
  std::string ns;     ///< Metadata "containerd-namespace"; empty: not sent.
  std::string lease;  ///< Metadata "containerd-lease"; empty: not sent.
  std::chrono::milliseconds deadline{10'000};
};

/// An open server stream that is read in turns with other work of the same thread. One thread.
class MessageStream {
 public:
  virtual ~MessageStream() = default;
  /// The next message; nullopt when none came within `patience`. Error: the stream has ended (Unavailable: so the
  /// server or the connection went away; Cancelled: by shutdown()). Do not call again after an error.
  virtual Result<std::optional<std::string>> next(std::chrono::milliseconds patience) = 0;
};

/// The only place that knows gRPC: requests and replies are serialised messages. Generated stubs would bring gRPC's
/// templates into every file that makes a call (half of the compile time), and we need two shapes of call only.
///
/// Connects on first use and again after a loss, 100 ms to 1 s apart (gRPC's own back-off reaches minutes); a call
/// made while the server is away fails at once with Unavailable, one made while it greets us waits. Any thread.
class GrpcChannel {
 public:
  /// `address` is the path of a unix socket.
  explicit GrpcChannel(const std::string& address);
  /// Needs shutdown() and the end of all calls before.
  ~GrpcChannel();
  GrpcChannel(const GrpcChannel&) = delete;
  GrpcChannel& operator=(const GrpcChannel&) = delete;

  /// Request and reply. `method` is "/package.Service/Method". Errors: the status the server gave, with its text.
  Result<std::string> call(const std::string& method, const std::string& request, const CallOptions& options);

  /// Request and a stream of replies, each given to `on_message` until the server ends it; an error of `on_message`
  /// ends it early and is returned.
  Status collect(const std::string& method, const std::string& request, const CallOptions& options,
                 const std::function<Status(const std::string&)>& on_message);

  /// Request and an endless stream of replies (the deadline of `options` does not apply).
  std::unique_ptr<MessageStream> open(const std::string& method, const std::string& request,
                                      const CallOptions& options);

  /// Ends everything in flight with Cancelled, and every later call.
  void shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::runtime
