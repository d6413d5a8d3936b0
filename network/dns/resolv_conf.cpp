// network/dns/resolv_conf.cpp - the name servers of the host; see resolv.conf(5).
#include "network/dns/socket.hpp"

namespace berth::network {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view next_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const auto end = std::min(line.find_first_of(kBlanks, begin), line.size());
  const auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

bool is_loopback(const dns::Address& address) {
  static const auto v4 = dns::parse_network("127.0.0.0/8");
  static const auto v6 = dns::parse_network("::1");
  return v4->contains(address) || v6->contains(address);
}

}  // namespace

std::vector<std::string> parse_resolv_conf(std::string_view text, bool skip_loopback) {
  std::vector<std::string> servers;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (next_word(line) != "nameserver") continue;  // a comment's first word is never that
    const auto server = next_word(line);
    const auto address = dns::parse_address(server.substr(0, server.find('%')));
    if (!address || (skip_loopback && is_loopback(*address))) continue;
    if (std::ranges::find(servers, server) == servers.end()) servers.emplace_back(server);
  }
  return servers;
}

}  // namespace berth::network
