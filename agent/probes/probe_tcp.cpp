// agent/probes/probe_tcp.cpp - see probe_tcp.hpp.
#include "agent/probes/probe_tcp.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <utility>

namespace berth::agent {
namespace {

class TcpProbe final : public NetProbe {
 public:
  explicit TcpProbe(ProbeAddress address) : address_(std::move(address)) {}

  std::optional<ProbeOutcome> advance() override {
    if (!fd_) {
      auto begun = begin_connect(address_);
      if (!begun.error.empty()) return ProbeOutcome{ProbeAnswer::Failure, begun.error};
      fd_ = std::move(begun.fd);
    }
    pollfd ready = {fd_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1) return std::nullopt;
    if (auto error = connect_error(fd_.get(), address_); !error.empty()) {
      return ProbeOutcome{ProbeAnswer::Failure, std::move(error)};
    }
    return ProbeOutcome{ProbeAnswer::Success, {}};
  }
  int fd() const override { return fd_.get(); }
  short events() const override { return POLLOUT; }
  ProbeOutcome timed_out() const override {
    return {ProbeAnswer::Failure, fmt::format("dial tcp {}: i/o timeout", address_.text())};
  }

 private:
  ProbeAddress address_;
  UniqueFd fd_;
};

}  // namespace

std::unique_ptr<NetProbe> make_tcp_probe(ProbeAddress address) {
  return std::make_unique<TcpProbe>(std::move(address));
}

}  // namespace berth::agent
