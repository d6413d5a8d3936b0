// tests/network/pod_files_test.cpp - the three files of /etc, byte by byte.
#include "network/pod_files.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::network {
namespace {

NetworkSpec pod() {
  NetworkSpec spec;
  spec.pod_uid = "u1";
  spec.pod_ns = "default";
  spec.pod_name = "mongo-0";
  spec.hostname = "mongo-0";
  return spec;
}

ResolverFacts facts(std::string_view host = "search corp.example\nnameserver 192.0.2.53\noptions timeout:1 rotate\n") {
  ResolverFacts facts;
  facts.cluster_servers = {"10.98.0.1"};
  facts.cluster_domain = "cluster.local";
  facts.host = read_resolv_conf(host);
  return facts;
}

std::string resolv(const NetworkSpec& spec, const ResolverFacts& with = facts()) {
  const auto conf = pod_resolv_conf(spec, with);
  return conf ? resolv_conf_text(*conf) : conf.error().message();
}

std::string hosts(const NetworkSpec& spec, std::string_view host_hosts = "") {
  const auto text = pod_hosts_text(spec, "10.98.0.7", "cluster.local", host_hosts);
  return text ? *text : text.error().message();
}

TEST(ResolvConf, ReadsAsGlibcDoes) {
  const auto conf = read_resolv_conf(
      "# comment\n; comment\nnameserver 192.0.2.1\n nameserver\t192.0.2.2 \r\ndomain old.example\n"
      "search a.example b.example\noptions ndots:2 rotate\noptions ndots:3\nsortlist 1.2.3.4\nnameserver\n");
  EXPECT_EQ(resolv_conf_text(conf),
            "search a.example b.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:3 rotate\n");
  EXPECT_EQ(resolv_conf_text(read_resolv_conf("search a\ndomain b")), "search b\n");
  EXPECT_EQ(resolv_conf_text(read_resolv_conf("")), "");
  EXPECT_EQ(read_resolv_conf("# nameserver 9.9.9.9\nnameserver\t192.0.2.1  # x\nnameserver 192.0.2.1\n"
                             "nameserver fe80::1%eth0\nnameserver ::1")
                .nameservers,
            (std::vector<std::string>{"192.0.2.1", "fe80::1%eth0", "::1"}));
}

TEST(ResolvConf, ClusterFirstAsksUsAndSearchesNamespaceServicesDomainHost) {
  EXPECT_EQ(resolv(pod()),
            "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
            "nameserver 10.98.0.1\noptions ndots:5\n");
}

TEST(ResolvConf, DefaultIsTheHosts) {
  auto spec = pod();
  spec.dns_policy = "Default";
  EXPECT_EQ(resolv(spec), "search corp.example\nnameserver 192.0.2.53\noptions timeout:1 rotate\n");
}

TEST(ResolvConf, DefaultLeavesOutTheHostsLoopbackServers) {
  auto spec = pod();
  spec.dns_policy = "Default";
  EXPECT_EQ(resolv(spec, facts("nameserver 127.0.0.53\nnameserver 192.0.2.53\n")), "nameserver 192.0.2.53\n");
  EXPECT_EQ(resolv(spec, facts("nameserver 127.0.0.53\nnameserver ::1\n")), "nameserver 10.98.0.1\n");
  spec.host_network = true;
  EXPECT_EQ(resolv(spec, facts("nameserver 127.0.0.53\n")), "nameserver 127.0.0.53\n");
}

TEST(ResolvConf, NoneIsOnlyWhatThePodSays) {
  auto spec = pod();
  spec.dns_policy = "None";
  EXPECT_EQ(resolv(spec), "");
  spec.dns_config = {{"192.0.2.9"}, {"a.example"}, {{"ndots", "1"}, {"edns0", std::nullopt}}};
  EXPECT_EQ(resolv(spec), "search a.example\nnameserver 192.0.2.9\noptions ndots:1 edns0\n");
}

TEST(ResolvConf, OnTheHostsNetworkOnlyClusterFirstWithHostNetAsksUs) {
  auto spec = pod();
  spec.host_network = true;
  EXPECT_EQ(resolv(spec), "search corp.example\nnameserver 192.0.2.53\noptions timeout:1 rotate\n");
  spec.dns_policy = "ClusterFirstWithHostNet";
  EXPECT_EQ(resolv(spec),
            "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
            "nameserver 10.98.0.1\noptions ndots:5\n");
}

TEST(ResolvConf, DnsConfigAppendsWithoutRepeatingAndReplacesOptions) {
  auto spec = pod();
  spec.dns_config = {
      {"10.98.0.1", "192.0.2.9"}, {"cluster.local", "x.example."}, {{"ndots", "2"}, {"single-request", ""}}};
  EXPECT_EQ(resolv(spec),
            "search default.svc.cluster.local svc.cluster.local cluster.local corp.example x.example\n"
            "nameserver 10.98.0.1\nnameserver 192.0.2.9\noptions ndots:2 single-request\n");
}

TEST(ResolvConf, WhatExceedsKubernetesLimitsIsLeftOut) {
  auto spec = pod();
  for (int i = 0; i < 9; ++i) spec.dns_config.nameservers.push_back("192.0.2." + std::to_string(i + 1));
  for (int i = 0; i < 40; ++i) spec.dns_config.searches.push_back("s" + std::to_string(i) + ".example");
  auto conf = pod_resolv_conf(spec, facts());
  ASSERT_TRUE(conf.ok());
  EXPECT_EQ(conf->nameservers, (std::vector<std::string>{"10.98.0.1", "192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(conf->searches.size(), 32U);

  spec.dns_config.searches.clear();
  for (char c = 'a'; c < 'a' + 20; ++c) spec.dns_config.searches.push_back(std::string(200, c));
  conf = pod_resolv_conf(spec, facts());
  ASSERT_TRUE(conf.ok());
  std::size_t bytes = conf->searches.size() - 1;
  for (const auto& search : conf->searches) bytes += search.size();
  EXPECT_LE(bytes, 2048U);
  EXPECT_GT(bytes + 201, 2048U);
}

TEST(ResolvConf, WordsThatCouldForgeALineAreRefused) {
  auto spec = pod();
  spec.dns_policy = "Cluster";
  EXPECT_TRUE(failed_with(pod_resolv_conf(spec, facts()), ErrorCode::InvalidArgument));
  for (const model::DnsConfig& config :
       {model::DnsConfig{{"dns.example"}, {}, {}}, model::DnsConfig{{}, {"a\nnameserver 6.6.6.6"}, {}},
        model::DnsConfig{{}, {"a b"}, {}}, model::DnsConfig{{}, {""}, {}},
        model::DnsConfig{{}, {}, {{"a\nb", std::nullopt}}}, model::DnsConfig{{}, {}, {{"ndots", "1 rotate"}}}}) {
    spec = pod();
    spec.dns_config = config;
    EXPECT_TRUE(failed_with(pod_resolv_conf(spec, facts()), ErrorCode::InvalidArgument));
  }
}

TEST(Hosts, IsTheKubeletsWithTheFullNameFirst) {
  auto spec = pod();
  spec.subdomain = "mongo";
  spec.host_aliases = {{"192.0.2.7", {"foo.local", "bar.local"}}, {"fd00::7", {"six"}}};
  EXPECT_EQ(hosts(spec),
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
            "10.98.0.7\tmongo-0.mongo.default.svc.cluster.local\tmongo-0\n\n"
            "# Entries added by HostAliases.\n192.0.2.7\tfoo.local\tbar.local\nfd00::7\tsix\n");
}

TEST(Hosts, WithoutSubdomainThereIsOnlyTheShortName) {
  const auto text = hosts(pod());
  EXPECT_TRUE(text.ends_with("fe00::2\tip6-allrouters\n10.98.0.7\tmongo-0\n")) << text;
}

TEST(Hostname, IsTheFullNameWhenThatIsAskedForAndTheKernelTakesIt) {
  auto spec = pod();
  const auto name = [&] {
    const auto made = kernel_hostname(spec, "cluster.local");
    return made ? *made : made.error().message();
  };
  spec.subdomain = "mongo";
  EXPECT_EQ(name(), "mongo-0");
  spec.hostname_is_fqdn = true;
  EXPECT_EQ(name(), "mongo-0.mongo.default.svc.cluster.local");
  spec.host_network = true;
  EXPECT_EQ(name(), "mongo-0");
  spec.host_network = false;
  spec.subdomain.clear();
  EXPECT_EQ(name(), "mongo-0") << "no subdomain, no full name";
  spec.subdomain = std::string(30, 'x');
  EXPECT_EQ(name().size(), 64U);
  spec.subdomain += 'x';
  EXPECT_EQ(name(), "failed to construct FQDN from pod hostname and cluster domain, FQDN mongo-0." + spec.subdomain +
                        ".default.svc.cluster.local is too long (64 characters is the max, 65 characters requested)");
}

TEST(Hosts, OnTheHostsNetworkItIsTheHostsFileAndTheAliases) {
  auto spec = pod();
  spec.host_network = true;
  spec.host_aliases = {{"192.0.2.7", {"foo"}}};
  EXPECT_EQ(hosts(spec, "127.0.0.1 localhost\n192.0.2.2 worker1"),
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n192.0.2.2 worker1\n\n"
            "# Entries added by HostAliases.\n192.0.2.7\tfoo\n");
}

TEST(Hosts, AliasesThatCouldForgeALineAreRefused) {
  auto spec = pod();
  for (const model::HostAlias& alias :
       {model::HostAlias{"nowhere", {"a"}}, model::HostAlias{"192.0.2.1", {"a\n6.6.6.6 bank"}},
        model::HostAlias{"192.0.2.1", {"a b"}}, model::HostAlias{"192.0.2.1", {""}}}) {
    spec.host_aliases = {alias};
    EXPECT_TRUE(failed_with(pod_hosts_text(spec, "10.98.0.7", "cluster.local", ""), ErrorCode::InvalidArgument));
  }
  spec = pod();
  spec.hostname = "a\nb";
  EXPECT_TRUE(failed_with(pod_hosts_text(spec, "10.98.0.7", "cluster.local", ""), ErrorCode::InvalidArgument));
}

class PodFilesOnDisk : public ::testing::Test {
 protected:
  ino_t inode(const std::string& name) const {
    struct stat info {};
    return ::stat((dir_ / "etc" / name).c_str(), &info) == 0 ? info.st_ino : 0;
  }
  TempDir temp_;
  const std::filesystem::path dir_ = temp_.path();
};

TEST_F(PodFilesOnDisk, AFileThatIsRightStaysTheSameFile) {
  ASSERT_TRUE(write_pod_files(dir_ / "etc", {"hosts\n", "name\n", "conf\n"}).ok());
  const auto hosts_inode = inode("hosts");
  const auto conf_inode = inode("resolv.conf");
  ASSERT_TRUE(write_pod_files(dir_ / "etc", {"hosts\n", "name\n", "other\n"}).ok());
  EXPECT_EQ(inode("hosts"), hosts_inode);
  EXPECT_NE(inode("resolv.conf"), conf_inode);
  EXPECT_EQ(read_file(dir_ / "etc/resolv.conf").value_or(""), "other\n");
}

TEST_F(PodFilesOnDisk, RemovingTakesLeftoversAlongAndMayBeDoneTwice) {
  ASSERT_TRUE(write_pod_files(dir_ / "etc", {"h\n", "n\n", "r\n"}).ok());
  std::ofstream(dir_ / "etc/.hosts.17-3.tmp") << "half";
  EXPECT_TRUE(remove_pod_files(dir_ / "etc").ok());
  EXPECT_FALSE(std::filesystem::exists(dir_ / "etc"));
  EXPECT_TRUE(remove_pod_files(dir_ / "etc").ok());
}

}  // namespace
}  // namespace berth::network
