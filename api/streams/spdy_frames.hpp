// api/streams/spdy_frames.hpp - SPDY/3.1 framing (draft 3.1, section 2): octets to frames and back. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/streams/spdy_headers.hpp"
#include "base/result.hpp"

namespace berth::api {

enum class SpdyType : std::uint16_t {
  Data = 0,  ///< Ours: data frames have no type.
  SynStream = 1,
  SynReply = 2,
  RstStream = 3,
  Settings = 4,
  Ping = 6,
  GoAway = 7,
  Headers = 8,
  WindowUpdate = 9,
};

/// Status codes of RST_STREAM.
enum class SpdyReset : std::uint32_t {
  ProtocolError = 1,
  InvalidStream = 2,
  RefusedStream = 3,
  Cancel = 5,
  InternalError = 6,
  FlowControlError = 7,
  StreamInUse = 8,
};

constexpr std::uint32_t kSpdyInitialWindow = 64 * 1024;
constexpr std::uint32_t kSpdySettingInitialWindow = 7;

struct SpdyFrame {
  SpdyType type = SpdyType::Data;
  std::uint32_t stream = 0;  ///< Of GOAWAY: the last good one. 0 for PING and SETTINGS.
  bool fin = false;          ///< The sender's half ends with this frame; for DATA with its last piece.
  std::uint32_t value = 0;   ///< RST_STREAM and GOAWAY: status; PING: id; WINDOW_UPDATE: delta.
  SpdyHeaders headers;       ///< SYN_STREAM, SYN_REPLY, HEADERS.
  std::string_view data;     ///< DATA: a piece of it, part of the input.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> settings;  ///< SETTINGS: id and value.
};

/// Takes a peer's octets in any pieces and gives back its frames. Keeps at most one control frame of 16 KiB; data is
/// handed through in the pieces that came.
class SpdyReader {
 public:
  /// The next frame; consumes from `input`. Nullopt: all of it was taken. Control frames of unknown types are left out.
  /// InvalidArgument, ResourceExhausted: the connection is lost.
  Result<std::optional<SpdyFrame>> next(std::string_view& input);

 private:
  Result<std::optional<SpdyFrame>> control_frame();

  SpdyHeaderReader headers_;
  std::string head_;             ///< 8 octets, then a control frame's rest.
  std::uint32_t data_left_ = 0;  ///< Of the DATA frame that we are in.
  std::uint32_t data_stream_ = 0;
  bool data_fin_ = false;
  bool in_data_ = false;
  std::uint32_t skip_left_ = 0;  ///< Of a control frame that we do not know.
};

std::string spdy_syn_stream(SpdyHeaderWriter& writer, std::uint32_t stream, const SpdyHeaders& headers, bool fin);
std::string spdy_syn_reply(SpdyHeaderWriter& writer, std::uint32_t stream, const SpdyHeaders& headers);
std::string spdy_rst_stream(std::uint32_t stream, SpdyReset status);
std::string spdy_ping(std::uint32_t id);
std::string spdy_go_away(std::uint32_t last_good_stream, std::uint32_t status);
std::string spdy_window_update(std::uint32_t stream, std::uint32_t delta);
/// The 8 octets in front of `size` octets of data; at most 2^24-1.
std::string spdy_data_header(std::uint32_t stream, std::size_t size, bool fin);

}  // namespace berth::api
