// runtime/containerd_codec.hpp - typed calls over GrpcChannel; for .cpp files that know the messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/grpc_channel.hpp"

namespace berth::runtime {

/// "/containerd.services.tasks.v1.Tasks/Start" as messages show it: "containerd Tasks/Start".
inline std::string method_title(std::string_view method) {
  const auto slash = method.rfind('/');
  const auto dot = method.rfind('.', slash);
  return "containerd " + std::string(method.substr(dot == std::string_view::npos ? 0 : dot + 1));
}

template <typename Reply, typename Request>
Result<Reply> unary(GrpcChannel& channel, const std::string& method, const Request& request,
                    const CallOptions& options) {
  const auto bytes = channel.call(method, request.SerializeAsString(), options);
  if (!bytes) return bytes.error().context(method_title(method));
  Reply reply;
  if (!reply.ParseFromString(*bytes))
    return Error(ErrorCode::Internal, method_title(method) + ": reply does not parse");
  return reply;
}

/// A call whose reply says nothing.
template <typename Request>
Status command(GrpcChannel& channel, const std::string& method, const Request& request, const CallOptions& options) {
  const auto bytes = channel.call(method, request.SerializeAsString(), options);
  if (!bytes) return bytes.error().context(method_title(method));
  return Ok{};
}

/// A call that is answered by a stream of messages; `take` adds what one of them holds to what was found.
template <typename Message, typename Item, typename Request, typename Take>
Result<std::vector<Item>> collect(GrpcChannel& channel, const std::string& method, const Request& request,
                                  const CallOptions& options, Take take) {
  std::vector<Item> found;
  const auto status =
      channel.collect(method, request.SerializeAsString(), options, [&](const std::string& bytes) -> Status {
        Message message;
        if (!message.ParseFromString(bytes)) return Error(ErrorCode::Internal, "reply does not parse");
        take(message, found);
        return Ok{};
      });
  if (!status) return status.error().context(method_title(method));
  return found;
}

/// The epoch for "never": Go's zero time is in the year 1, beyond what a 64-bit count of nanoseconds reaches.
template <typename Timestamp>
WallTime to_wall_time(const Timestamp& stamp) {
  constexpr std::int64_t kYear2200 = 7'258'118'400;
  if (stamp.seconds() <= 0 || stamp.seconds() > kYear2200) return {};
  const auto since_epoch = std::chrono::seconds(stamp.seconds()) + std::chrono::nanoseconds(stamp.nanos());
  return WallTime(std::chrono::duration_cast<WallTime::duration>(since_epoch));
}

}  // namespace berth::runtime
