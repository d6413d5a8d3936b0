// api/streams/channel_framing.hpp - the messages of channel.k8s.io: which of several streams, and its bytes. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth::api {

/// The first byte of a message is the channel's number, the rest are bytes. With a protocol of base64 the first byte is
/// the number's digit and the rest is base64 (RFC 4648).
class ChannelFraming {
 public:
  explicit ChannelFraming(std::string_view protocol) : is_text_(protocol.find("base64.") != std::string_view::npos) {}

  struct Message {
    unsigned char channel = 0;
    std::string_view bytes;  ///< Valid until the next call of read(), and as long as what was read.
  };
  /// Nullopt: nothing in it, or no base64.
  std::optional<Message> read(std::string_view message);

  std::string write(unsigned char channel, std::string bytes) const;

 private:
  bool is_text_;
  std::string decoded_;
};

}  // namespace berth::api
