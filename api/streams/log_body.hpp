// api/streams/log_body.hpp - one container run's log as a stream of text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"

namespace berth::api {

enum class LogStream { All, Stdout, Stderr };

struct LogRequest {
  runtime::LogQuery query;
  bool follow = false;
  bool timestamps = false;
  LogStream stream = LogStream::All;
  std::optional<std::uint64_t> limit_bytes;
};

/// Lines in order. Reading happens on the context's lane, one piece ahead of the connection and no more.
std::unique_ptr<BodySource> make_log_body(ApiContext& context, LogRequest request);

/// "2026-11-21T09:25:13.123456789Z"
std::string format_log_time(WallTime time);

}  // namespace berth::api
