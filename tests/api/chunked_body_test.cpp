// tests/api/chunked_body_test.cpp - chunks taken apart, and what is no chunk refused at its first byte.
#include "api/http/chunked_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::api {
namespace {

constexpr std::size_t kLimit = 100;

struct Outcome {
  unsigned code = 0;  ///< 200: ended; 0: more is needed.
  std::string text;
  std::string rest;
};

Outcome read(std::string_view bytes, std::size_t at_once) {
  ChunkedBody body(kLimit);
  while (!bytes.empty() && !body.ended()) {
    const auto part = bytes.substr(0, at_once);
    const auto taken = body.take(part);
    if (!taken) return {taken.error().code, {}, {}};
    bytes.remove_prefix(*taken);
  }
  const bool ended = body.ended();
  return {ended ? 200U : 0U, body.take_text(), std::string(bytes)};
}

/// However it comes, it is the same.
Outcome read(std::string_view bytes) {
  const auto whole = read(bytes, std::max<std::size_t>(bytes.size(), 1));
  for (const std::size_t at_once : {1U, 3U}) {
    const auto pieces = read(bytes, at_once);
    EXPECT_EQ(pieces.code, whole.code) << bytes;
    EXPECT_EQ(pieces.text, whole.text) << bytes;
    EXPECT_EQ(pieces.rest, whole.rest) << bytes;
  }
  return whole;
}

TEST(ChunkedBody, IsWhatItsChunksHold) {
  const auto done =
      read("5\r\nhello\r\n00a;x=\"y\"\r\n, big wide\r\n6\r\n world\r\n0\r\nTrailer: x\r\nA: b\r\n\r\nGET /");
  EXPECT_EQ(done.code, 200U);
  EXPECT_EQ(done.text, "hello, big wide world");
  EXPECT_EQ(done.rest, "GET /");
  EXPECT_EQ(read("0\r\n\r\n").code, 200U);
  EXPECT_EQ(read("2\r\n\r\n\r\n0\r\n\r\n").text, "\r\n");
  EXPECT_EQ(read("5\r\nhel").code, 0U);
}

TEST(ChunkedBody, WhatIsNoChunkIsRefused) {
  for (const std::string_view bytes : {"\r\n",
                                       "x\r\n",
                                       ";a\r\n",
                                       "5 \r\nhello\r\n0\r\n\r\n",
                                       " 5\r\nhello",
                                       "0x5\r\nhello",
                                       "+5\r\nhello",
                                       "5\nhello",
                                       "5\r\nhello0\r\n\r\n",
                                       "5\r\nhelloXX",
                                       "5\r\nhello\n0\r\n\r\n",
                                       "5\r\nhello\r0",
                                       "0\r\n X: y\r\n\r\n",
                                       "0\r\nX: y\n",
                                       "0\r\nX: y\r\n\rX",
                                       "0\r\n\n",
                                       "5;a\nhello",
                                       "5;\x01\r\n",
                                       "-1\r\n",
                                       "1\rx",
                                       "8000000000000000\r\n",
                                       "10000000000000005\r\nhello\r\n"}) {
    EXPECT_EQ(read(bytes).code, 400U) << bytes;
  }
}

TEST(ChunkedBody, ALimitIsOneBeforeTheDataComes) {
  EXPECT_EQ(read("64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n").code, 200U);
  EXPECT_EQ(read("65\r\n").code, 413U);
  EXPECT_EQ(read("64\r\n" + std::string(100, 'x') + "\r\n1\r\n").code, 413U);
  EXPECT_EQ(read("fffffffffffffff\r\n").code, 413U);
}

TEST(ChunkedBody, ExtensionsAndTrailersHaveALimit) {
  EXPECT_EQ(read("1;" + std::string(1024 * 1024, 'x')).code, 400U);
  EXPECT_EQ(read("0\r\nX: " + std::string(1024 * 1024, 'x')).code, 400U);
  std::string many;
  for (int i = 0; i < 50; ++i) many += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  EXPECT_EQ(read(many).code, 400U) << "of all chunks together";
}

}  // namespace
}  // namespace berth::api
