// cli/cluster/host_config.cpp - see host_config.hpp.
#include "cli/cluster/host_config.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/drop_ins.hpp"
#include "base/etcd_member_file.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "cli/agent_paths.hpp"
#include "model/model.hpp"

namespace berth::cli {
namespace {

/// What is written in JSON is read as YAML.
std::string in_quotes(std::string_view text) { return json::serialize(json::value(text)); }

std::string list_in_quotes(const std::vector<std::string>& words) {
  return json::serialize(json::array(words.begin(), words.end()));
}

std::string in_brackets(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host);
}

std::vector<std::string> texts_at(const json::value& document, std::initializer_list<std::string_view> path) {
  std::vector<std::string> out;
  const auto* list = find(document, path);
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& each : list->get_array()) {
    if (each.is_string()) out.emplace_back(view(each.get_string()));
  }
  return out;
}

/// As berthd does when nodeName is not said.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string out(name.data());
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// As berthd reads it, in quotes or without.
std::optional<bool> fencing_in(const json::value& document) {
  const auto* said = find(document, {"cluster", "fencing"});
  if (said == nullptr || said->is_null()) return std::nullopt;
  return said->is_bool() ? said->get_bool() : said->is_string() && said->get_string() == "true";
}

void take(const json::value& document, const std::filesystem::path& file, HostConfig& into) {
  if (const auto name = find_string(document, {"nodeName"}); !name.empty()) into.node_name = name;
  const auto listen = texts_at(document, {"api", "tls", "listen"});
  const auto endpoints = texts_at(document, {"store", "etcd", "endpoints"});
  if (file != into.places.drop_in) {
    if (!listen.empty()) into.listen = listen;
    if (!endpoints.empty()) into.etcd_said_by = file;
    // What a later file says counts.
    if (const auto fencing = fencing_in(document)) into.fencing_said_by = *fencing ? file : std::filesystem::path();
    return;
  }
  into.endpoints = endpoints;
  into.etcd_prefix = find_string(document, {"store", "etcd", "prefix"});
  into.advertise = find_string(document, {"cluster", "advertise"});
  into.cluster_cidr = find_string(document, {"network", "clusterCIDR"});
  into.service_cidr = find_string(document, {"network", "serviceCIDR"});
  into.cluster_domain = find_string(document, {"network", "clusterDomain"});
  into.mode = find_string(document, {"network", "mode"});
}

}  // namespace

HostPlaces host_places(const std::filesystem::path& config, const std::filesystem::path& state_dir,
                       const std::filesystem::path& run_dir) {
  const auto directory = config.parent_path();
  const auto over = drop_in_directory(config);
  return {.config = config,
          .drop_in = over / "50-cluster.yaml",
          .staged = over / ".50-cluster.yaml",
          .certificates = directory / "cluster",
          .etcd_config = directory / "etcd.yaml",
          .etcd_data = state_dir / "etcd",
          .members = state_dir / kEtcdMemberFile,
          .database = state_dir / "berth.db",
          .run_dir = run_dir};
}

Result<HostConfig> read_host_config(const std::filesystem::path& config) {
  AgentPaths paths;
  if (auto read = read_agent_paths(config)) {
    paths = *std::move(read);
  } else if (!failed_with(read, ErrorCode::NotFound)) {
    return read.error();
  }
  HostConfig out;
  out.places = host_places(config, paths.state_dir, paths.run_dir);
  auto files = drop_ins(config);
  if (!files) return files.error();
  files->insert(files->begin(), config);
  for (const auto& file : *files) {
    const auto text = read_file(file);
    if (failed_with(text, ErrorCode::NotFound)) continue;
    if (!text) return text.error();
    // A file of comments alone is no document, and says nothing.
    if (const auto document = model::parse_yaml(*text)) take(*document, file, out);
  }
  if (out.in_cluster()) {
    const auto learned = read_etcd_members(out.places.members, out.endpoints);
    out.endpoints.insert(out.endpoints.end(), learned.begin(), learned.end());
  }
  if (out.node_name.empty()) out.node_name = host_name();
  return out;
}

Result<TcpAddress> parse_advertise(const std::string& text) {
  auto address = parse_tcp_address(text);
  if (!address) address = parse_tcp_address(text + ":6550");
  if (address && !address->is_any() && !address->is_v6()) return address;
  return Error(
      ErrorCode::InvalidArgument,
      fmt::format("\"{}\": must be an IPv4 address that other hosts reach, as 10.0.0.1 or 10.0.0.1:6550", text));
}

Status has_address(const TcpAddress& address) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "look for the address " + address.host);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  if (::inet_pton(AF_INET, address.host.c_str(), &own.sin_addr) == 1 &&
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) {
    return Ok{};
  }
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("{} is no address of this host (ip address): nothing was changed", address.host));
}

std::string drop_in_text(const ClusterSetting& setting, const HostPlaces& places) {
  const auto advertise = setting.advertise.text();
  std::vector<std::string> listen{advertise};
  for (const auto& each : setting.listen) {
    if (std::find(listen.begin(), listen.end(), each) == listen.end()) listen.push_back(each);
  }
  const auto ca = in_quotes(places.ca().native());
  const auto certificate = in_quotes(places.certificate().native());
  const auto key = in_quotes(places.key().native());
  std::string network;
  for (const auto& [word, value] : {std::pair("clusterCIDR", &setting.cluster_cidr),
                                    {"serviceCIDR", &setting.service_cidr},
                                    {"clusterDomain", &setting.cluster_domain},
                                    {"mode", &setting.mode}}) {
    if (!value->empty()) network += fmt::format("  {}: {}\n", word, in_quotes(*value));
  }
  return fmt::format(
      "# Written by `berth cluster`, which reads it, too: `berth cluster join` renews it, `berth cluster leave` "
      "removes it.\n"
      "store:\n"
      "  etcd:\n"
      "    endpoints: {endpoints}\n"
      "    prefix: {prefix}\n"
      "    caFile: {ca}\n"
      "    certFile: {certificate}\n"
      "    keyFile: {key}\n"
      "api:\n"
      "  tls:\n"
      "    listen: {listen}\n"
      "    certFile: {certificate}\n"
      "    keyFile: {key}\n"
      "cluster:\n"
      "  advertise: {advertise}\n"
      "  caFile: {ca}\n"
      "  certFile: {certificate}\n"
      "  keyFile: {key}\n"
      "network:\n"
      "  nodeAddress: {address}\n"
      "{network}",
      fmt::arg("endpoints", list_in_quotes(setting.endpoints)), fmt::arg("prefix", in_quotes(setting.etcd_prefix)),
      fmt::arg("ca", ca), fmt::arg("certificate", certificate), fmt::arg("key", key),
      fmt::arg("listen", list_in_quotes(listen)), fmt::arg("advertise", in_quotes(advertise)),
      fmt::arg("address", in_quotes(setting.advertise.host)), fmt::arg("network", network));
}

std::string client_url(std::string_view host) { return fmt::format("https://{}:2379", in_brackets(host)); }
std::string peer_url(std::string_view host) { return fmt::format("https://{}:2380", in_brackets(host)); }

std::string etcd_text(const MemberSetting& member, const HostPlaces& places) {
  const auto tls = fmt::format("  cert-file: {}\n  key-file: {}\n  trusted-ca-file: {}\n  client-cert-auth: true\n",
                               in_quotes(places.certificate().native()), in_quotes(places.key().native()),
                               in_quotes(places.ca().native()));
  return fmt::format(
      "# Written by `berth cluster`, for berth-etcd.service.\n"
      "name: {name}\n"
      "data-dir: {data}\n"
      "listen-client-urls: \"{client},https://127.0.0.1:2379\"\n"
      "advertise-client-urls: \"{client}\"\n"
      "listen-peer-urls: \"{peer}\"\n"
      "initial-advertise-peer-urls: \"{peer}\"\n"
      "initial-cluster: {cluster}\n"
      "initial-cluster-state: {state}\n"
      "initial-cluster-token: berth\n"
      "client-transport-security:\n{tls}"
      "peer-transport-security:\n{tls}"
      "quota-backend-bytes: 2147483648\n"
      "logger: zap\n"
      "log-outputs: [stderr]\n",
      fmt::arg("name", in_quotes(member.name)), fmt::arg("data", in_quotes(places.etcd_data.native())),
      fmt::arg("client", client_url(member.host)), fmt::arg("peer", peer_url(member.host)),
      fmt::arg("cluster", in_quotes(member.initial_cluster)), fmt::arg("state", member.is_new ? "new" : "existing"),
      fmt::arg("tls", tls));
}

}  // namespace berth::cli
