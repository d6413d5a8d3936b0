// https/module/tls_stream.cpp - a probe's TLS by OpenSSL. In the module, see https/loader.hpp.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/no_sigpipe.hpp"
#include "https/module/module.hpp"

namespace berth::https {
namespace {

constexpr std::size_t kChunk = 4096;

/// One context for all probes, made when the first HTTPS probe runs.
SSL_CTX* shared_context() {
  static SSL_CTX* const context = [] {
    auto* made = ::SSL_CTX_new(::TLS_client_method());
    if (made != nullptr) {
      ::SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
      ::SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      ::SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
      ::SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return made;
  }();
  return context;
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes = {};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

class TlsStream final : public ProbeStream {
 public:
  explicit TlsStream(SSL* ssl) : ssl_(ssl) {}

  Io handshake() override {
    return call([&] { return ::SSL_connect(ssl_.get()); });
  }
  Io write(std::string_view& rest) override {
    int sent = 0;
    const auto io = call([&] { return sent = ::SSL_write(ssl_.get(), rest.data(), static_cast<int>(rest.size())); });
    if (io == Io::Done) rest.remove_prefix(static_cast<std::size_t>(sent));
    return io;
  }
  Io read(std::string& into, std::size_t limit) override {
    std::array<char, kChunk> chunk;
    int got = 0;
    const auto size = static_cast<int>(std::min(limit, chunk.size()));
    const auto io = call([&] { return got = ::SSL_read(ssl_.get(), chunk.data(), size); });
    if (io == Io::Done) into.append(chunk.data(), static_cast<std::size_t>(got));
    return io;
  }
  short events() const override { return events_; }
  const std::string& error() const override { return error_; }

 private:
  template <typename Call>
  Io call(Call openssl) {
    const NoSigpipe quiet;
    ::ERR_clear_error();
    const int result = openssl();
    if (result > 0) return Io::Done;
    const auto system = errno;
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: events_ = POLLIN; return Io::Again;
      case SSL_ERROR_WANT_WRITE: events_ = POLLOUT; return Io::Again;
      case SSL_ERROR_ZERO_RETURN: return Io::Closed;
      default: break;
    }
    const auto* text = ::ERR_reason_error_string(::ERR_peek_error());
    error_ = "tls: ";
    error_ += text != nullptr ? text : system != 0 ? std::generic_category().message(system) : "connection closed";
    return Io::Failed;
  }

  struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
  short events_ = POLLIN;
  std::string error_;
};

}  // namespace

Result<std::unique_ptr<ProbeStream>> open_tls_stream(int fd, const std::string& server_name) {
  auto* context = shared_context();
  auto* ssl = context == nullptr ? nullptr : ::SSL_new(context);
  if (ssl == nullptr) return Error(ErrorCode::Unavailable, "tls: OpenSSL does not start");
  auto stream = std::make_unique<TlsStream>(ssl);
  if (::SSL_set_fd(ssl, fd) != 1) return Error(ErrorCode::Unavailable, "tls: OpenSSL does not take the socket");
  if (!is_address(server_name)) {
    // Not the macro SSL_set_tlsext_host_name: it casts the const away.
    std::string name = server_name;
    ::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  return std::unique_ptr<ProbeStream>(std::move(stream));
}

}  // namespace berth::https
