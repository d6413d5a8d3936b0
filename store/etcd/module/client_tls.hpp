// store/etcd/module/client_tls.hpp - the TLS of a client's connections, made anew when its files are replaced.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "store/etcd/module/transport.hpp"

namespace berth::store::etcd {

/// Any thread.
class ClientTls {
 public:
  /// Errors: as of make_tls_context().
  static Result<std::unique_ptr<ClientTls>> make(const EtcdAccess& access);
  ClientTls(EtcdAccess access, TlsContext context, std::string files)
      : access_(std::move(access)), context_(std::move(context)), files_(std::move(files)) {}

  /// For a new connection: those that are there keep what they began with. Files that cannot be used, as those of which
  /// one is replaced and the other not yet, are looked at again for the next one, and what was used before is used on.
  TlsContext context();

 private:
  const EtcdAccess access_;
  std::mutex mutex_;
  TlsContext context_;
  std::string files_;  ///< As they were when context_ was made.
};

}  // namespace berth::store::etcd
