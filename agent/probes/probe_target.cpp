// agent/probes/probe_target.cpp - see probe_target.hpp.
#include "agent/probes/probe_target.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <utility>
#include <variant>

#include "agent/probes/probe_http.hpp"
#include "agent/probes/probe_tcp.hpp"

namespace berth::agent {
namespace {

/// Makes the exchange, one overload per kind.
struct Maker {
  const std::string& ip;
  const std::vector<model::ContainerPort>& ports;

  Result<std::unique_ptr<NetProbe>> operator()(const model::ExecAction&) const {
    return Error(ErrorCode::InvalidArgument, "exec is not a network probe");
  }
  Result<std::unique_ptr<NetProbe>> operator()(const model::HttpGetAction& action) const {
    const auto port = probe_port(action.port, ports);
    if (!port) return port.error().context("httpGet.port");
    HttpTarget target;
    target.tls = action.scheme == "HTTPS";
    target.address = {ip, *port};
    target.host = action.host.empty() ? ip : action.host;
    target.path = action.path;
    if (target.path.empty() || target.path.front() != '/') target.path = "/" + target.path;
    return make_http_probe(std::move(target), action.headers);
  }
  Result<std::unique_ptr<NetProbe>> operator()(const model::TcpSocketAction& action) const {
    const auto port = probe_port(action.port, ports);
    if (!port) return port.error().context("tcpSocket.port");
    return make_tcp_probe({ip, *port});
  }
  Result<std::unique_ptr<NetProbe>> operator()(const model::GrpcAction&) const {
    return Error(ErrorCode::InvalidArgument, "grpc is asked by GrpcProbes");
  }
};

}  // namespace

Result<std::uint16_t> probe_port(const std::string& port, const std::vector<model::ContainerPort>& ports) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    value = 0;
    for (const auto& candidate : ports) {
      if (candidate.name == port && !port.empty()) value = candidate.container_port;
    }
    if (value == 0) return Error(ErrorCode::InvalidArgument, fmt::format("no container port is called \"{}\"", port));
  }
  if (value < 1 || value > 65535)
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\": must be 1 to 65535", port));
  return static_cast<std::uint16_t>(value);
}

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes = {};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

Result<std::string> resolve_host(const std::string& host) {
  if (is_ip_address(host)) return host;
  if (host == "localhost") return std::string("127.0.0.1");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0) {
    return Error(ErrorCode::Unavailable, fmt::format("look up {}: {}", host, ::gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keep(found, &::freeaddrinfo);
  std::array<char, NI_MAXHOST> text = {};
  if (::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return Error(ErrorCode::Unavailable, fmt::format("look up {}: no address", host));
  }
  return std::string(text.data());
}

std::string probe_host(const model::ProbeAction& action, const std::string& pod_ip) {
  if (std::holds_alternative<model::ExecAction>(action)) return {};
  if (const auto* http = std::get_if<model::HttpGetAction>(&action); http != nullptr && !http->host.empty())
    return http->host;
  if (const auto* tcp = std::get_if<model::TcpSocketAction>(&action); tcp != nullptr && !tcp->host.empty())
    return tcp->host;
  return pod_ip;
}

Result<std::unique_ptr<NetProbe>> make_net_probe(const model::ProbeAction& action, const std::string& ip,
                                                 const std::vector<model::ContainerPort>& ports) {
  return std::visit(Maker{ip, ports}, action);
}

}  // namespace berth::agent
