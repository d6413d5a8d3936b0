// api/http/frame_boundary.hpp - where the WebSocket frames end in what a server sends. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::api {

/// Some clients wait for their socket to become readable while a frame is already decrypted (the Python client does):
/// they work as long as each frame comes in a TLS record of its own, as Kubernetes' servers happen to send them. This
/// says how to cut. It only looks; a stream that is no WebSocket is never cut.
class FrameBoundary {
 public:
  /// How much of `pending`, the next bytes to send, to send as one record. 0 only for nothing.
  std::size_t next(std::string_view pending) const;

  /// These bytes were sent: at most what next() said.
  void sent(std::string_view bytes);

 private:
  enum class Mode { Http, Frames, Plain };
  struct State {
    Mode mode = Mode::Http;
    std::string header;      ///< Of a frame (RFC 6455, section 5.2), as far as it was seen.
    std::uint64_t left = 0;  ///< Of its payload.
  };
  /// Goes on to the end of the response's head, or of one frame; returns how far that is.
  static std::size_t advance(State& state, std::string_view bytes);

  State state_;
};

}  // namespace berth::api
