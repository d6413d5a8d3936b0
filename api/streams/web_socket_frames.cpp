// api/streams/web_socket_frames.cpp - RFC 6455 framing, the server's side.
#include "api/streams/web_socket_frames.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/sha1.hpp"
#include "model/base64.hpp"

namespace berth::api {

namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kMasked = 0x80;
constexpr std::size_t kMaxControl = 125;
/// A message's memory is kept for the next one up to this.
constexpr std::size_t kKeep = 64 * 1024;

Error broken(std::string_view what) { return {ErrorCode::InvalidArgument, fmt::format("WebSocket: {}", what)}; }

bool is_control(WebSocketOpcode opcode) { return static_cast<unsigned>(opcode) >= 8; }

bool is_known(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

std::size_t header_size(std::string_view head) {
  if (head.size() < 2) return 2;
  const auto size = static_cast<unsigned char>(head[1]) & 0x7fU;
  return 2U + (size == 127 ? 8U : size == 126 ? 2U : 0U) + 4U;
}

}  // namespace

/// True: there is a frame now. False: more octets are needed.
Result<bool> WebSocketReader::read_header(std::string_view& input) {
  for (auto need = header_size(head_); head_.size() < need; need = header_size(head_)) {
    if (input.empty()) return false;
    const auto take = std::min(need - head_.size(), input.size());
    head_.append(input.substr(0, take));
    input.remove_prefix(take);
    if (head_.size() < 2) continue;
    if ((static_cast<unsigned char>(head_[1]) & kMasked) == 0) return broken("a client's frame without mask");
  }
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(head_[i]); };
  const unsigned code = byte(0) & 0x0fU;
  if ((byte(0) & kReserved) != 0) return broken("reserved bits are set");
  if (!is_known(code)) return broken(fmt::format("unknown opcode {}", code));
  Header frame;
  frame.opcode = static_cast<WebSocketOpcode>(code);
  frame.final = (byte(0) & kFinal) != 0;
  frame.left = byte(1) & 0x7fU;
  std::size_t at = 2;
  if (frame.left >= 126) {
    const std::size_t end = frame.left == 126 ? 4 : 10;
    frame.left = 0;
    for (; at < end; ++at) frame.left = frame.left << 8U | byte(at);
  }
  for (auto& part : frame.mask) part = byte(at++);
  head_.clear();
  if (is_control(frame.opcode)) {
    if (!frame.final || frame.left > kMaxControl) return broken("a control frame that is fragmented or too long");
    control_.clear();
  } else {
    if ((frame.opcode == WebSocketOpcode::Continuation) != fragmented_.has_value()) {
      return broken("a continuation without beginning, or a message inside another");
    }
    if (frame.left > max_message_ || message_.size() + frame.left > max_message_) {
      return Error(ErrorCode::ResourceExhausted,
                   fmt::format("WebSocket: a message longer than {} bytes", max_message_));
    }
    if (!fragmented_) fragmented_ = frame.opcode;
  }
  frame_ = frame;
  return true;
}

void WebSocketReader::read_payload(std::string_view& input) {
  auto& to = is_control(frame_->opcode) ? control_ : message_;
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(frame_->left, input.size()));
  const auto begin = to.size();
  to.append(input.substr(0, take));
  for (std::size_t i = 0; i < take; ++i) {
    auto& octet = to[begin + i];
    octet = static_cast<char>(static_cast<unsigned char>(octet) ^ frame_->mask[(frame_->at + i) & 3U]);
  }
  frame_->at += take;
  frame_->left -= take;
  input.remove_prefix(take);
}

Result<std::optional<WebSocketMessage>> WebSocketReader::next(std::string_view& input) {
  if (message_done_) {  // the last one has been used
    message_done_ = false;
    message_.clear();
    if (message_.capacity() > kKeep) message_.shrink_to_fit();
  }
  while (true) {
    if (!frame_) {
      const auto begun = read_header(input);
      if (!begun) return begun.error();
      if (!*begun) return std::optional<WebSocketMessage>();
    }
    read_payload(input);
    if (frame_->left > 0) return std::optional<WebSocketMessage>();
    const auto frame = *frame_;
    frame_.reset();
    if (is_control(frame.opcode)) return std::optional(WebSocketMessage{frame.opcode, control_});
    if (!frame.final) continue;
    message_done_ = true;
    const auto opcode = *fragmented_;
    fragmented_.reset();
    return std::optional(WebSocketMessage{opcode, message_});
  }
}

std::string web_socket_header(WebSocketOpcode opcode, std::size_t size) {
  std::string out(1, static_cast<char>(kFinal | static_cast<unsigned>(opcode)));
  if (size < 126) {
    out += static_cast<char>(size);
    return out;
  }
  const bool is_long = size > 0xffff;
  out += static_cast<char>(is_long ? 127 : 126);
  for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<std::uint64_t>(size) >> static_cast<unsigned>(shift) & 0xffU);
  }
  return out;
}

std::string close_payload(std::uint16_t code) {
  return {static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)};
}

std::string web_socket_accept(std::string_view key) {
  return model::encode_base64(sha1(fmt::format("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key)));
}

}  // namespace berth::api
