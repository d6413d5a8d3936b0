// store/etcd/module/transport.cpp - see transport.hpp.
#include "store/etcd/module/transport.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/no_sigpipe.hpp"

namespace berth::store::etcd {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr std::string_view kHttp2 = "\x02h2";

Error openssl_error(const std::string& doing) {
  const auto* text = ::ERR_reason_error_string(::ERR_peek_last_error());
  ::ERR_clear_error();
  return {ErrorCode::InvalidArgument,
          fmt::format("{}: {}", doing, text != nullptr ? text : "OpenSSL does not say why")};
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes = {};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

}  // namespace

Result<TlsContext> make_tls_context(const EtcdAccess& access) {
  ::ERR_clear_error();
  TlsContext made(::SSL_CTX_new(::TLS_client_method()));
  auto* context = made.get();
  if (context == nullptr) return openssl_error("start TLS");
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // 0 is success here.
  if (::SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(kHttp2.data()),
                                static_cast<unsigned>(kHttp2.size())) != 0) {
    return openssl_error("ask for HTTP/2");
  }
  // A key with a passphrase must fail, not ask on the terminal.
  ::SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  if (access.ca_file.empty()) {
    if (::SSL_CTX_set_default_verify_paths(context) != 1) return openssl_error("CAs of the host");
  } else if (::SSL_CTX_load_verify_file(context, access.ca_file.c_str()) != 1) {
    return openssl_error(fmt::format("CA {}", access.ca_file.native()));
  }
  if (access.cert_file.empty() != access.key_file.empty()) {
    return Error(ErrorCode::InvalidArgument, "certificate and key: one without the other");
  }
  if (access.cert_file.empty()) return made;
  if (::SSL_CTX_use_certificate_chain_file(context, access.cert_file.c_str()) != 1) {
    return openssl_error(fmt::format("certificate {}", access.cert_file.native()));
  }
  if (::SSL_CTX_use_PrivateKey_file(context, access.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1) {
    return openssl_error(fmt::format("key {} of certificate {}", access.key_file.native(), access.cert_file.native()));
  }
  return made;
}

Result<std::unique_ptr<Transport>> Transport::make(UniqueFd socket, SSL_CTX* context, const std::string& host) {
  if (context == nullptr) return std::make_unique<Transport>(std::move(socket), nullptr);
  std::unique_ptr<SSL, FreeTls> tls(::SSL_new(context));
  if (tls == nullptr || ::SSL_set_fd(tls.get(), socket.get()) != 1) return openssl_error("start TLS");
  auto* expected = ::SSL_get0_param(tls.get());
  if (is_address(host)) {
    if (::X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) != 1) return openssl_error("expect " + host);
  } else {
    if (::X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) != 1) return openssl_error("expect " + host);
    // Not the macro SSL_set_tlsext_host_name: it casts the const away.
    auto name = host;
    ::SSL_ctrl(tls.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  return std::make_unique<Transport>(std::move(socket), std::move(tls));
}

template <typename Call>
Transport::Io Transport::tls_call(Call openssl) {
  const NoSigpipe quiet;
  ::ERR_clear_error();
  errno = 0;
  const int result = openssl();
  if (result > 0) return Io::Done;
  const auto system = errno;
  switch (::SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: events_ = POLLIN; return Io::Again;
    case SSL_ERROR_WANT_WRITE: events_ = POLLOUT; return Io::Again;
    case SSL_ERROR_ZERO_RETURN: return Io::Closed;
    default: break;
  }
  const auto verified = ::SSL_get_verify_result(tls_.get());
  const auto* text = ::ERR_reason_error_string(::ERR_peek_error());
  error_ = "TLS: ";
  if (verified != X509_V_OK) {
    error_ += fmt::format("the server's certificate is not believed: {}", ::X509_verify_cert_error_string(verified));
  } else if (text != nullptr) {
    error_ += text;
  } else {
    error_ += system != 0 ? std::generic_category().message(system) : "the server ended the connection";
  }
  return Io::Failed;
}

Transport::Io Transport::failed(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return Io::Again;
  error_ = std::generic_category().message(error);
  return Io::Failed;
}

Transport::Io Transport::handshake() {
  if (tls_ == nullptr) return Io::Done;
  const auto io = tls_call([&] { return ::SSL_connect(tls_.get()); });
  if (io != Io::Done) return io;
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  ::SSL_get0_alpn_selected(tls_.get(), &chosen, &size);
  if (size == 2) return Io::Done;
  error_ = "TLS: the server speaks no HTTP/2: it is no etcd";
  return Io::Failed;
}

Transport::Io Transport::write(std::string_view& rest) {
  if (tls_ == nullptr) {
    const auto put = ::send(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) {
      events_ = POLLOUT;
      return failed(errno);
    }
    rest.remove_prefix(static_cast<std::size_t>(put));
    return Io::Done;
  }
  int put = 0;
  const auto size = static_cast<int>(std::min(rest.size(), kPiece));
  const auto io = tls_call([&] { return put = ::SSL_write(tls_.get(), rest.data(), size); });
  if (io == Io::Done) rest.remove_prefix(static_cast<std::size_t>(put));
  return io;
}

Transport::Io Transport::read(std::string& into) {
  std::array<char, kPiece> piece;
  if (tls_ == nullptr) {
    const auto got = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0) return Io::Closed;
    if (got < 0) {
      events_ = POLLIN;
      return failed(errno);
    }
    into.append(piece.data(), static_cast<std::size_t>(got));
    return Io::Done;
  }
  int got = 0;
  const auto io = tls_call([&] { return got = ::SSL_read(tls_.get(), piece.data(), static_cast<int>(piece.size())); });
  if (io == Io::Done) into.append(piece.data(), static_cast<std::size_t>(got));
  return io;
}

}  // namespace berth::store::etcd
