// api/streams/channel_framing.cpp - see channel_framing.hpp.
#include "api/streams/channel_framing.hpp"

#include <utility>

#include "model/base64.hpp"

namespace berth::api {

std::optional<ChannelFraming::Message> ChannelFraming::read(std::string_view message) {
  if (message.empty()) return std::nullopt;
  const auto channel = static_cast<unsigned char>(message.front());
  message.remove_prefix(1);
  if (!is_text_) return Message{channel, message};
  auto bytes = model::decode_base64(message);
  if (!bytes) return std::nullopt;
  decoded_ = *std::move(bytes);
  return Message{static_cast<unsigned char>(channel - '0'), decoded_};
}

std::string ChannelFraming::write(unsigned char channel, std::string bytes) const {
  if (is_text_) return std::string(1, static_cast<char>('0' + channel)) + model::encode_base64(bytes);
  bytes.insert(bytes.begin(), static_cast<char>(channel));
  return bytes;
}

}  // namespace berth::api
