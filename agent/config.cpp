// agent/config.cpp - see config.hpp.
#include "agent/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "agent/config_layers.hpp"
#include "base/atomic_file.hpp"
#include "base/drop_ins.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
constexpr std::size_t kMaxTlsListen = 16;
constexpr std::size_t kMaxEndpoints = 16;

// Where systemd puts the credentials of the unit; what berthd --check takes, which systemd did not start.
constexpr std::string_view kCredentials = "$CREDENTIALS_DIRECTORY/";
constexpr const char* kUsualCredentials = "/run/credentials/berthd.service";

using Bad = BadConfig;

/// One mapping: takes keys off it; finish() complains about what is left.
class Section {
 public:
  Section(const YAML::Node& node, std::string path) : node_(node), path_(std::move(path)) {
    if (node_ && !node_.IsNull() && !node_.IsMap()) throw Bad{node_.Mark(), path_, "must be a mapping"};
  }

  YAML::Node take(const std::string& key) {
    known_.insert(key);
    return node_ && node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }

  std::string at(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

  void text(const std::string& key, std::string& into) {
    if (const auto node = take(key); present(node)) into = scalar(node, at(key));
  }
  void path(const std::string& key, std::filesystem::path& into) {
    const auto node = take(key);
    if (!present(node)) return;
    into = scalar(node, at(key));
    if (!into.is_absolute()) throw Bad{node.Mark(), at(key), "must be an absolute path"};
  }
  /// A file that is read, so it may be a credential.
  void file(const std::string& key, std::filesystem::path& into) {
    const auto node = take(key);
    if (!present(node)) return;
    auto word = scalar(node, at(key));
    if (word.starts_with(kCredentials)) {
      const auto name = word.substr(kCredentials.size());
      if (name.empty() || name.find('/') != std::string::npos) {
        throw Bad{node.Mark(), at(key), "must be $CREDENTIALS_DIRECTORY/ and the name of a credential"};
      }
      const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
      word = fmt::format("{}/{}", directory != nullptr ? directory : kUsualCredentials, name);
    }
    into = word;
    if (!into.is_absolute()) {
      throw Bad{node.Mark(), at(key), "must be an absolute path, or begin with $CREDENTIALS_DIRECTORY/"};
    }
  }
  void number(const std::string& key, int& into, int low, int high) {
    const auto node = take(key);
    if (!present(node)) return;
    const auto word = scalar(node, at(key));
    std::size_t used = 0;
    try {
      into = std::stoi(word, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != word.size() || into < low || into > high) {
      throw Bad{node.Mark(), at(key), fmt::format("must be a number from {} to {}", low, high)};
    }
  }
  std::vector<std::string> texts(const std::string& key) {
    std::vector<std::string> list;
    const auto node = take(key);
    if (!present(node)) return list;
    if (!node.IsSequence()) throw Bad{node.Mark(), at(key), "must be a list"};
    for (std::size_t i = 0; i < node.size(); ++i) list.push_back(scalar(node[i], fmt::format("{}[{}]", at(key), i)));
    return list;
  }

  void finish() const {
    if (!node_ || !node_.IsMap()) return;
    std::set<std::string> seen;
    for (const auto& entry : node_) {
      const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
      if (!seen.insert(key).second) throw Bad{entry.first.Mark(), at(key), "given twice"};
      if (known_.contains(key)) continue;
      std::string choices;
      for (const auto& name : known_) choices += (choices.empty() ? "" : ", ") + name;
      throw Bad{entry.first.Mark(), at(key), "unknown key; known here: " + choices};
    }
  }

  static bool present(const YAML::Node& node) { return node.IsDefined() && !node.IsNull(); }
  static std::string scalar(const YAML::Node& node, const std::string& where) {
    if (!node.IsScalar()) throw Bad{node.Mark(), where, "must be a text or a number"};
    return node.Scalar();
  }

 private:
  YAML::Node node_;
  std::string path_;
  std::set<std::string> known_;
};

std::chrono::seconds duration(const YAML::Node& node, const std::string& where, int least = 1) {
  const auto text = Section::scalar(node, where);
  static const std::map<std::string, int> kUnits{{"s", 1}, {"m", 60}, {"h", 3600}};
  std::size_t used = 0;
  int count = 0;
  try {
    count = std::stoi(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const auto unit = used == 0 ? kUnits.end() : kUnits.find(text.substr(used));
  if (unit == kUnits.end() || count < least || count > 86'400) {
    throw Bad{node.Mark(), where, "must be a duration such as 30s, 5m or 1h"};
  }
  return std::chrono::seconds(count * unit->second);
}

SourceConfig read_source(const YAML::Node& node, const std::string& where) {
  SourceConfig source;
  Section section(node, where);
  section.path("directory", source.directory);
  section.text("url", source.url);
  if (const auto interval = section.take("interval"); Section::present(interval)) {
    source.interval = duration(interval, section.at("interval"));
  }
  section.file("caFile", source.ca_file);
  section.file("tokenFile", source.token_file);
  std::string scope = "host";
  section.text("scope", scope);
  section.text("name", source.name);
  section.finish();
  if (scope != "host" && scope != "cluster") throw Bad{node.Mark(), section.at("scope"), "must be host or cluster"};
  if (scope == "cluster" && !model::is_dns_label(source.name)) {
    throw Bad{node.Mark(), section.at("name"),
              "a source of the cluster needs a name, the same on all its hosts: letters, digits and -, as shop"};
  }
  if (scope == "host" && !source.name.empty()) {
    throw Bad{node.Mark(), section.at("name"), "is for scope: cluster; a host's own source is known by what it reads"};
  }
  if (source.directory.empty() == source.url.empty()) {
    throw Bad{node.Mark(), where, "needs exactly one of directory and url"};
  }
  if (!source.url.empty() && !source.url.starts_with("https://") && !source.url.starts_with("http://")) {
    throw Bad{node.Mark(), section.at("url"), "must begin with https:// or http://"};
  }
  return source;
}

model::Taint read_taint(const YAML::Node& node, const std::string& where) {
  model::Taint taint;
  Section section(node, where);
  section.text("key", taint.key);
  section.text("value", taint.value);
  section.text("effect", taint.effect);
  section.finish();
  if (taint.key.empty()) throw Bad{node.Mark(), section.at("key"), "required"};
  static const std::set<std::string> kEffects{"NoSchedule", "PreferNoSchedule", "NoExecute"};
  if (!kEffects.contains(taint.effect)) {
    throw Bad{node.Mark(), section.at("effect"), "must be NoSchedule, PreferNoSchedule or NoExecute"};
  }
  return taint;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

void read_lists(Section& root, Config& config) {
  const auto labels = root.take("nodeLabels");
  if (Section::present(labels)) {
    if (!labels.IsMap()) throw Bad{labels.Mark(), "nodeLabels", "must be a mapping"};
    for (const auto& entry : labels) {
      const auto key = Section::scalar(entry.first, "nodeLabels");
      config.node_labels[key] = Section::scalar(entry.second, "nodeLabels." + key);
    }
  }
  const auto taints = root.take("nodeTaints");
  if (Section::present(taints)) {
    if (!taints.IsSequence()) throw Bad{taints.Mark(), "nodeTaints", "must be a list"};
    for (std::size_t i = 0; i < taints.size(); ++i) {
      config.node_taints.push_back(read_taint(taints[i], fmt::format("nodeTaints[{}]", i)));
    }
  }
  const auto sources = root.take("sources");
  if (Section::present(sources)) {
    if (!sources.IsSequence()) throw Bad{sources.Mark(), "sources", "must be a list"};
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto where = fmt::format("sources[{}]", i);
      auto source = read_source(sources[i], where);
      const auto same = [&](const auto& other) { return source.is_clusters() && other.name == source.name; };
      if (std::any_of(config.sources.begin(), config.sources.end(), same)) {
        throw Bad{sources[i].Mark(), where + ".name", fmt::format("\"{}\" is the name of another source", source.name)};
      }
      config.sources.push_back(std::move(source));
    }
  } else {
    config.sources.push_back(
        {.directory = "/etc/berth/manifests", .url = {}, .interval = {}, .ca_file = {}, .token_file = {}, .name = {}});
  }
}

constexpr const char* kDefaultTlsListen = "127.0.0.1:6550";
constexpr const char* kDefaultClusterCidr = "10.98.0.0/16";

ApiTlsConfig read_api_tls(const YAML::Node& node) {
  ApiTlsConfig tls;
  Section section(node, "api.tls");
  const auto listen = section.take("listen");
  const auto add = [&](const YAML::Node& entry) {
    auto address = parse_tcp_address(Section::scalar(entry, section.at("listen")));
    if (!address) throw Bad{entry.Mark(), section.at("listen"), address.error().message()};
    tls.listen.push_back(*std::move(address));
  };
  if (Section::present(listen) && listen.IsSequence()) {
    for (const auto& entry : listen) add(entry);
    if (listen.size() == 0 || listen.size() > kMaxTlsListen) {
      throw Bad{listen.Mark(), section.at("listen"), fmt::format("must have 1 to {} addresses", kMaxTlsListen)};
    }
  } else if (Section::present(listen)) {
    add(listen);
  } else {
    tls.listen.push_back(*parse_tcp_address(kDefaultTlsListen));
  }
  section.file("certFile", tls.cert_file);
  section.file("keyFile", tls.key_file);
  section.file("clientCaFile", tls.client_ca_file);
  const auto groups = section.take("clientGroups");
  if (Section::present(groups)) {
    if (!groups.IsMap()) throw Bad{groups.Mark(), section.at("clientGroups"), "must be a mapping"};
    for (const auto& entry : groups) {
      const auto group = Section::scalar(entry.first, section.at("clientGroups"));
      const auto where = section.at("clientGroups") + "." + group;
      const auto role = Section::scalar(entry.second, where);
      if (role != "admin" && role != "viewer") throw Bad{entry.second.Mark(), where, "must be admin or viewer"};
      if (!tls.client_groups.emplace(group, role).second) throw Bad{entry.first.Mark(), where, "given twice"};
    }
    if (tls.client_ca_file.empty()) {
      throw Bad{groups.Mark(), section.at("clientGroups"), "needs clientCaFile: it is about certificates of that CA"};
    }
  }
  section.file("tokenFile", tls.token_file);
  tls.names = section.texts("names");
  section.finish();
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    throw Bad{node.Mark(), "api.tls", "needs both of certFile and keyFile, or neither"};
  }
  for (const auto& name : tls.names) {
    if (!model::is_dns_subdomain(name) && !parse_tcp_address(name + ":1") && !parse_tcp_address("[" + name + "]:1")) {
      throw Bad{node.Mark(), section.at("names"), fmt::format("\"{}\" must be a DNS name or an address", name)};
    }
  }
  return tls;
}

/// Does a listener take what is sent to `address`?
bool is_served(const std::vector<TcpAddress>& listen, const TcpAddress& address) {
  return std::any_of(listen.begin(), listen.end(), [&](const TcpAddress& each) {
    return each.port == address.port && each.is_v6() == address.is_v6() && (each.is_any() || each.host == address.host);
  });
}

/// `fencing` may stand alone: it asks nothing of other hosts' APIs.
bool read_fencing(const YAML::Node& node) {
  if (!node.IsMap() || !Section::present(node["fencing"])) return false;
  const auto word = Section::scalar(node["fencing"], "cluster.fencing");
  if (word != "true" && word != "false") throw Bad{node["fencing"].Mark(), "cluster.fencing", "must be true or false"};
  return word == "true";
}

ClusterConfig read_cluster(const YAML::Node& node, const std::optional<ApiTlsConfig>& tls) {
  ClusterConfig cluster;
  Section section(node, "cluster");
  section.take("fencing");
  const auto advertise = section.take("advertise");
  section.file("caFile", cluster.ca_file);
  section.file("certFile", cluster.cert_file);
  section.file("keyFile", cluster.key_file);
  section.finish();
  const auto where = section.at("advertise");
  if (!Section::present(advertise)) {
    throw Bad{node.Mark(), where,
              "required: the address and port where other hosts reach this one's API, as 10.0.0.1:6550"};
  }
  const auto text = Section::scalar(advertise, where);
  auto address = parse_tcp_address(text);
  if (!address || address->is_any() || address->is_v6()) {
    throw Bad{advertise.Mark(), where,
              fmt::format("\"{}\" must be one IPv4 address of this host and a port, as 10.0.0.1:6550", text)};
  }
  cluster.advertise = *std::move(address);
  if (!tls || !is_served(tls->listen, cluster.advertise)) {
    throw Bad{advertise.Mark(), where,
              fmt::format("the API does not listen there: api.tls.listen must have {} or every address with that port",
                          text)};
  }
  const auto need = [&](const char* key, const std::filesystem::path& file, const char* what) {
    if (file.empty()) throw Bad{node.Mark(), section.at(key), fmt::format("required: {}", what)};
  };
  need("caFile", cluster.ca_file, "the CA that signs the certificates of all hosts");
  need("certFile", cluster.cert_file, "this host's certificate, with the organization berth:hosts");
  need("keyFile", cluster.key_file, "the key of certFile");
  return cluster;
}

/// The kubelet's words.
void read_shutdown(Section& root, Config& config) {
  const auto whole = root.take("shutdownGracePeriod");
  if (Section::present(whole)) config.shutdown_grace = duration(whole, "shutdownGracePeriod", 0);
  const auto critical = root.take("shutdownGracePeriodCriticalPods");
  if (Section::present(critical)) {
    config.shutdown_grace_critical = duration(critical, "shutdownGracePeriodCriticalPods", 0);
    if (config.shutdown_grace_critical > config.shutdown_grace) {
      throw Bad{critical.Mark(), "shutdownGracePeriodCriticalPods", "must not be more than shutdownGracePeriod"};
    }
  }
  config.shutdown_grace_critical = std::min(config.shutdown_grace_critical, config.shutdown_grace);
}

/// "" is an answer, too: none.
void read_log_path(Section& logs, const std::string& key, std::filesystem::path& into) {
  const auto node = logs.take(key);
  if (!Section::present(node)) return;
  into = Section::scalar(node, logs.at(key));
  if (!into.empty() && (!into.is_absolute() || into.string().find('\n') != std::string::npos)) {
    throw Bad{node.Mark(), logs.at(key), "must be an absolute path, or \"\" for none"};
  }
  into = into.lexically_normal();
  if (!into.has_filename() && into.has_parent_path()) into = into.parent_path();  // "/var/log/pods/"
}

void read_logs(Section& root, runtime::LogSettings& into) {
  const auto node = root.take("logs");
  Section logs(node, "logs");
  read_log_path(logs, "directory", into.directory);
  read_log_path(logs, "links", into.links);
  logs.finish();
  if (into.directory == "/") throw Bad{node.Mark(), "logs.directory", "must not be /"};
  if (!into.directory.empty() && into.directory == into.links) {
    throw Bad{node.Mark(), "logs.links", "must be another directory than logs.directory"};
  }
}

void read_log_level(Section& root, LogLevel& into) {
  const auto node = root.take("logLevel");
  if (!Section::present(node)) return;
  static const std::map<std::string, LogLevel> kLevels{
      {"error", LogLevel::Error}, {"warning", LogLevel::Warning}, {"info", LogLevel::Info}, {"debug", LogLevel::Debug}};
  const auto level = kLevels.find(Section::scalar(node, "logLevel"));
  if (level == kLevels.end()) throw Bad{node.Mark(), "logLevel", "must be error, warning, info or debug"};
  into = level->second;
}

void read_service_range(Section& network, Config& config) {
  const auto node = network.take("serviceCIDR");
  if (!Section::present(node)) {
    // Pods may be in the default block, which went well before there were addresses of services.
    for (const auto* block : {"10.96.0.0/16", "10.112.0.0/16", "172.30.0.0/16"}) {
      config.service_cidr = block;
      const auto range = model::ServiceRange::parse(block);
      if (!range->overlaps(config.pod_cidr) && !range->overlaps(config.cluster_cidr)) break;
    }
    return;
  }
  config.service_cidr = Section::scalar(node, network.at("serviceCIDR"));
  const auto range = model::ServiceRange::parse(config.service_cidr);
  if (!range) throw Bad{node.Mark(), network.at("serviceCIDR"), range.error().message()};
  for (const auto& [key, block] :
       {std::pair{"podCIDR", config.pod_cidr}, std::pair{"clusterCIDR", config.cluster_cidr}}) {
    if (!range->overlaps(block)) continue;
    throw Bad{node.Mark(), network.at("serviceCIDR"),
              fmt::format("{} overlaps network.{} {}: choose another block", config.service_cidr, key, block)};
  }
}

/// One host has its block, or what it is told; many hosts take theirs out of one.
void read_pod_network(Section& network, Config& config) {
  const auto own = network.take("podCIDR");
  const auto all = network.take("clusterCIDR");
  if (Section::present(all)) {
    config.cluster_cidr = Section::scalar(all, network.at("clusterCIDR"));
    if (!config.etcd) {
      throw Bad{all.Mark(), network.at("clusterCIDR"), "needs store.etcd: it is about the pods of many hosts"};
    }
    const auto block = model::ServiceRange::parse(config.cluster_cidr);
    if (!block || block->prefix >= 24) {
      throw Bad{all.Mark(), network.at("clusterCIDR"),
                fmt::format("\"{}\" must be an IPv4 block of /12 to /23, as 10.98.0.0/16: each host takes a /24 of it",
                            config.cluster_cidr)};
    }
  } else if (config.etcd && !Section::present(own)) {
    config.cluster_cidr = kDefaultClusterCidr;
  }
  if (Section::present(own)) {
    config.pod_cidr = Section::scalar(own, network.at("podCIDR"));
    const auto block = model::ServiceRange::parse(config.cluster_cidr);
    if (block && !block->overlaps(config.pod_cidr)) {
      throw Bad{own.Mark(), network.at("podCIDR"),
                fmt::format("{} must be in network.clusterCIDR {}", config.pod_cidr, config.cluster_cidr)};
    }
  } else if (!config.cluster_cidr.empty()) {
    config.pod_cidr.clear();
  }
  if (const auto mode = network.take("mode"); Section::present(mode)) {
    config.overlay = Section::scalar(mode, network.at("mode"));
    if (config.overlay != "vxlan" && config.overlay != "routes" && config.overlay != "wireguard") {
      throw Bad{mode.Mark(), network.at("mode"), "must be vxlan, wireguard, or routes where all hosts share one link"};
    }
  }
  if (const auto address = network.take("nodeAddress"); Section::present(address)) {
    config.node_address = Section::scalar(address, network.at("nodeAddress"));
    const auto parsed = parse_tcp_address(config.node_address + ":1");
    if (!parsed || parsed->is_any() || parsed->is_v6()) {
      throw Bad{address.Mark(), network.at("nodeAddress"),
                "must be an IPv4 address at which other hosts reach this one"};
    }
  }
}

/// "https://10.0.0.1:2379"
bool is_endpoint(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    const auto place = text.substr(scheme.size());
    const auto colon = place.rfind(':');
    if (colon == std::string_view::npos || place.find('/') != std::string_view::npos) return false;
    const auto host = place.substr(0, colon);
    return parse_tcp_address(place) ||
           (model::is_dns_subdomain(host) && parse_tcp_address(fmt::format("127.0.0.1{}", place.substr(colon))));
  }
  return false;
}

EtcdConfig read_etcd(const YAML::Node& node) {
  EtcdConfig etcd;
  Section section(node, "store.etcd");
  etcd.endpoints = section.texts("endpoints");
  section.text("prefix", etcd.prefix);
  section.file("caFile", etcd.ca_file);
  section.file("certFile", etcd.cert_file);
  section.file("keyFile", etcd.key_file);
  section.text("user", etcd.user);
  section.file("passwordFile", etcd.password_file);
  section.finish();
  if (etcd.endpoints.empty() || etcd.endpoints.size() > kMaxEndpoints) {
    throw Bad{node.Mark(), section.at("endpoints"),
              fmt::format("must have 1 to {} members of the etcd", kMaxEndpoints)};
  }
  for (std::size_t i = 0; i < etcd.endpoints.size(); ++i) {
    if (is_endpoint(etcd.endpoints[i])) continue;
    throw Bad{node.Mark(), fmt::format("{}[{}]", section.at("endpoints"), i),
              fmt::format("\"{}\" must be like https://10.0.0.1:2379 or http://etcd.example:2379", etcd.endpoints[i])};
  }
  if (!etcd.prefix.starts_with('/') || etcd.prefix.size() < 2 || etcd.prefix.ends_with('/')) {
    throw Bad{node.Mark(), section.at("prefix"), "must begin with / and not end with it, as /berth"};
  }
  if (etcd.cert_file.empty() != etcd.key_file.empty()) {
    throw Bad{node.Mark(), "store.etcd", "needs both of certFile and keyFile, or neither"};
  }
  if (etcd.user.empty() != etcd.password_file.empty()) {
    throw Bad{node.Mark(), "store.etcd", "needs both of user and passwordFile, or neither"};
  }
  return etcd;
}

void read_store(Section& root, Config& config) {
  const auto node = root.take("store");
  Section store(node, "store");
  const auto sqlite_node = store.take("sqlite");
  Section sqlite(sqlite_node, "store.sqlite");
  sqlite.finish();
  const auto etcd = store.take("etcd");
  if (etcd.IsDefined()) config.etcd = read_etcd(etcd);
  store.finish();
  if (config.etcd && Section::present(sqlite_node)) throw Bad{node.Mark(), "store", "needs one of sqlite and etcd"};
}

Config read_root(const YAML::Node& node) {
  Config config;
  Section root(node, "");
  root.text("nodeName", config.node_name);
  if (config.node_name.empty()) config.node_name = host_name();
  read_lists(root, config);
  root.path("stateDir", config.state_dir);
  root.path("runDir", config.run_dir);

  read_store(root, config);

  Section containerd(root.take("containerd"), "containerd");
  containerd.text("address", config.containerd_address);
  containerd.text("namespace", config.containerd_namespace);
  containerd.text("runtime", config.containerd_runtime);
  containerd.finish();

  Section network(root.take("network"), "network");
  network.text("bridge", config.bridge);
  read_pod_network(network, config);
  read_service_range(network, config);
  network.text("clusterDomain", config.cluster_domain);
  network.finish();

  Section dns(root.take("dns"), "dns");
  config.dns_listen = dns.texts("listen");
  dns.number("port", config.dns_port, 1, 65'535);
  const auto upstreams = dns.take("upstreams");
  if (Section::present(upstreams)) config.dns_upstreams = dns.texts("upstreams");
  dns.number("holdMilliseconds", config.dns_hold, 0, 2'000);  // resolvers ask again after 5 s, some after 2
  if (config.dns_upstreams && config.dns_upstreams->empty()) config.dns_upstreams.reset();  // []: from the host.
  dns.finish();

  Section api(root.take("api"), "api");
  api.path("socket", config.api_socket);
  const auto tls = api.take("tls");
  // `tls: {}` is enough; a bare `tls:` may be a half-written thought.
  if (tls.IsDefined()) config.api_tls = read_api_tls(tls);
  api.finish();
  const auto cluster = root.take("cluster");
  if (cluster.IsDefined()) config.fencing = read_fencing(cluster);
  if (config.fencing && !config.etcd) {
    throw Bad{cluster.Mark(), "cluster.fencing", "needs store.etcd: it is about pods that another host takes over"};
  }
  if (cluster.IsDefined() && !(cluster.IsMap() && cluster.size() == 1 && cluster["fencing"].IsDefined())) {
    config.cluster = read_cluster(cluster, config.api_tls);
    // One address per host: others find its API, its pods and its part of a service by it.
    const auto& advertised = config.cluster->advertise.host;
    if (config.node_address.empty()) config.node_address = advertised;
    if (config.node_address != advertised) {
      throw Bad{cluster.Mark(), "cluster.advertise",
                fmt::format("{} is not network.nodeAddress {}: other hosts know a host by one address", advertised,
                            config.node_address)};
    }
  }
  read_shutdown(root, config);
  read_logs(root, config.logs);
  read_log_level(root, config.log_level);
  root.finish();

  if (!model::is_dns_subdomain(config.node_name)) {
    throw Bad{node.Mark(), "nodeName", fmt::format("\"{}\" must be a lower-case DNS name", config.node_name)};
  }
  if (config.bridge.empty() || config.bridge.size() > 15) {
    throw Bad{node.Mark(), "network.bridge", "must have 1 to 15 characters"};
  }
  return config;
}

}  // namespace

Result<Config> parse_config(const std::vector<ConfigText>& texts) {
  ConfigLayers layers;
  std::string reading;
  try {
    for (const auto& [file, text] : texts) {
      reading = file;
      layers.lay(text, file);
    }
    return read_root(layers.merged());
  } catch (const Bad& bad) {
    const auto where = bad.path.empty() ? std::string("configuration") : bad.path;
    const auto& file = layers.file_of(bad.path);
    const auto line = bad.mark.is_null() ? file : fmt::format("{}:{}", file, bad.mark.line + 1);
    return Error(ErrorCode::InvalidArgument, fmt::format("{}: {}: {}", line, where, bad.message));
  } catch (const YAML::Exception& error) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{}:{}: {}", reading, error.mark.line + 1, error.msg));
  }
}

Result<Config> parse_config(std::string_view text, const std::string& file) {
  return parse_config(std::vector{ConfigText{file, std::string(text)}});
}

Result<Config> load_config(const std::filesystem::path& file) {
  const auto over = drop_ins(file);
  if (!over) return Error(over.error()).context("read configuration");
  std::vector<ConfigText> texts;
  std::vector<std::filesystem::path> files;
  auto text = read_file(file, kMaxConfigBytes);
  if (text) {
    files.push_back(file);
  } else if (!failed_with(text, ErrorCode::NotFound) || file != kDefaultConfigFile) {
    return std::move(text).error().context("read configuration");
  }
  texts.push_back({file.native(), text ? *std::move(text) : std::string()});
  for (const auto& each : *over) {
    auto more = read_file(each, kMaxConfigBytes);
    if (!more) return std::move(more).error().context("read configuration");
    files.push_back(each);
    texts.push_back({each.native(), *std::move(more)});
  }
  auto config = parse_config(texts);
  if (config) config->files = std::move(files);
  return config;
}

}  // namespace berth::agent
