// tests/api/frame_boundary_test.cpp - each WebSocket frame is a piece of its own; nothing else is cut.
#include "api/http/frame_boundary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace berth::api {
namespace {

using testing::ElementsAre;

const std::string kHead = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";

std::string frame(std::size_t size) {
  std::string out("\x82");
  if (size < 126) {
    out += static_cast<char>(size);
  } else if (size <= 0xffff) {
    out += {126, static_cast<char>(size >> 8U), static_cast<char>(size & 0xffU)};
  } else {
    out += {127,
            0,
            0,
            0,
            0,
            static_cast<char>(size >> 24U),
            static_cast<char>(size >> 16U),
            static_cast<char>(size >> 8U),
            static_cast<char>(size & 0xffU)};
  }
  return out.append(size, 'x');
}

/// The sizes of the pieces that `stream` is sent in, when it comes in pieces of `at_once`.
std::vector<std::size_t> pieces(const std::string& stream, std::size_t at_once) {
  FrameBoundary boundary;
  std::vector<std::size_t> out;
  for (std::string_view rest = stream; !rest.empty();) {
    auto part = rest.substr(0, at_once);
    rest.remove_prefix(part.size());
    while (!part.empty()) {
      const auto size = boundary.next(part);
      if (size == 0 || size > part.size()) return {};
      boundary.sent(part.substr(0, size));
      out.push_back(size);
      part.remove_prefix(size);
    }
  }
  return out;
}

TEST(FrameBoundary, CutsBehindTheHeadAndBehindEachFrame) {
  const auto stream = kHead + frame(3) + frame(0) + frame(300) + frame(70'000) + frame(1);
  EXPECT_THAT(pieces(stream, stream.size()), ElementsAre(kHead.size(), 5, 2, 304, 70'010, 3));
}

TEST(FrameBoundary, FollowsFramesThatComeInParts) {
  FrameBoundary boundary;
  boundary.sent(kHead);
  const auto long_frame = frame(300);
  for (std::size_t at = 0; at < long_frame.size(); ++at) {  // a byte at a time: the header too
    ASSERT_EQ(boundary.next(long_frame.substr(at, 1)), 1U);
    boundary.sent(long_frame.substr(at, 1));
  }
  EXPECT_EQ(boundary.next(frame(5) + frame(5)), 7U);
}

TEST(FrameBoundary, LeavesEverythingElseWhole) {
  const auto spdy = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n" + frame(3) + frame(3);
  EXPECT_THAT(pieces(spdy, spdy.size()), ElementsAre(spdy.size()));
  const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_THAT(pieces(plain, plain.size()), ElementsAre(plain.size()));
  EXPECT_EQ(FrameBoundary().next(""), 0U);
}

}  // namespace
}  // namespace berth::api
