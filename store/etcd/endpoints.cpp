// store/etcd/endpoints.cpp - see endpoints.hpp.
#include "store/etcd/endpoints.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::store::etcd {
namespace {

constexpr std::string_view kDefaultPort = "2379";

bool is_loopback(const Endpoint& endpoint) {
  return endpoint.host == "localhost" || endpoint.host == "::1" || endpoint.host.starts_with("127.");
}

bool is_every_address(const Endpoint& endpoint) { return endpoint.host == "0.0.0.0" || endpoint.host == "::"; }

}  // namespace

std::string Endpoint::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

std::string Endpoint::text() const { return (tls ? "https://" : "http://") + authority(); }

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("endpoint \"{}\": {}", text, why));
  };
  Endpoint endpoint;
  auto rest = text;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    const auto name = rest.substr(0, scheme);
    if (name != "http" && name != "https") return bad("http:// or https:// is expected");
    endpoint.tls = name == "https";
    rest.remove_prefix(scheme + 3);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad("] is missing");
    endpoint.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad("a port is expected after ]");
  } else {
    const auto end = std::min(rest.find(':'), rest.size());
    endpoint.host = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  endpoint.port = rest.empty() ? kDefaultPort : rest.substr(1);
  const bool is_number = !endpoint.port.empty() && endpoint.port.size() <= 5 &&
                         endpoint.port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return bad("the port is no number");
  if (endpoint.host.empty() || endpoint.host.find('/') != std::string::npos) return bad("HOST:PORT is expected");
  return endpoint;
}

std::vector<std::string> member_endpoints(const std::vector<std::string>& configured,
                                          const std::vector<EtcdMember>& members) {
  std::vector<Endpoint> known;
  for (const auto& each : configured) {
    if (auto endpoint = parse_endpoint(each)) known.push_back(*std::move(endpoint));
  }
  const bool tls = std::any_of(known.begin(), known.end(), [](const auto& each) { return each.tls; });
  const bool loopback = std::any_of(known.begin(), known.end(), is_loopback);
  std::vector<std::string> out;
  for (const auto& member : members) {
    if (member.is_learner) continue;
    for (const auto& url : member.client_urls) {
      auto endpoint = parse_endpoint(url);
      if (!endpoint || endpoint->tls != tls || is_every_address(*endpoint)) continue;
      if (is_loopback(*endpoint) && !loopback) continue;
      if (std::find(known.begin(), known.end(), *endpoint) != known.end()) continue;
      if (out.size() == kMostMembers) return out;
      out.push_back(endpoint->text());
      known.push_back(*std::move(endpoint));
    }
  }
  return out;
}

}  // namespace berth::store::etcd
