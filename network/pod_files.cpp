// network/pod_files.cpp - pure text building, then three small files.
#include "network/pod_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/atomic_file.hpp"
#include "network/ip.hpp"

namespace berth::network {
namespace {

// Kubernetes' limits (pkg/apis/core/validation); glibc itself takes three servers (MAXNS).
constexpr std::size_t kMaxServers = 3;
constexpr std::size_t kMaxSearches = 32;
constexpr std::size_t kMaxSearchBytes = 2048;
constexpr std::size_t kMaxWordBytes = 253;
constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::array<const char*, 3> kFiles = {"hosts", "hostname", "resolv.conf"};

// One word on a line of a file that others parse: nothing in it may end the word or the line.
Status check_word(std::string_view word, std::string_view what) {
  const auto bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '#'; };
  if (!word.empty() && word.size() <= kMaxWordBytes && std::none_of(word.begin(), word.end(), bad)) return Ok{};
  return Error(
      ErrorCode::InvalidArgument,
      fmt::format("{} \"{:.64}\": must be 1 to {} printable characters without spaces", what, word, kMaxWordBytes));
}

void append_new(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const auto& entry : from) {
    if (std::find(to.begin(), to.end(), entry) == to.end()) to.push_back(entry);
  }
}

// A search domain is the same with and without the final dot, and only "." needs it.
std::vector<std::string> without_final_dots(std::vector<std::string> searches) {
  for (auto& search : searches) {
    if (search.size() > 1 && search.back() == '.') search.pop_back();
  }
  return searches;
}

ResolvConf cluster_first(const NetworkSpec& spec, const ResolverFacts& facts) {
  ResolvConf conf;
  conf.nameservers = facts.cluster_servers;
  conf.searches = {fmt::format("{}.svc.{}", spec.pod_ns, facts.cluster_domain),
                   fmt::format("svc.{}", facts.cluster_domain), facts.cluster_domain};
  append_new(conf.searches, without_final_dots(facts.host.searches));
  conf.options = {{"ndots", "5"}};
  return conf;
}

ResolvConf as_host(const NetworkSpec& spec, const ResolverFacts& facts) {
  auto conf = facts.host;
  if (spec.host_network) return conf;
  std::erase_if(conf.nameservers, [](const std::string& server) {
    const auto address = IpAddress::parse(server);
    return address.ok() && address->is_loopback();
  });
  if (conf.nameservers.empty()) conf.nameservers = facts.cluster_servers;
  return conf;
}

Result<ResolvConf> by_policy(const NetworkSpec& spec, const ResolverFacts& facts) {
  if (spec.dns_policy == "None") return ResolvConf{};
  if (spec.dns_policy == "Default") return as_host(spec, facts);
  if (spec.dns_policy == "ClusterFirstWithHostNet") return cluster_first(spec, facts);
  if (spec.dns_policy == "ClusterFirst" || spec.dns_policy.empty()) {
    return spec.host_network ? as_host(spec, facts) : cluster_first(spec, facts);
  }
  return Error(ErrorCode::InvalidArgument,
               fmt::format("dnsPolicy \"{:.64}\": must be ClusterFirst, ClusterFirstWithHostNet, Default or None",
                           spec.dns_policy));
}

Status check_dns_config(const model::DnsConfig& config) {
  for (const auto& server : config.nameservers) {
    if (auto address = IpAddress::parse(server); !address)
      return std::move(address).error().context("dnsConfig.nameservers");
  }
  for (const auto& search : config.searches) {
    if (auto sound = check_word(search, "dnsConfig.searches"); !sound) return sound;
  }
  for (const auto& option : config.options) {
    if (auto sound = check_word(option.name, "dnsConfig.options"); !sound) return sound;
    if (!option.value || option.value->empty()) continue;
    if (auto sound = check_word(*option.value, "dnsConfig.options"); !sound) return sound;
  }
  return Ok{};
}

void keep_within_limits(ResolvConf& conf) {
  if (conf.nameservers.size() > kMaxServers) conf.nameservers.resize(kMaxServers);
  if (conf.searches.size() > kMaxSearches) conf.searches.resize(kMaxSearches);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < conf.searches.size(); ++i) {
    bytes += conf.searches[i].size() + (i == 0 ? 0 : 1);
    if (bytes <= kMaxSearchBytes) continue;
    conf.searches.resize(i);
    return;
  }
}

Result<std::string> aliases_text(const std::vector<model::HostAlias>& aliases) {
  if (aliases.empty()) return std::string();
  std::string text = "\n# Entries added by HostAliases.\n";
  for (const auto& alias : aliases) {
    if (auto address = IpAddress::parse(alias.ip); !address) return std::move(address).error().context("hostAliases");
    text += alias.ip;
    for (const auto& name : alias.hostnames) {
      if (auto sound = check_word(name, "hostAliases"); !sound) return std::move(sound).error();
      text += "\t" + name;
    }
    text += "\n";
  }
  return text;
}

}  // namespace

Result<ResolvConf> pod_resolv_conf(const NetworkSpec& spec, const ResolverFacts& facts) {
  if (auto sound = check_dns_config(spec.dns_config); !sound) return std::move(sound).error();
  auto conf = by_policy(spec, facts);
  if (!conf) return conf;
  append_new(conf->nameservers, spec.dns_config.nameservers);
  append_new(conf->searches, without_final_dots(spec.dns_config.searches));
  for (const auto& option : spec.dns_config.options) set_option(conf->options, option);
  keep_within_limits(*conf);
  return conf;
}

std::string pod_fqdn(const NetworkSpec& spec, const std::string& cluster_domain) {
  if (spec.subdomain.empty()) return {};
  return fmt::format("{}.{}.{}.svc.{}", spec.hostname, spec.subdomain, spec.pod_ns, cluster_domain);
}

Result<std::string> kernel_hostname(const NetworkSpec& spec, const std::string& cluster_domain) {
  if (!spec.hostname_is_fqdn || spec.host_network) return spec.hostname;
  const auto fqdn = pod_fqdn(spec, cluster_domain);
  if (fqdn.empty()) return spec.hostname;
  if (fqdn.size() <= std::size_t{HOST_NAME_MAX}) return fqdn;
  return Error(ErrorCode::InvalidArgument,
               fmt::format("failed to construct FQDN from pod hostname and cluster domain, FQDN {} is too long ({} "
                           "characters is the max, {} characters requested)",
                           fqdn, HOST_NAME_MAX, fqdn.size()));
}

Result<std::string> pod_hosts_text(const NetworkSpec& spec, const std::string& address,
                                   const std::string& cluster_domain, std::string_view host_hosts) {
  auto aliases = aliases_text(spec.host_aliases);
  if (!aliases) return aliases;
  if (spec.host_network) {
    std::string text = "# Kubernetes-managed hosts file (host network).\n";
    text += host_hosts;
    if (text.back() != '\n') text += '\n';
    return text + *aliases;
  }
  const auto fqdn = pod_fqdn(spec, cluster_domain);
  for (const auto& name : {spec.hostname, fqdn.empty() ? spec.hostname : fqdn}) {
    if (auto sound = check_word(name, "hostname"); !sound) return std::move(sound).error();
  }
  return fmt::format(
      "# Kubernetes-managed hosts file.\n"
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "fe00::0\tip6-mcastprefix\n"
      "fe00::1\tip6-allnodes\n"
      "fe00::2\tip6-allrouters\n"
      "{}\t{}{}\n{}",
      address, fqdn.empty() ? "" : fqdn + "\t", spec.hostname, *aliases);
}

Status write_pod_files(const std::filesystem::path& dir, const PodFiles& files) {
  if (auto made = make_directories(dir, 0755); !made) return made;
  const std::array<const std::string*, 3> texts = {&files.hosts, &files.hostname, &files.resolv_conf};
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const auto path = dir / kFiles[i];
    if (const auto there = read_file(path, kMaxFileBytes); there.ok() && *there == *texts[i]) continue;
    if (auto written = write_file(path, *texts[i]); !written) return written;
  }
  return Ok{};
}

Status remove_pod_files(const std::filesystem::path& dir) {
  for (const auto* name : kFiles) {
    const auto path = dir / name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      return Error::from_errno(errno, "remove " + path.native());
    }
  }
  // Temporary files of an agent that was killed while writing: the directory is ours alone.
  std::error_code failure;
  std::filesystem::remove_all(dir, failure);
  if (failure) return Error::from_errno(failure.value(), "remove " + dir.native());
  return Ok{};
}

}  // namespace berth::network
