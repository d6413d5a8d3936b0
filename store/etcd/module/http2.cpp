// store/etcd/module/http2.cpp - see http2.hpp.
#include "store/etcd/module/http2.hpp"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace berth::store::etcd {
namespace {

constexpr int kStreamWindow = 4 * 1024 * 1024;
constexpr int kConnectionWindow = 16 * 1024 * 1024;
constexpr std::size_t kFrameHead = 5;  ///< Compressed or not, and the length.
/// No answer is larger: etcd takes 1.5 MB in a request, and tells 1,000 revisions at once.
constexpr std::size_t kMaxMessage = 1024UL * 1024 * 1024;

std::string framed(const std::string& message) {
  std::string bytes;
  bytes.reserve(kFrameHead + message.size());
  bytes += '\0';
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((message.size() >> shift) & 0xffU);
  return bytes + message;
}

std::size_t length_in(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < kFrameHead; ++i) length = length << 8U | static_cast<unsigned char>(head[i]);
  return length;
}

/// "grpc-message" is percent-encoded.
std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      plain += static_cast<char>(value);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));  // NOLINT: it is only read
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

struct Http2::Running {
  GrpcCall call;
  std::string to_send;
  std::size_t sent = 0;
  std::string got;  ///< Of the next message.
  std::string http_status;
  int status = -1;
  std::string message;
  std::string broken;  ///< What is wrong with what the server sent.
};

/// Exceptions of what is called end the process: nothing here throws but for want of memory.
struct Http2::Callbacks {
  static Http2& self(void* user) { return *static_cast<Http2*>(user); }
  static Running* running(void* user, CallId id) {
    const auto found = self(user).calls_.find(id);
    return found == self(user).calls_.end() ? nullptr : found->second.get();
  }

  static ssize_t read_request(nghttp2_session* /*session*/, std::int32_t id, std::uint8_t* into, std::size_t size,
                              std::uint32_t* flags, nghttp2_data_source* /*source*/, void* user) {
    auto* call = running(user, id);
    if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto part = std::min(size, call->to_send.size() - call->sent);
    std::copy_n(call->to_send.data() + call->sent, part, into);
    call->sent += part;
    if (call->sent < call->to_send.size()) return static_cast<ssize_t>(part);
    if (!call->call.keep_open) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (part == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(part);
  }

  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t /*flags*/,
                       void* user) {
    auto* call = running(user, frame->hd.stream_id);
    if (call == nullptr) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":status") call->http_status = text;
    if (key == "grpc-status") std::from_chars(text.data(), text.data() + text.size(), call->status);
    if (key == "grpc-message") call->message = decoded(text);
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    auto* call = running(user, id);
    if (call == nullptr || !call->broken.empty()) return 0;
    call->got.append(reinterpret_cast<const char*>(data), size);
    while (call->got.size() >= kFrameHead) {
      const auto length = length_in(call->got);
      if (call->got[0] != 0 || length > kMaxMessage) {
        call->broken = "the server sent what is no message of gRPC";
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
        return 0;
      }
      if (call->got.size() < kFrameHead + length) {
        call->got.reserve(kFrameHead + length);
        return 0;
      }
      // The callback may cancel the call.
      const auto message = call->got.substr(kFrameHead, length);
      call->got.erase(0, kFrameHead + length);
      if (call->call.on_message) call->call.on_message(message);
      call = running(user, id);
      if (call == nullptr) return 0;
    }
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    auto& http = self(user);
    if (frame->hd.type == NGHTTP2_SETTINGS) http.greeted_ = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) http.leaving_ = true;
    // A stream that we hold open ends when the server has ended its side.
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
                      (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
    const auto* call = last ? running(user, frame->hd.stream_id) : nullptr;
    if (call != nullptr && call->call.keep_open) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_CANCEL);
    }
    return 0;
  }

  static int on_close(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t error, void* user) {
    self(user).end(id, error);
    return 0;
  }
};

Http2::Http2(bool tls, std::string authority) : tls_(tls), authority_(std::move(authority)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::on_close);
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2::~Http2() { nghttp2_session_del(session_); }

Result<Http2::CallId> Http2::begin(GrpcCall call) {
  auto running = std::make_unique<Running>();
  running->to_send = framed(call.request);
  call.request.clear();
  std::vector<nghttp2_nv> headers = {
      header(":method", "POST"),        header(":scheme", tls_ ? "https" : "http"), header(":path", call.path),
      header(":authority", authority_), header("content-type", "application/grpc"), header("te", "trailers"),
      header("user-agent", "berth")};
  for (const auto& [name, value] : call.metadata) headers.push_back(header(name, value));
  nghttp2_data_provider provider{};
  provider.read_callback = &Callbacks::read_request;
  const auto id = nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &provider, nullptr);
  if (id < 0) return Error(ErrorCode::Unavailable, nghttp2_strerror(id));
  running->call = std::move(call);
  calls_[id] = std::move(running);
  return id;
}

void Http2::cancel(CallId id) {
  if (calls_.erase(id) != 0) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
}

void Http2::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

Status Http2::received(std::string_view bytes) {
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return Error(ErrorCode::Unavailable, nghttp2_strerror(static_cast<int>(taken)));
  return Ok{};
}

std::string Http2::bytes_to_send() {
  std::string bytes;
  for (;;) {
    const std::uint8_t* part = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &part);
    if (size <= 0) return bytes;
    bytes.append(reinterpret_cast<const char*>(part), static_cast<std::size_t>(size));
  }
}

void Http2::end(CallId id, std::uint32_t error) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const auto running = std::move(found->second);
  calls_.erase(found);
  CallEnd end;
  if (!running->broken.empty()) {
    end.message = running->broken;
  } else if (running->status >= 0) {
    end = {CallEnd::How::Answered, running->status, running->message};
  } else if (error == NGHTTP2_REFUSED_STREAM) {
    end = {CallEnd::How::Refused, 0, "the server takes no call now"};
  } else if (!running->http_status.empty() && running->http_status != "200") {
    end.message = "HTTP status " + running->http_status + ": it is no etcd";
  } else {
    end.message = fmt::format("the server ended the call: {}", nghttp2_http2_strerror(error));
  }
  if (running->call.on_end) running->call.on_end(std::move(end));
}

void Http2::lose(const std::string& why) {
  auto calls = std::move(calls_);
  calls_.clear();
  for (auto& [id, running] : calls) {
    // What it had to say was said.
    const auto& known = running->status;
    if (running->call.on_end) {
      running->call.on_end(known >= 0 ? CallEnd{CallEnd::How::Answered, known, running->message}
                                      : CallEnd{CallEnd::How::Lost, 0, why});
    }
  }
}

}  // namespace berth::store::etcd
