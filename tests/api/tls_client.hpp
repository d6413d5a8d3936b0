// tests/api/tls_client.hpp - a blocking TLS client that shows what it saw.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/unique_fd.hpp"

namespace berth::api {

/// A TCP connection to a port of 127.0.0.1. Every read fails after 20 s.
inline UniqueFd connect_to(std::uint16_t port, int receive_buffer = 0) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval deadline{20, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
  if (receive_buffer > 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

struct TlsClientOptions {
  std::filesystem::path certificate{};  ///< NAME.crt and NAME.key; empty: none.
  std::filesystem::path authority{};    ///< The server's certificate must be of it; empty: any will do.
  std::string protocols{};              ///< ALPN, in wire format.
  int max_version = 0;
  int receive_buffer = 0;
};

class TlsClient {
 public:
  using Options = TlsClientOptions;

  explicit TlsClient(std::uint16_t port, const Options& options = {})
      : context_(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free),
        fd_(connect_to(port, options.receive_buffer)),
        ssl_(nullptr, &::SSL_free) {
    std::signal(SIGPIPE, SIG_IGN);  // SSL_write() on a closed connection
    if (!options.certificate.empty()) {
      EXPECT_EQ(::SSL_CTX_use_certificate_file(context_.get(), (options.certificate.string() + ".crt").c_str(),
                                               SSL_FILETYPE_PEM),
                1);
      EXPECT_EQ(::SSL_CTX_use_PrivateKey_file(context_.get(), (options.certificate.string() + ".key").c_str(),
                                              SSL_FILETYPE_PEM),
                1);
    }
    if (!options.authority.empty()) {
      EXPECT_EQ(::SSL_CTX_load_verify_file(context_.get(), options.authority.c_str()), 1);
      ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    if (options.max_version != 0) ::SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
    if (!options.protocols.empty()) {
      ::SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(options.protocols.data()),
                                static_cast<unsigned>(options.protocols.size()));
    }
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), fd_.get());
    if (!options.authority.empty()) ::SSL_set1_host(ssl_.get(), "localhost");
    ::ERR_clear_error();
    connected_ = ::SSL_connect(ssl_.get()) == 1;
    if (!connected_) note_error();
  }

  bool connected() const { return connected_; }
  const std::string& error() const { return error_; }  ///< OpenSSL's reason for the last failure.

  std::string protocol() const {
    const unsigned char* data = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(ssl_.get(), &data, &size);
    return {reinterpret_cast<const char*>(data), size};
  }

  /// Of the server's certificate.
  std::string serial() const {
    const auto* number = ::X509_get0_serialNumber(::SSL_get0_peer_certificate(ssl_.get()));
    return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(number)),
            static_cast<std::size_t>(::ASN1_STRING_length(number))};
  }

  bool send(std::string_view data) {
    while (!data.empty()) {
      const int put = ::SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size()));
      if (put <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }

  /// Empty at the end; `clean_end` then says whether it was a close_notify.
  std::string read_some() {
    std::string piece(16 * 1024, '\0');
    ::ERR_clear_error();
    const int got = ::SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (got <= 0) {
      clean_end = ::SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
      note_error();
      return {};
    }
    piece.resize(static_cast<std::size_t>(got));
    return piece;
  }
  std::string read_all() {
    std::string all;
    for (auto piece = read_some(); !piece.empty(); piece = read_some()) all += piece;
    return all;
  }

  /// Sends our close_notify, and goes on reading.
  void end_sending() { ::SSL_shutdown(ssl_.get()); }

  bool clean_end = false;

 private:
  void note_error() {
    const auto* reason = ::ERR_reason_error_string(::ERR_peek_error());
    error_ = reason != nullptr ? reason : "";
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  UniqueFd fd_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  bool connected_ = false;
  std::string error_;
};

}  // namespace berth::api
