// store/etcd/module/transport.hpp - one connected socket, with TLS or without: bytes in, bytes out, never blocking.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/etcd/etcd_client.hpp"

namespace berth::store::etcd {

struct FreeTls {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

/// Whom we believe and who we are, from the files of `access`. InvalidArgument: the file, and what is wrong with it.
Result<TlsContext> make_tls_context(const EtcdAccess& access);

/// One thread.
class Transport {
 public:
  enum class Io { Done, Again, Closed, Failed };

  /// `context` null: no TLS. `host` is what the server's certificate must name.
  static Result<std::unique_ptr<Transport>> make(UniqueFd socket, SSL_CTX* context, const std::string& host);
  Transport(UniqueFd socket, std::unique_ptr<SSL, FreeTls> tls) : socket_(std::move(socket)), tls_(std::move(tls)) {}

  /// Done: bytes can go. Again: wait for events() and call again.
  Io handshake();
  /// Takes what goes from the front of `rest`.
  Io write(std::string_view& rest);
  /// Appends what is there, at most 16 KiB.
  Io read(std::string& into);

  int fd() const { return socket_.get(); }
  /// What the last call that said Again waits for, see poll(2).
  short events() const { return events_; }
  /// Why the last call Failed.
  const std::string& error() const { return error_; }

 private:
  template <typename Call>
  Io tls_call(Call openssl);
  Io failed(int error);

  UniqueFd socket_;
  std::unique_ptr<SSL, FreeTls> tls_;
  short events_ = 0;
  std::string error_;
};

}  // namespace berth::store::etcd
