// api/tls/tunnel.hpp - one connection: handshake, then bytes between the TLS peer and a local socket, both ways.
#pragma once

#include <openssl/ssl.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/frame_boundary.hpp"
#include "api/http/tls_module.hpp"
#include "api/tls/certificate.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

using SteadyPoint = std::chrono::steady_clock::time_point;

/// What one step may use; all tunnels share it.
struct TunnelTools {
  std::string& scratch;  ///< kPiece bytes.
  SteadyPoint now;
};

/// The CAs whose certificates say more than a name.
struct Authorities {
  Certificate own;                 ///< Null: none of the CAs is ours.
  std::vector<Certificate> hosts;  ///< Empty: there are no other hosts.
};

/// Never blocks. Holds at most kPiece bytes per direction: whoever does not read stops the other side from being read.
class Tunnel {
 public:
  static constexpr std::size_t kPiece = 16 * 1024;

  struct FreeSsl {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };

  /// `ssl` works on `socket`, and knows which side it is. The handshake has to end before `deadline`.
  Tunnel(std::unique_ptr<SSL, FreeSsl> ssl, UniqueFd socket, SteadyPoint deadline);

  enum class Next {
    Wait,   ///< For what wanted() says.
    Again,  ///< More could be done at once; others first.
    Hand,   ///< The handshake ended: call take_peer().
    End,    ///< Done, or broken: destroy it.
  };
  Next step(const TunnelTools& tools);

  /// After Next::Hand. Nullopt: out of descriptors.
  std::optional<TlsPeer> take_peer(const Authorities& authorities);

  int socket() const { return socket_.get(); }
  int local() const { return local_.get(); }  ///< -1 before take_peer() and after its end.
  bool in_handshake() const { return state_ == State::Handshake; }
  /// Of one that we made, after a step: our first words are on their way, so somebody has accepted.
  bool waits_for_peer() const { return in_handshake() && read_wants_ == EPOLLIN; }
  void end_handshake_by(SteadyPoint deadline) { deadline_ = deadline; }
  /// Why the handshake came to nothing; afterwards, what the peer complained of. Empty: nothing is known.
  std::string why() const;
  std::optional<SteadyPoint> deadline() const { return deadline_; }

  /// EPOLLIN and EPOLLOUT, as they matter now.
  std::uint32_t wanted_of_socket() const;
  std::uint32_t wanted_of_local() const;

 private:
  enum class State { Handshake, Open, Lingering };

  Next handshake();
  bool read_peer(const TunnelTools& tools);
  bool write_peer(const TunnelTools& tools);
  bool read_local(const TunnelTools& tools);
  bool write_local();
  Next open_step(const TunnelTools& tools);
  Next linger(const TunnelTools& tools);
  void answer_plain_http() const;
  /// Keeps OpenSSL's reason, or the system's.
  void note_failure(int system);
  /// What a call of OpenSSL that did not succeed waits for, in `wants`; false: it failed for good.
  bool note_want(int result, std::uint32_t& wants);

  State state_ = State::Handshake;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  UniqueFd socket_;
  UniqueFd local_;
  std::string why_;
  std::string up_;          ///< From the peer, not yet taken by the local socket.
  std::string down_;        ///< From the local socket, not yet taken by the peer.
  FrameBoundary boundary_;  ///< In `down_`.
  bool peer_ended_ = false;
  bool local_ended_ = false;
  bool broken_ = false;
  std::uint32_t read_wants_ = 0;  ///< Of the handshake too.
  std::uint32_t write_wants_ = 0;
  std::size_t lingered_ = 0;
  std::optional<SteadyPoint> deadline_;
};

}  // namespace berth::api
