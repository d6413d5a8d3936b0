// agent/probes/probe_grpc.cpp - see probe_grpc.hpp.
#include "agent/probes/probe_grpc.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <utility>

#include "agent/https/probe_stream.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHeader = 9;
constexpr std::size_t kMaxFrame = 16 * 1024;  // RFC 9113 6.5.2: what we accept by default
constexpr std::size_t kMaxReceived = 256 * 1024;
constexpr std::size_t kMaxService = 1024;
constexpr std::uint32_t kStream = 1;

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7 };
constexpr std::uint8_t kEndStream = 0x1;  // DATA, HEADERS
constexpr std::uint8_t kAck = 0x1;        // SETTINGS, PING
constexpr std::uint8_t kEndHeaders = 0x4;
constexpr std::uint8_t kPadded = 0x8;

void put_byte(std::string& out, std::size_t value) { out.push_back(static_cast<char>(value & 0xff)); }

std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (const unsigned shift : {16U, 8U, 0U}) put_byte(out, payload.size() >> shift);
  put_byte(out, type);
  put_byte(out, flags);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) put_byte(out, stream >> shift);
  return out.append(payload);
}

/// HPACK integer after a prefix of seven bits (RFC 7541 5.1) and the string itself, no Huffman code.
void put_text(std::string& out, std::string_view text) {
  auto size = text.size();
  if (size < 127) {
    put_byte(out, size);
  } else {
    put_byte(out, 127);
    for (size -= 127; size >= 128; size >>= 7) put_byte(out, (size & 0x7f) | 0x80);
    put_byte(out, size);
  }
  out.append(text);
}

/// Literal header field without indexing, new name (RFC 7541 6.2.2).
void put_header(std::string& out, std::string_view name, std::string_view value) {
  put_byte(out, 0);
  put_text(out, name);
  put_text(out, value);
}

std::optional<std::uint64_t> take_varint(std::string_view& text) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

std::string_view status_word(std::uint64_t status) {
  static constexpr std::array<std::string_view, 4> kWords = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return status < kWords.size() ? kWords[status] : "unknown";
}

class GrpcProbe final : public NetProbe {
 public:
  GrpcProbe(ProbeAddress address, std::string service) : address_(std::move(address)), service_(std::move(service)) {}

  std::optional<ProbeOutcome> advance() override {
    if (service_.size() > kMaxService)
      return ProbeOutcome{ProbeAnswer::Unknown, "grpc.service is longer than 1024 bytes"};
    if (!fd_) {
      auto begun = begin_connect(address_);
      if (!begun.error.empty()) return failure(begun.error);
      fd_ = std::move(begun.fd);
      to_send_ = grpc_health_request(address_, service_);
    }
    if (!stream_) {
      pollfd ready = {fd_.get(), POLLOUT, 0};
      if (::poll(&ready, 1, 0) != 1) return std::nullopt;
      if (const auto error = connect_error(fd_.get(), address_); !error.empty()) return failure(error);
      stream_ = make_plain_stream(fd_.get());
    }
    for (;;) {
      while (!to_send_.empty()) {
        std::string_view rest = to_send_;
        const auto io = stream_->write(rest);
        if (io == ProbeStream::Io::Again) return std::nullopt;
        if (io != ProbeStream::Io::Done) return failure(stream_->error());
        to_send_.erase(0, to_send_.size() - rest.size());
      }
      if (auto outcome = consume()) return outcome;
      if (!to_send_.empty()) continue;
      if (received_.size() > kMaxReceived) return failure("the answer is too large");
      const auto io = stream_->read(received_, kMaxFrame);
      if (io == ProbeStream::Io::Again) return std::nullopt;
      if (io == ProbeStream::Io::Closed) return failure("connection closed without an answer");
      if (io == ProbeStream::Io::Failed) return failure(stream_->error());
    }
  }
  int fd() const override { return fd_.get(); }
  short events() const override { return stream_ ? stream_->events() : POLLOUT; }
  ProbeOutcome timed_out() const override { return failure("timeout: health rpc did not complete in time"); }

 private:
  ProbeOutcome failure(std::string_view why) const {
    return {ProbeAnswer::Failure, fmt::format("gRPC health check of \"{}\" at {}: {}", service_, address_.text(), why)};
  }

  /// Works through the complete frames received.
  std::optional<ProbeOutcome> consume() {
    while (const auto got = parse_http2_frame(received_)) {
      if (got->payload.size() > kMaxFrame) return failure("not HTTP/2");
      auto outcome = handle(*got);
      if (outcome) return outcome;
      received_.erase(0, kFrameHeader + got->payload.size());
    }
    // A length that no peer of ours may send: this is some other protocol.
    if (received_.size() >= 3 && static_cast<unsigned char>(received_[0]) > 0) return failure("not HTTP/2");
    return std::nullopt;
  }

  std::optional<ProbeOutcome> handle(const Http2Frame& got) {
    if (got.type == kSettings && (got.flags & kAck) == 0) to_send_ += frame(kSettings, kAck, 0, {});
    if (got.type == kPing && (got.flags & kAck) == 0) to_send_ += frame(kPing, kAck, 0, got.payload);
    if (got.type == kGoAway) return failure("the server refuses the connection (GOAWAY)");
    if (got.stream != kStream) return std::nullopt;
    if (got.type == kReset) return failure("the server reset the call");
    if (got.type == kData) {
      auto data = got.payload;
      if ((got.flags & kPadded) != 0 && !data.empty()) {
        const auto padding = static_cast<unsigned char>(data.front());
        data.remove_prefix(1);
        if (padding > data.size()) return failure("broken padding");
        data.remove_suffix(padding);
      }
      message_.append(data);
      if (const auto status = parse_health_status(message_)) {
        if (*status == 1) return ProbeOutcome{ProbeAnswer::Success, {}};
        return failure(fmt::format("service is {}", status_word(*status)));
      }
    }
    if ((got.type == kData || got.type == kHeaders) && (got.flags & kEndStream) != 0) {
      return failure("the call failed: no such service, or no health service (grpc.health.v1)");
    }
    return std::nullopt;
  }

  ProbeAddress address_;
  std::string service_;
  UniqueFd fd_;
  std::unique_ptr<ProbeStream> stream_;
  std::string to_send_;
  std::string received_;
  std::string message_;
};

}  // namespace

std::unique_ptr<NetProbe> make_grpc_probe(ProbeAddress address, std::string service) {
  return std::make_unique<GrpcProbe>(std::move(address), std::move(service));
}

std::string grpc_health_request(const ProbeAddress& address, std::string_view service) {
  std::string headers;
  put_header(headers, ":method", "POST");
  put_header(headers, ":scheme", "http");
  put_header(headers, ":path", "/grpc.health.v1.Health/Check");
  put_header(headers, ":authority", address.text());
  put_header(headers, "content-type", "application/grpc");
  put_header(headers, "te", "trailers");
  put_header(headers, "user-agent", "kube-probe/berth");

  std::string request;  // HealthCheckRequest: string service = 1
  if (!service.empty()) {
    put_byte(request, 0x0a);
    auto size = service.size();
    for (; size >= 128; size >>= 7) put_byte(request, (size & 0x7f) | 0x80);
    put_byte(request, size);
    request.append(service);
  }
  std::string message;
  put_byte(message, 0);  // not compressed
  for (const unsigned shift : {24U, 16U, 8U, 0U}) put_byte(message, request.size() >> shift);
  message += request;
  return std::string(kPreface) + frame(kSettings, 0, 0, {}) + frame(kHeaders, kEndHeaders, kStream, headers) +
         frame(kData, kEndStream, kStream, message);
}

std::optional<Http2Frame> parse_http2_frame(std::string_view text) {
  if (text.size() < kFrameHeader) return std::nullopt;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at])); };
  const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
  if (text.size() - kFrameHeader < size) return std::nullopt;
  Http2Frame got;
  got.type = static_cast<std::uint8_t>(byte(3));
  got.flags = static_cast<std::uint8_t>(byte(4));
  got.stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffffU;
  got.payload = text.substr(kFrameHeader, size);
  return got;
}

std::optional<std::uint64_t> parse_health_status(std::string_view message) {
  constexpr std::size_t kPrefix = 5;
  if (message.size() < kPrefix) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<unsigned char>(message[i]);
  if (message.size() - kPrefix < size) return std::nullopt;
  auto fields = message.substr(kPrefix, size);
  std::uint64_t status = 0;
  while (!fields.empty()) {
    const auto tag = take_varint(fields);
    if (!tag || (*tag & 7U) != 0) break;  // only varints are of interest, and only the first field
    const auto value = take_varint(fields);
    if (!value) break;
    if (*tag >> 3 == 1) status = *value;
  }
  return status;
}

}  // namespace berth::agent
