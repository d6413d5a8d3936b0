// agent/services/host_listeners.cpp - see host_listeners.hpp.
#include "agent/services/host_listeners.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/atomic_file.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMostBytes = 64UL * 1024 * 1024;

std::vector<std::string_view> words_of(std::string_view line, std::size_t most) {
  std::vector<std::string_view> words;
  while (words.size() < most) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    const auto end = line.find(' ', begin);
    words.push_back(line.substr(begin, end == std::string_view::npos ? end : end - begin));
    line = end == std::string_view::npos ? std::string_view() : line.substr(end);
  }
  return words;
}

/// The kernel writes words of 32 bits in its own byte order: 127.0.0.1 is 0100007F.
bool is_loopback(std::string_view address) {
  constexpr std::string_view kMapped = "0000000000000000FFFF0000";
  if (address == "00000000000000000000000001000000") return true;
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  return address.size() == 8 && address.ends_with("7F");
}

bool is_one_of(std::string_view address, const std::vector<std::string>& all) {
  return std::any_of(all.begin(), all.end(), [&](const std::string& text) {
    in_addr parsed{};
    return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1 && fmt::format("{:08X}", parsed.s_addr) == address;
  });
}

}  // namespace

void add_listeners(std::string_view text, std::string_view protocol, std::string_view state,
                   const std::vector<std::string>& except, std::set<HostPortKey>& into) {
  constexpr std::size_t kFields = 4;  // number, local address, remote address, state
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto words = words_of(text.substr(0, end), kFields);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (words.size() < kFields || words[3] != state) continue;
    const auto colon = words[1].rfind(':');
    if (colon == std::string_view::npos) continue;
    const auto address = words[1].substr(0, colon);
    if (is_loopback(address) || is_one_of(address, except)) continue;
    const auto digits = words[1].substr(colon + 1);
    std::uint16_t port = 0;
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port, /*base=*/16);
    if (error == std::errc() && last == digits.data() + digits.size()) into.emplace(protocol, port);
  }
}

std::set<HostPortKey> host_listeners(const std::vector<std::string>& except) {
  std::set<HostPortKey> all;
  for (const auto* file : {"tcp", "tcp6"}) {
    if (const auto text = read_file(std::string("/proc/net/") + file, kMostBytes))
      add_listeners(*text, "tcp", "0A", except, all);
  }
  for (const auto* file : {"udp", "udp6"}) {
    if (const auto text = read_file(std::string("/proc/net/") + file, kMostBytes))
      add_listeners(*text, "udp", "07", except, all);
  }
  return all;
}

}  // namespace berth::agent
