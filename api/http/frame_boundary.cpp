// api/http/frame_boundary.cpp - see frame_boundary.hpp.
#include "api/http/frame_boundary.hpp"

#include <algorithm>
#include <cctype>

namespace berth::api {

namespace {

constexpr std::string_view kSwitching = "HTTP/1.1 101 ";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool is_web_socket(std::string_view head) {
  constexpr std::string_view kWord = "upgrade: websocket";
  return std::search(head.begin(), head.end(), kWord.begin(), kWord.end(),
                     [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; }) != head.end();
}

/// Bytes that a frame's header has, once its first two are there. A server does not mask.
std::size_t header_size(std::string_view header) {
  if (header.size() < 2) return 2;
  const auto length = static_cast<unsigned char>(header[1]) & 0x7fU;
  return length == 126 ? 4 : length == 127 ? 10 : 2;
}

std::uint64_t payload_size(std::string_view header) {
  if (header.size() == 2) return static_cast<unsigned char>(header[1]) & 0x7fU;
  std::uint64_t size = 0;
  for (const char c : header.substr(2)) size = size << 8U | static_cast<unsigned char>(c);
  return size;
}

}  // namespace

std::size_t FrameBoundary::next(std::string_view pending) const {
  auto state = state_;
  return advance(state, pending);
}

void FrameBoundary::sent(std::string_view bytes) { advance(state_, bytes); }

std::size_t FrameBoundary::advance(State& state, std::string_view bytes) {
  if (state.mode == Mode::Http && bytes.starts_with(kSwitching)) {
    // Our server writes the head of this answer at once, and the client has read all answers before.
    const auto end = bytes.find(kHeadEnd);
    const bool frames = end != std::string_view::npos && is_web_socket(bytes.substr(0, end));
    state.mode = frames ? Mode::Frames : Mode::Plain;
    return frames ? end + kHeadEnd.size() : bytes.size();
  }
  if (state.mode != Mode::Frames) return bytes.size();
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (state.left > 0) {
      const auto part = std::min<std::uint64_t>(state.left, bytes.size() - at);
      state.left -= part;
      at += part;
      if (state.left == 0) return at;
      continue;
    }
    state.header += bytes[at++];
    if (state.header.size() < header_size(state.header)) continue;
    state.left = payload_size(state.header);
    state.header.clear();
    if (state.left == 0) return at;
  }
  return at;
}

}  // namespace berth::api
