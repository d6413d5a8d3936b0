// tests/bench/dns_bench_server.cpp - our DNS server with N local names, for tests/bench/dns_bench; runs until its stdin
// ends.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "network/dns.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: dns_bench_server PORT NAMES\n";
    return 2;
  }
  berth::network::DnsConfig config;
  config.listen = {"127.0.0.1"};
  config.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  auto server = berth::network::start_dns_server(config);
  if (!server) {
    std::cerr << server.error().message() << '\n';
    return 1;
  }
  const auto count = std::atoi(argv[2]);
  berth::network::DnsNames names;
  auto& service = names.services.emplace_back();
  service.ns = "default";
  service.name = "db";
  for (int i = 0; i < count; ++i) {
    service.endpoints.push_back(
        {fmt::format("10.98.{}.{}", i / 250, i % 250 + 1), fmt::format("db-{}", i), /*ready=*/true});
  }
  (*server)->publish(names);
  std::cout << "ready" << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  std::cout << (*server)->counters().queries << " queries\n";
  return 0;
}
