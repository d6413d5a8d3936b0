// tests/api/spdy_test.cpp - SPDY/3.1 frames as kubectl sends them, and a connection over a fake socket.
#include <gmock/gmock.h>
#include <zlib.h>

#include "api/streams/spdy_connection.hpp"

namespace berth::api {
namespace {

using testing::ElementsAre;

std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

/// kubectl 1.20.2, exec -i: what it sent after the 101, with "hi\n" and the end of its stdin.
const std::string kRecorded = from_hex(
    "80030001000000290000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff"
    "800300010000001700000003000000000000c22e555c92929907000000ffff"
    "800300010000001900000005000000000000c22ac5565c92925f5a02000000ffff"
    "800300010000001500000007000000000000c229975a5404000000ffff"
    "000000030000000368690a0000000301000000");

/// "syn 1 error", "data 3 hi", "fin 3", ... for everything in `input`, cut into pieces of `size`.
std::vector<std::string> frames_of(std::string_view input, std::size_t size) {
  SpdyReader reader;
  std::vector<std::string> out;
  for (; !input.empty(); input.remove_prefix(std::min(size, input.size()))) {
    auto piece = input.substr(0, size);
    while (true) {
      const auto frame = reader.next(piece);
      if (!frame) {
        out.push_back(frame.error().message());
        return out;
      }
      if (!*frame) break;
      const auto& one = **frame;
      if (one.type == SpdyType::SynStream) {
        out.push_back(fmt::format("syn {} {}", one.stream, header_value(one.headers, "streamtype")));
      } else if (one.type == SpdyType::Data) {
        if (!one.data.empty()) out.push_back(fmt::format("data {} {}", one.stream, one.data));
      } else {
        out.push_back(fmt::format("{} {} {}", static_cast<int>(one.type), one.stream, one.value));
      }
      if (one.fin) out.push_back(fmt::format("fin {}", one.stream));
    }
  }
  return out;
}

TEST(SpdyFrames, WhatKubectlSendsIsReadWholeAndOctetByOctet) {
  EXPECT_THAT(frames_of(kRecorded, kRecorded.size()),
              ElementsAre("syn 1 error", "syn 3 stdin", "syn 5 stdout", "syn 7 stderr", "data 3 hi\n", "fin 3"));
  EXPECT_THAT(frames_of(kRecorded, 1), ElementsAre("syn 1 error", "syn 3 stdin", "syn 5 stdout", "syn 7 stderr",
                                                   "data 3 h", "data 3 i", "data 3 \n", "fin 3"));
}

TEST(SpdyFrames, TheDictionaryIsTheOneOfTheDraft) {
  const auto& dictionary = spdy_dictionary();
  EXPECT_EQ(dictionary.size(), 1423U);
  EXPECT_EQ(::adler32(1, reinterpret_cast<const Bytef*>(dictionary.data()), 1423), 0xe3c6a7c2U);
}

TEST(SpdyFrames, WhatWeWriteIsReadBack) {
  SpdyHeaderWriter writer;
  auto all = spdy_syn_stream(writer, 1, {{"streamtype", "data"}, {"port", "80"}}, true);
  all += spdy_syn_stream(writer, 3, {{"streamtype", "error"}}, false);  // in this order: one zlib stream
  all += spdy_rst_stream(1, SpdyReset::Cancel) + spdy_ping(9) + spdy_go_away(3, 1) + spdy_window_update(3, 4096);
  all += spdy_data_header(3, 2, true) + "ab";
  EXPECT_THAT(frames_of(all, all.size()), ElementsAre("syn 1 data", "fin 1", "syn 3 error", "3 1 5", "6 0 9", "7 3 1",
                                                      "9 3 4096", "data 3 ab", "fin 3"));
}

TEST(SpdyFrames, UnknownControlFramesAreSkippedAndOtherVersionsAreNot) {
  EXPECT_THAT(frames_of(from_hex("8003000a00000002aabb") + spdy_ping(1), 3), ElementsAre("6 0 1"));
  EXPECT_THAT(frames_of(from_hex("8002000600000004") + from_hex("00000001"), 12), ElementsAre("SPDY: version 2"));
  EXPECT_THAT(frames_of(from_hex("000000000000000161"), 9), ElementsAre("SPDY: data on stream 0"));
  EXPECT_THAT(frames_of(from_hex("800300060000000300000001"), 12), ElementsAre("SPDY: a frame of type 6 with 3 bytes"));
}

TEST(SpdyFrames, WhatIsTooLargeIsRefusedBeforeItIsKept) {
  EXPECT_THAT(frames_of(from_hex("8003000100ffffff"), 8), ElementsAre("SPDY: a control frame of 16777215 bytes"));
  // A megabyte of zeros packs into a kilobyte.
  SpdyHeaderWriter writer;
  const auto bomb = spdy_syn_stream(writer, 1, {{"x", std::string(1'000'000, '\0')}}, false);
  ASSERT_LT(bomb.size(), 16U * 1024);
  EXPECT_THAT(frames_of(bomb, bomb.size()), ElementsAre("SPDY header block: longer than 16384 bytes"));
}

struct FakeSocket final : PeerSocket {
  std::string sent;
  std::size_t queued = 0;
  bool reading = true;
  bool closed = false;
  void send(std::string message) override { sent += message; }
  std::size_t queued_bytes() const override { return queued; }
  void set_reading(bool wanted) override { reading = wanted; }
  void close() override { closed = true; }
};

struct Recorder final : SpdyHandler {
  SpdyStreams* streams = nullptr;
  std::vector<std::string> calls;
  void on_open(SpdyStreams& opened) override { streams = &opened; }
  bool on_stream(std::uint32_t id, const SpdyHeaders& headers) override {
    calls.push_back(fmt::format("open {} {}", id, header_value(headers, "streamtype")));
    return true;
  }
  void on_data(std::uint32_t id, std::string_view data) override {
    calls.push_back(fmt::format("data {} {}", id, data.size()));
  }
  void on_end(std::uint32_t id) override { calls.push_back(fmt::format("end {}", id)); }
  void on_reset(std::uint32_t id) override { calls.push_back(fmt::format("reset {}", id)); }
  void on_drained() override { calls.push_back("drained"); }
  void on_closed() override { calls.push_back("closed"); }
};

class SpdyConnectionTest : public testing::Test {
 protected:
  void begin(SpdyLimits limits = {}) {
    session_ = over_spdy(reactor_, handler_, limits);
    session_->on_open(socket_);
  }
  std::uint32_t open() {
    next_ += 2;
    session_->on_message(spdy_syn_stream(writer_, next_, {{"streamtype", "data"}}, false));
    return next_;
  }
  /// What the server has sent since the last call.
  std::vector<std::string> sent() {
    std::vector<std::string> out;
    auto bytes = std::exchange(socket_.sent, {});
    std::string_view input(bytes);
    while (true) {
      const auto frame = reader_.next(input);
      EXPECT_TRUE(frame);
      if (!frame || !*frame) return out;
      const auto& one = **frame;
      if (one.type == SpdyType::Data) {
        out.push_back(fmt::format("data {} {}{}", one.stream, one.data.size(), one.fin ? " fin" : ""));
      } else {
        out.push_back(fmt::format("{} {} {}", static_cast<int>(one.type), one.stream, one.value));
      }
    }
  }

  Reactor reactor_;
  FakeSocket socket_;
  std::shared_ptr<Recorder> handler_ = std::make_shared<Recorder>();
  std::shared_ptr<PeerSession> session_;
  SpdyHeaderWriter writer_;
  SpdyReader reader_;
  std::uint32_t next_ = static_cast<std::uint32_t>(-1);
};

TEST_F(SpdyConnectionTest, APeerWithoutWindowsIsSentAllAndOneWithThemIsNot) {
  begin();
  const auto first = open();
  handler_->streams->send(first, std::string(200'000, 'x'));
  EXPECT_EQ(sent().size(), 8U);  // SYN_REPLY and seven frames of 32 KiB at most
  const auto second = open();
  session_->on_message(spdy_window_update(second, 1000));
  sent();
  handler_->streams->send(second, std::string(70'000, 'x'), /*fin=*/true);
  EXPECT_THAT(sent(), ElementsAre("data 3 32768", "data 3 32768", "data 3 1000"));
  EXPECT_EQ(handler_->streams->queued_bytes(), 70'000U - 66'536U);
  session_->on_message(spdy_window_update(second, 100'000));
  EXPECT_THAT(sent(), ElementsAre("data 3 3464 fin"));
  EXPECT_EQ(handler_->streams->queued_bytes(), 0U);
}

TEST_F(SpdyConnectionTest, AnInitialWindowInSettingsIsKept) {
  begin();
  const auto id = open();
  session_->on_message(from_hex("800300040000000c000000010000000700000064"));  // 100 octets
  sent();
  handler_->streams->send(id, std::string(150, 'x'));
  EXPECT_THAT(sent(), ElementsAre("data 1 100"));
}

TEST_F(SpdyConnectionTest, WhatIsReceivedIsAcknowledgedByHalfWindows) {
  begin();
  const auto id = open();
  sent();
  session_->on_message(spdy_data_header(id, 32768, false) + std::string(32768, 'x'));
  EXPECT_THAT(sent(), ElementsAre("9 0 32768", "9 1 32768"));
}

TEST_F(SpdyConnectionTest, TooManyStreamsAreRefusedAndPlaceIsMadeWhenTheyEnd) {
  begin({.streams = 2});
  open();
  open();
  sent();
  const auto third = open();
  EXPECT_THAT(sent(), ElementsAre(fmt::format("3 {} 3", third)));
  session_->on_message(spdy_rst_stream(1, SpdyReset::Cancel));
  open();
  EXPECT_THAT(sent(), ElementsAre("2 7 0"));
}

TEST_F(SpdyConnectionTest, ClosingWaitsForThePeersStreams) {
  begin();
  const auto id = open();
  handler_->streams->send(id, "bye", /*fin=*/true);
  handler_->streams->close();
  EXPECT_THAT(sent(), ElementsAre("2 1 0", "data 1 3 fin", "7 1 0"));
  EXPECT_FALSE(socket_.closed);
  session_->on_message(spdy_data_header(id, 0, true));
  EXPECT_TRUE(socket_.closed);
  EXPECT_THAT(handler_->calls, ElementsAre("open 1 data", "closed"));
}

TEST_F(SpdyConnectionTest, GarbageEndsTheConnectionWithAWord) {
  begin();
  session_->on_message("\x80\x09garbage");
  EXPECT_THAT(sent(), ElementsAre("7 0 1"));
  EXPECT_TRUE(socket_.closed);
  EXPECT_THAT(handler_->calls, ElementsAre("closed"));
}

TEST_F(SpdyConnectionTest, StreamsAreOpenedOnceAndDataAfterTheEndIsAnError) {
  begin();
  const auto id = open();
  sent();
  session_->on_message(spdy_syn_stream(writer_, id, {}, false));
  EXPECT_THAT(sent(), ElementsAre("3 1 1"));
  session_->on_message(spdy_data_header(id, 0, true));
  session_->on_message(spdy_data_header(id, 1, false) + "x");
  EXPECT_THAT(sent(), ElementsAre("3 1 1"));
  EXPECT_THAT(handler_->calls, ElementsAre("open 1 data", "end 1"));
}

}  // namespace
}  // namespace berth::api
