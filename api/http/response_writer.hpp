// api/http/response_writer.hpp - writes one response after another to a connection. Only for the server's own .cpp
// files.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/http/http_server.hpp"
#include "api/request/byte_connection.hpp"

namespace berth::api {

/// A part of a connection. `keep` is the connection, held while a write is under way. One response at a time.
class ResponseWriter {
 public:
  using Keep = std::shared_ptr<void>;
  /// Of the request that is answered.
  struct Manner {
    unsigned version = 11;
    bool is_head = false;  ///< Nothing but the head is wanted.
    bool keep_alive = true;
  };
  enum class End {
    Next,   ///< Written; another request may come.
    Close,  ///< Written; nothing may follow.
    Gone,   ///< Not written: the peer left, or took nothing for too long.
  };
  using OnEnd = std::function<void(End)>;

  ResponseWriter(UnixStream& stream, const HttpLimits& limits) : stream_(stream), limits_(limits) {}

  /// Any response but a session. While a body streams, a peer that leaves is noticed as long as it sent nothing ahead.
  void write(const Keep& keep, HttpResponse response, const Manner& manner, OnEnd done);

 private:
  void write_whole(const Keep& keep, HttpResponse response, const Manner& manner);
  /// HEAD: what GET would answer, without making the body of a list or a watch.
  void write_head(const Keep& keep, const HttpResponse& response, const Manner& manner);
  void write_stream(const Keep& keep, HttpResponse response, const Manner& manner);
  /// Sends the next piece of the body, if there is one.
  void pump(const Keep& keep);
  void end_body(const Keep& keep);
  /// While a body streams nobody else reads: notice that the peer went away, leave what it sends ahead.
  void watch_for_hangup(const Keep& keep);
  void end(End how);

  UnixStream& stream_;
  const HttpLimits& limits_;
  OnEnd done_;
  std::unique_ptr<BodySource> source_;
  std::string piece_;  ///< Being written.
  bool keep_alive_ = true;
  bool chunked_ = true;
  bool writing_ = false;
  bool hangup_pending_ = false;
};

}  // namespace berth::api
