// api/http/tls_listener.hpp - the API over TCP: certificates, tokens and who they make a peer.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/access/token_file.hpp"
#include "api/api_server.hpp"
#include "api/http/tls_module.hpp"
#include "api/request/user.hpp"

namespace berth::api {

/// TLS ends in its own module and thread; each connection comes out as one end of a local socket pair.
class TlsListener {
 public:
  /// Binds, makes what is missing in the PKI's directory and reads the token file. Unavailable: an address is taken;
  /// InvalidArgument: a file that cannot be used; FailedPrecondition: the module is not installed.
  static Result<std::unique_ptr<TlsListener>> make(const TlsConfig& config, const std::string& node_name,
                                                   std::size_t connections, const Clock& clock);
  /// Accepts from now on. `take` runs on the gateway's thread; nullopt: the peer has no certificate.
  Status start(std::function<void(UniqueFd socket, std::optional<User> user)> take);

  /// See TlsGateway. Any thread, after start().
  void connect(const TcpAddress& address, std::chrono::milliseconds time, TlsGateway::Dialled done) {
    gateway_->connect(address, time, std::move(done));
  }

  /// Whose token it is. API thread.
  std::optional<User> user_of(std::string_view token);

 private:
  TlsListener() = default;

  const TlsModule* module_ = nullptr;
  TlsOptions options_;
  std::map<std::string, std::string> client_groups_;
  std::optional<TokenFile> tokens_;
  std::unique_ptr<TlsGateway> gateway_;
};

}  // namespace berth::api
