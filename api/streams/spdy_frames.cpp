// api/streams/spdy_frames.cpp - SPDY/3.1 framing.
#include "api/streams/spdy_frames.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr std::size_t kHeadSize = 8;
constexpr std::uint32_t kMaxControl = 16 * 1024;
constexpr unsigned kVersion = 3;
constexpr std::uint32_t kFin = 1;
constexpr std::uint32_t kIdMask = 0x7fffffff;
constexpr std::uint32_t kSizeMask = 0xffffff;

Error broken(std::string_view what) { return {ErrorCode::InvalidArgument, fmt::format("SPDY: {}", what)}; }

std::uint32_t u32(std::string_view text, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = at; i < at + 4; ++i) out = out << 8U | static_cast<unsigned char>(text[i]);
  return out;
}

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
}

std::string control(SpdyType type, std::uint32_t flags, std::size_t size) {
  std::string out;
  append_u32(out, 0x80000000U | kVersion << 16U | static_cast<std::uint32_t>(type));
  append_u32(out, flags << 24U | static_cast<std::uint32_t>(size));
  return out;
}

std::string two_words(SpdyType type, std::uint32_t first, std::uint32_t second) {
  auto out = control(type, 0, 8);
  append_u32(out, first);
  append_u32(out, second);
  return out;
}

/// Octets of the frame before its header block, or all of a frame without one. 0: a type that we do not know.
std::uint32_t fixed_size(SpdyType type) {
  switch (type) {
    case SpdyType::SynStream: return 10;
    case SpdyType::SynReply:
    case SpdyType::Settings:
    case SpdyType::Ping:
    case SpdyType::Headers: return 4;
    case SpdyType::RstStream:
    case SpdyType::GoAway:
    case SpdyType::WindowUpdate: return 8;
    case SpdyType::Data: return 0;
  }
  return 0;
}

bool has_headers(SpdyType type) {
  return type == SpdyType::SynStream || type == SpdyType::SynReply || type == SpdyType::Headers;
}

}  // namespace

Result<std::optional<SpdyFrame>> SpdyReader::next(std::string_view& input) {
  while (true) {
    if (in_data_) {
      if (input.empty() && data_left_ > 0) return std::optional<SpdyFrame>();
      SpdyFrame frame;
      frame.stream = data_stream_;
      const auto take = std::min<std::size_t>(data_left_, input.size());
      frame.data = input.substr(0, take);
      input.remove_prefix(take);
      data_left_ -= static_cast<std::uint32_t>(take);
      in_data_ = data_left_ > 0;
      frame.fin = !in_data_ && data_fin_;
      return std::optional(std::move(frame));
    }
    if (skip_left_ > 0) {
      const auto take = std::min<std::size_t>(skip_left_, input.size());
      input.remove_prefix(take);
      skip_left_ -= static_cast<std::uint32_t>(take);
      if (skip_left_ > 0) return std::optional<SpdyFrame>();
    }
    const auto fill = [&](std::size_t size) {
      const auto take = std::min(size - std::min(size, head_.size()), input.size());
      head_.append(input.substr(0, take));
      input.remove_prefix(take);
      return head_.size() >= size;
    };
    if (!fill(kHeadSize)) return std::optional<SpdyFrame>();
    const auto first = u32(head_, 0);
    const auto flags = u32(head_, 4) >> 24U;
    const auto size = u32(head_, 4) & kSizeMask;
    if ((first & ~kIdMask) == 0) {
      head_.clear();
      if (first == 0) return broken("data on stream 0");
      in_data_ = true;
      data_stream_ = first;
      data_left_ = size;
      data_fin_ = (flags & kFin) != 0;
      continue;
    }
    if ((first >> 16U & 0x7fffU) != kVersion) return broken(fmt::format("version {}", first >> 16U & 0x7fffU));
    if (fixed_size(static_cast<SpdyType>(first & 0xffffU)) == 0) {
      head_.clear();
      skip_left_ = size;
      continue;
    }
    if (size > kMaxControl) {
      return Error(ErrorCode::ResourceExhausted, fmt::format("SPDY: a control frame of {} bytes", size));
    }
    if (!fill(kHeadSize + size)) return std::optional<SpdyFrame>();
    auto frame = control_frame();
    head_.clear();
    return frame;
  }
}

Result<std::optional<SpdyFrame>> SpdyReader::control_frame() {
  SpdyFrame frame;
  frame.type = static_cast<SpdyType>(u32(head_, 0) & 0xffffU);
  const auto flags = u32(head_, 4) >> 24U;
  const auto body = std::string_view(head_).substr(kHeadSize);
  const auto fixed = fixed_size(frame.type);
  const bool whole =
      has_headers(frame.type) || frame.type == SpdyType::Settings ? body.size() >= fixed : body.size() == fixed;
  if (!whole) return broken(fmt::format("a frame of type {} with {} bytes", static_cast<int>(frame.type), body.size()));
  if (has_headers(frame.type)) {
    frame.stream = u32(body, 0) & kIdMask;
    frame.fin = (flags & kFin) != 0;
    auto headers = headers_.read(body.substr(fixed));
    if (!headers) return headers.error();
    frame.headers = *std::move(headers);
    return std::optional(std::move(frame));
  }
  switch (frame.type) {
    case SpdyType::RstStream:
    case SpdyType::GoAway:
    case SpdyType::WindowUpdate:
      frame.stream = u32(body, 0) & kIdMask;
      frame.value = u32(body, 4);
      if (frame.type == SpdyType::WindowUpdate) frame.value &= kIdMask;
      break;
    case SpdyType::Ping: frame.value = u32(body, 0); break;
    case SpdyType::Settings: {
      const auto count = u32(body, 0);
      if ((body.size() - 4) % 8 != 0 || count != (body.size() - 4) / 8) return broken("SETTINGS of a wrong length");
      for (std::size_t at = 4; at < body.size(); at += 8) {
        frame.settings.emplace_back(u32(body, at) & kSizeMask, u32(body, at + 4));
      }
      break;
    }
    case SpdyType::Data:
    case SpdyType::SynStream:
    case SpdyType::SynReply:
    case SpdyType::Headers: break;
  }
  return std::optional(std::move(frame));
}

std::string spdy_syn_stream(SpdyHeaderWriter& writer, std::uint32_t stream, const SpdyHeaders& headers, bool fin) {
  const auto block = writer.write(headers);
  auto out = control(SpdyType::SynStream, fin ? kFin : 0, 10 + block.size());
  append_u32(out, stream);
  append_u32(out, 0);
  out.append(2, '\0');
  return out += block;
}

std::string spdy_syn_reply(SpdyHeaderWriter& writer, std::uint32_t stream, const SpdyHeaders& headers) {
  const auto block = writer.write(headers);
  auto out = control(SpdyType::SynReply, 0, 4 + block.size());
  append_u32(out, stream);
  return out += block;
}

std::string spdy_rst_stream(std::uint32_t stream, SpdyReset status) {
  return two_words(SpdyType::RstStream, stream, static_cast<std::uint32_t>(status));
}

std::string spdy_ping(std::uint32_t id) {
  auto out = control(SpdyType::Ping, 0, 4);
  append_u32(out, id);
  return out;
}

std::string spdy_go_away(std::uint32_t last_good_stream, std::uint32_t status) {
  return two_words(SpdyType::GoAway, last_good_stream, status);
}

std::string spdy_window_update(std::uint32_t stream, std::uint32_t delta) {
  return two_words(SpdyType::WindowUpdate, stream, delta);
}

std::string spdy_data_header(std::uint32_t stream, std::size_t size, bool fin) {
  std::string out;
  append_u32(out, stream);
  append_u32(out, (fin ? kFin << 24U : 0U) | (static_cast<std::uint32_t>(size) & kSizeMask));
  return out;
}

}  // namespace berth::api
