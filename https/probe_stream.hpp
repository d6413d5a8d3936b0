// https/probe_stream.hpp - bytes over a connected non-blocking socket, plain or TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::https {

class ProbeStream {
 public:
  enum class Io {
    Done,    ///< Some bytes went through (handshake: complete).
    Again,   ///< Wait for events() on the descriptor first.
    Closed,  ///< The peer ended it.
    Failed,  ///< See error().
  };

  virtual ~ProbeStream() = default;
  virtual Io handshake() = 0;
  /// Writes a part of `rest` and takes it off its front.
  virtual Io write(std::string_view& rest) = 0;
  /// Appends at most `limit` bytes to `into`.
  virtual Io read(std::string& into, std::size_t limit) = 0;
  /// poll(2) events after Again.
  virtual short events() const = 0;
  virtual const std::string& error() const = 0;
};

/// `fd` stays the caller's and open longer than the stream.
std::unique_ptr<ProbeStream> make_plain_stream(int fd);

/// TLS 1.2 or newer, without looking at the certificate, as the kubelet probes. `server_name` goes into SNI unless it
/// is an address. Unavailable: OpenSSL does not start.
Result<std::unique_ptr<ProbeStream>> make_tls_stream(int fd, const std::string& server_name);

}  // namespace berth::https
