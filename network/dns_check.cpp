// network/dns_check.cpp - see dns_check.hpp.
#include "network/dns_check.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/random.hpp"
#include "base/unique_fd.hpp"
#include "network/dns/message.hpp"
#include "network/dns/socket.hpp"

namespace berth::network {

Status check_dns_server(const TcpAddress& at, const std::string& domain, std::chrono::milliseconds patience) {
  const auto failed = [&](const std::string& why) {
    return Error(ErrorCode::Unavailable, "ask " + at.text() + " by UDP: " + why);
  };
  const auto to = dns::parse_socket_address(at.host, at.port);
  if (!to) return to.error();
  const UniqueFd fd(::socket(to->family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), to->get(), to->size) != 0) {
    return failed(std::generic_category().message(errno));
  }

  const auto name = dns::Name::from_text(domain);
  if (!name) return Error(ErrorCode::InvalidArgument, "ask for " + domain + ": no name");
  const auto id = static_cast<std::uint16_t>(thread_random()());
  std::vector<std::uint8_t> question(dns::kHeaderSize);
  dns::set_u16(question.data(), id);
  dns::set_u16(&question[4], 1);  // QDCOUNT
  question.insert(question.end(), name->view().begin(), name->view().end());
  for (const auto each : {static_cast<std::uint16_t>(dns::Type::SOA), dns::kClassIn}) {
    question.push_back(static_cast<std::uint8_t>(each >> 8));
    question.push_back(static_cast<std::uint8_t>(each));
  }
  if (::send(fd.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    return failed(std::generic_category().message(errno));
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return failed("no answer");
    pollfd watched{fd.get(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<std::uint8_t, dns::kPlainUdpLimit> answer{};
    const auto read = ::recv(fd.get(), answer.data(), answer.size(), 0);
    if (read < 0 && errno != EAGAIN && errno != EINTR) return failed(std::generic_category().message(errno));
    if (read >= static_cast<ssize_t>(dns::kHeaderSize) && dns::get_u16(answer, 0) == id) return Ok{};
  }
}

}  // namespace berth::network
