// api/tls/tunnel.cpp - one connection: handshake, then bytes between the TLS peer and a local socket, both ways.
#include "api/tls/tunnel.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/dial.hpp"

namespace berth::api {

namespace {

/// Pieces of one direction before others have their turn.
constexpr int kTurns = 4;
/// A peer that takes nothing for so long after our side ended is closed.
constexpr std::chrono::seconds kFlushTime{30};
/// Waiting for the peer's end after ours, so that a reset does not overtake what it has not read yet.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kLingerBytes = 16 * 1024 * 1024;
/// Of each end of the socket pair: what the kernel may hold.
constexpr int kPairBuffer = 64 * 1024;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Tunnel::Tunnel(std::unique_ptr<SSL, FreeSsl> ssl, UniqueFd socket, SteadyPoint deadline)
    : ssl_(std::move(ssl)), socket_(std::move(socket)), read_wants_(EPOLLIN), deadline_(deadline) {}

Tunnel::Next Tunnel::step(const TunnelTools& tools) {
  if (deadline_ && tools.now >= *deadline_) return Next::End;
  switch (state_) {
    case State::Handshake: return handshake();
    case State::Open: return open_step(tools);
    case State::Lingering: return linger(tools);
  }
  return Next::End;
}

bool Tunnel::note_want(int result, std::uint32_t& wants) {
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: wants = EPOLLIN; return true;
    case SSL_ERROR_WANT_WRITE: wants = EPOLLOUT; return true;
    default: return false;
  }
}

Tunnel::Next Tunnel::handshake() {
  ::ERR_clear_error();
  errno = 0;
  const int result = ::SSL_do_handshake(ssl_.get());
  const int system = errno;
  if (result == 1) return Next::Hand;
  if (note_want(result, read_wants_)) return Next::Wait;
  note_failure(system);
  if (ERR_GET_REASON(::ERR_peek_error()) == SSL_R_HTTP_REQUEST) answer_plain_http();
  ::ERR_clear_error();
  return Next::End;
}

void Tunnel::answer_plain_http() const {
  static constexpr std::string_view kAnswer =
      "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
      "Client sent an HTTP request to an HTTPS server.\n";
  static_cast<void>(::send(socket_.get(), kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  // What is left unread would turn our close into a reset that overtakes the answer.
  char rest[4096];
  while (::recv(socket_.get(), rest, sizeof(rest), MSG_DONTWAIT) > 0) {
  }
}

std::string Tunnel::why() const {
  if (!why_.empty() || state_ != State::Handshake) return why_;
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fmt::format("connect: {}", connect_error_text(error));
  return "tls: the other side ended the connection";
}

void Tunnel::note_failure(int system) {
  if (const auto verified = ::SSL_get_verify_result(ssl_.get()); verified != X509_V_OK) {
    why_ = fmt::format("tls: certificate: {}", ::X509_verify_cert_error_string(verified));
  } else if (const auto* text = ::ERR_reason_error_string(::ERR_peek_error()); text != nullptr) {
    why_ = fmt::format("tls: {}", text);
  } else if (system != 0) {
    why_ = fmt::format("connect: {}", connect_error_text(system));
  }
}

std::optional<TlsPeer> Tunnel::take_peer(const Authorities& authorities) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  local_.reset(ends[0]);
  TlsPeer peer{UniqueFd(ends[1]), std::nullopt};
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kPairBuffer, sizeof(kPairBuffer));
  auto* certificate = ::SSL_get0_peer_certificate(ssl_.get());
  if (certificate != nullptr && ::SSL_get_verify_result(ssl_.get()) == X509_V_OK) {
    peer.name = name_of(certificate);
    // Not the chain: a resumed session has none.
    const auto signed_it = [&](const Certificate& ca) { return ca && is_signed_by(certificate, ca.get()); };
    if (peer.name) {
      peer.name->ours = signed_it(authorities.own);
      peer.name->of_hosts = std::any_of(authorities.hosts.begin(), authorities.hosts.end(), signed_it);
    }
  }
  state_ = State::Open;
  read_wants_ = EPOLLIN;
  deadline_.reset();
  return peer;
}

/// Each of the four returns whether it got on.
bool Tunnel::read_peer(const TunnelTools& tools) {
  if (!up_.empty() || peer_ended_) return false;
  ::ERR_clear_error();
  const int got = ::SSL_read(ssl_.get(), tools.scratch.data(), static_cast<int>(kPiece));
  if (got > 0) {
    read_wants_ = EPOLLIN;
    std::string_view piece(tools.scratch.data(), static_cast<std::size_t>(got));
    const auto put = ::send(local_.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && !would_block()) return true;  // nobody listens any more: dropped, the end comes from there
    up_ = piece.substr(put > 0 ? static_cast<std::size_t>(put) : 0);
    return true;
  }
  if (note_want(got, read_wants_)) return false;
  if (::SSL_get_error(ssl_.get(), got) != SSL_ERROR_ZERO_RETURN) {
    note_failure(0);
    broken_ = true;
    return false;
  }
  peer_ended_ = true;
  read_wants_ = 0;
  ::shutdown(local_.get(), SHUT_WR);
  return true;
}

bool Tunnel::write_local() {
  if (up_.empty()) return false;
  const auto put = ::send(local_.get(), up_.data(), up_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put < 0) {
    if (would_block()) return false;
    up_.clear();
    return true;
  }
  up_.erase(0, static_cast<std::size_t>(put));
  if (up_.empty()) up_ = {};  // an idle connection keeps no buffer
  return true;
}

bool Tunnel::read_local(const TunnelTools& tools) {
  if (!down_.empty() || local_ended_) return false;
  const auto got = ::recv(local_.get(), tools.scratch.data(), kPiece, MSG_DONTWAIT);
  if (got < 0 && would_block()) return false;
  if (got <= 0) {  // a reset comes when it closed with something of ours unread: its end as well
    local_ended_ = true;
    return true;
  }
  down_.assign(tools.scratch.data(), static_cast<std::size_t>(got));
  write_peer(tools);
  return true;
}

bool Tunnel::write_peer(const TunnelTools& tools) {
  if (down_.empty()) return false;
  ::ERR_clear_error();
  const int put = ::SSL_write(ssl_.get(), down_.data(), static_cast<int>(boundary_.next(down_)));
  if (put <= 0) {
    if (!note_want(put, write_wants_)) broken_ = true;
    return false;
  }
  write_wants_ = 0;
  boundary_.sent(std::string_view(down_).substr(0, static_cast<std::size_t>(put)));
  down_.erase(0, static_cast<std::size_t>(put));
  if (down_.empty()) down_ = {};
  if (local_ended_) deadline_ = tools.now + kFlushTime;
  return true;
}

Tunnel::Next Tunnel::open_step(const TunnelTools& tools) {
  bool moved = true;
  for (int turn = 0; turn < kTurns && moved && !broken_; ++turn) {
    moved = write_local();
    moved = write_peer(tools) || moved;
    moved = read_peer(tools) || moved;
    moved = read_local(tools) || moved;
  }
  if (broken_) return Next::End;
  if (local_ended_ && down_.empty()) {
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_.get());  // close_notify, if there is room for it
    ::ERR_clear_error();
    if (peer_ended_ || ::shutdown(socket_.get(), SHUT_WR) != 0) return Next::End;
    local_.reset();
    up_ = {};
    state_ = State::Lingering;
    deadline_ = tools.now + kLingerTime;
    return linger(tools);
  }
  if (local_ended_ && !deadline_) deadline_ = tools.now + kFlushTime;
  return moved ? Next::Again : Next::Wait;
}

Tunnel::Next Tunnel::linger(const TunnelTools& tools) {
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto got = ::recv(socket_.get(), tools.scratch.data(), kPiece, MSG_DONTWAIT);
    if (got < 0 && would_block()) return Next::Wait;
    if (got <= 0) return Next::End;
    lingered_ += static_cast<std::size_t>(got);
    if (lingered_ > kLingerBytes) return Next::End;
  }
  return Next::Again;
}

std::uint32_t Tunnel::wanted_of_socket() const {
  if (state_ == State::Lingering) return EPOLLIN;
  if (state_ == State::Handshake) return read_wants_;
  std::uint32_t wanted = down_.empty() ? 0 : write_wants_;
  if (up_.empty() && !peer_ended_) wanted |= read_wants_;
  return wanted;
}

std::uint32_t Tunnel::wanted_of_local() const {
  if (state_ != State::Open) return 0;
  std::uint32_t wanted = 0;
  if (down_.empty() && !local_ended_) wanted |= EPOLLIN;
  if (!up_.empty()) wanted |= EPOLLOUT;
  return wanted;
}

}  // namespace berth::api
