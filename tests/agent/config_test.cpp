// tests/agent/config_test.cpp - the configuration file: defaults, and errors with their line.
#include "agent/config.hpp"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/objects/back_off.hpp"
#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

std::string problem(const std::string& text) {
  const auto config = parse_config(text, "berthd.yaml");
  return config ? "valid" : config.error().message();
}

TEST(ConfigTest, EveryKeyHasADefault) {
  const auto config = parse_config("", "berthd.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(config->node_name.empty());
  EXPECT_EQ(config->sources.at(0).directory, "/etc/berth/manifests");
  EXPECT_EQ(config->socket(), "/run/berth/berthd.sock");
}

TEST(ConfigTest, TheStoreMayBeAnEtcd) {
  EXPECT_FALSE(parse_config("store: {sqlite: {}}", "berthd.yaml")->etcd);
  const auto config = parse_config(R"(store:
  etcd:
    endpoints: ["https://10.0.0.1:2379", "http://etcd-2.example:2379", "https://[fd00::1]:2379"]
    prefix: /ships
    caFile: /etc/ca.pem
    certFile: /etc/cert.pem
    keyFile: /etc/key.pem
    user: berth
    passwordFile: /etc/password
)",
                                   "berthd.yaml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_TRUE(config->etcd);
  EXPECT_EQ(config->etcd->endpoints.size(), 3U);
  EXPECT_EQ(config->etcd->prefix, "/ships");
  EXPECT_EQ(config->etcd->password_file, "/etc/password");
  EXPECT_EQ(parse_config("store: {etcd: {endpoints: [\"http://a:1\"]}}", "berthd.yaml")->etcd->prefix, "/berth");
}

TEST(ConfigTest, WithAnEtcdTheHostTakesItsPodsBlockOutOfOneForAllHosts) {
  const auto read = [](const std::string& network) {
    return *parse_config("store: {etcd: {endpoints: [\"http://a:1\"]}}\n" + network, "berthd.yaml");
  };
  const auto usual = read("");
  EXPECT_EQ(usual.cluster_cidr, "10.98.0.0/16");
  EXPECT_EQ(usual.pod_cidr, "");
  EXPECT_EQ(usual.overlay, "vxlan");
  EXPECT_EQ(read("network: {clusterCIDR: 10.96.0.0/14}").service_cidr, "10.112.0.0/16");
  const auto own = read("network: {podCIDR: 10.80.0.0/24}");
  EXPECT_EQ(own.cluster_cidr, "") << "how other hosts' pods are reached is somebody else's";
  EXPECT_EQ(own.pod_cidr, "10.80.0.0/24");
  const auto both =
      read("network: {podCIDR: 10.98.7.0/24, clusterCIDR: 10.98.0.0/16, mode: routes, nodeAddress: 10.0.0.7}");
  EXPECT_EQ(both.pod_cidr, "10.98.7.0/24");
  EXPECT_EQ(both.overlay, "routes");
  EXPECT_EQ(both.node_address, "10.0.0.7");
  const auto alone = *parse_config("", "berthd.yaml");
  EXPECT_EQ(alone.cluster_cidr, "");
  EXPECT_EQ(alone.pod_cidr, "10.98.0.0/24");
}

TEST(ConfigTest, WhatIsWrongWithThePodNetworkIsSaid) {
  const auto wrong = [](const std::string& text) {
    return problem("store: {etcd: {endpoints: [\"http://a:1\"]}}\nnetwork: {" + text + "}");
  };
  EXPECT_EQ(problem("network: {clusterCIDR: 10.98.0.0/16}"),
            "berthd.yaml:1: network.clusterCIDR: needs store.etcd: it is about the pods of many hosts");
  for (const auto* block : {"10.98.0.0/24", "10.0.0.0/8", "10.98.0.1/16", "x"}) {
    EXPECT_THAT(wrong(fmt::format("clusterCIDR: {}", block)),
                testing::HasSubstr("must be an IPv4 block of /12 to /23, as 10.98.0.0/16"));
  }
  EXPECT_THAT(wrong("clusterCIDR: 10.98.0.0/16, podCIDR: 10.99.0.0/24"),
              testing::HasSubstr("network.podCIDR: 10.99.0.0/24 must be in network.clusterCIDR 10.98.0.0/16"));
  EXPECT_THAT(wrong("clusterCIDR: 10.96.0.0/14, serviceCIDR: 10.96.0.0/16"),
              testing::HasSubstr("10.96.0.0/16 overlaps network.clusterCIDR 10.96.0.0/14: choose another block"));
  EXPECT_THAT(wrong("mode: ipip"),
              testing::HasSubstr("network.mode: must be vxlan, wireguard, or routes where all hosts"));
  for (const auto* address : {"0.0.0.0", "host1", "fd00::1"}) {
    EXPECT_THAT(wrong(fmt::format("nodeAddress: \"{}\"", address)), testing::HasSubstr("must be an IPv4 address"));
  }
}

TEST(ConfigTest, WhatIsWrongWithAnEtcdIsSaid) {
  const auto wrong = [](const std::string& text) { return problem("store: {etcd: {" + text + "}}"); };
  EXPECT_EQ(wrong(""), "berthd.yaml:1: store.etcd.endpoints: must have 1 to 16 members of the etcd");
  for (const auto* each : {"10.0.0.1:2379", "https://10.0.0.1", "https://a:0", "https://a:99999", "https://:2379",
                           "https://a:2379/x", "ftp://a:2379", "https://A_b:2379"}) {
    EXPECT_EQ(wrong(fmt::format("endpoints: [\"http://a:1\", \"{}\"]", each)),
              fmt::format("berthd.yaml:1: store.etcd.endpoints[1]: \"{}\" must be like https://10.0.0.1:2379 or "
                          "http://etcd.example:2379",
                          each));
  }
  const std::string one = "endpoints: [\"http://a:1\"], ";
  for (const auto* prefix : {"berth", "/", "/berth/"}) {
    EXPECT_THAT(wrong(one + "prefix: " + prefix), testing::HasSubstr("store.etcd.prefix: must begin with /"));
  }
  EXPECT_THAT(wrong(one + "certFile: /a"), testing::HasSubstr("needs both of certFile and keyFile, or neither"));
  EXPECT_THAT(wrong(one + "user: a"), testing::HasSubstr("needs both of user and passwordFile, or neither"));
  EXPECT_THAT(wrong(one + "colour: red"), testing::HasSubstr("store.etcd.colour: unknown key"));
  EXPECT_THAT(problem("store: {sqlite: {}, etcd: {endpoints: [\"http://a:1\"]}}"),
              testing::HasSubstr("store: needs one of sqlite and etcd"));
}

TEST(ConfigTest, ReadsTheDocumentedExample) {
  const auto config = parse_config(R"(nodeName: worker1
nodeLabels: {dc: luxembourg}
nodeTaints: [{key: gpu, value: "yes", effect: NoSchedule}]
stateDir: /var/lib/berth
runDir: /run/berth
sources:
  - directory: /etc/berth/manifests
  - {url: "https://config.example/worker1.yaml", interval: 30s, caFile: /etc/ca.pem, tokenFile: /etc/token}
store: {sqlite: {}}
containerd: {address: /run/containerd/containerd.sock, namespace: k8s.io, runtime: io.containerd.runc.v2}
network: {bridge: berth0, podCIDR: 10.98.0.0/24, clusterDomain: cluster.local}
dns: {listen: [10.98.0.1], port: 53, upstreams: []}
api: {socket: /run/berth/berthd.sock}
)",
                                   "berthd.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node_labels.at("dc"), "luxembourg");
  EXPECT_EQ(config->node_taints.at(0).effect, "NoSchedule");
  EXPECT_EQ(config->sources.at(1).interval, std::chrono::seconds(30));
  EXPECT_FALSE(config->dns_upstreams.has_value()) << "an empty list means the host's resolvers";
}

TEST(ConfigTest, ServicesHaveABlockApartFromThePods) {
  EXPECT_EQ(parse_config("", "berthd.yaml")->service_cidr, "10.96.0.0/16");
  // Who chose the default block for pods, before there was one for services, goes on.
  EXPECT_EQ(parse_config("network: {podCIDR: 10.96.3.0/24}", "berthd.yaml")->service_cidr, "10.112.0.0/16");
  EXPECT_EQ(parse_config("network: {serviceCIDR: 10.43.0.0/16}", "berthd.yaml")->service_cidr, "10.43.0.0/16");
  const auto both = parse_config("network:\n  podCIDR: 10.43.1.0/24\n  serviceCIDR: 10.43.0.0/16\n", "berthd.yaml");
  ASSERT_FALSE(both);
  EXPECT_EQ(
      both.error().message(),
      "berthd.yaml:3: network.serviceCIDR: 10.43.0.0/16 overlaps network.podCIDR 10.43.1.0/24: choose another block");
  for (const auto* wrong : {"10.43.0.1/16", "10.0.0.0/8", "fd00::/112", "here"})
    EXPECT_FALSE(parse_config(std::string("network: {serviceCIDR: '") + wrong + "'}", "berthd.yaml").ok()) << wrong;
}

TEST(ConfigTest, OtherHostsReachTheApiWhereItListens) {
  EXPECT_FALSE(parse_config("api: {tls: {}}", "berthd.yaml")->cluster);
  const std::string files = "caFile: /ca, certFile: /c, keyFile: /k";
  const auto with = [&](const std::string& listen, const std::string& advertise) {
    return fmt::format("api: {{tls: {{listen: ['{}', '127.0.0.1:7']}}}}\ncluster: {{advertise: '{}', {}}}", listen,
                       advertise, files);
  };
  const auto read = parse_config(with("10.0.0.1:6550", "10.0.0.1:6550"), "berthd.yaml");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->cluster->advertise.text(), "10.0.0.1:6550");
  EXPECT_EQ(read->cluster->ca_file, "/ca");
  EXPECT_EQ(read->cluster->cert_file, "/c");
  EXPECT_EQ(read->cluster->key_file, "/k");
  EXPECT_TRUE(parse_config(with("0.0.0.0:6550", "10.0.0.1:6550"), "berthd.yaml"));
  EXPECT_EQ(read->node_address, "10.0.0.1") << "a host has one address for others";
  EXPECT_EQ(
      problem(with("10.0.0.1:6550", "10.0.0.1:6550") + "\nnetwork: {nodeAddress: 10.0.0.2}"),
      "berthd.yaml:2: cluster.advertise: 10.0.0.1 is not network.nodeAddress 10.0.0.2: other hosts know a host by "
      "one address");
  for (const auto& [listen, advertise] : {std::pair{"0.0.0.0:6550", "10.0.0.1:6551"},
                                          {"[::]:6550", "10.0.0.1:6550"},
                                          {"10.0.0.2:6550", "10.0.0.1:6550"}}) {
    EXPECT_EQ(
        problem(with(listen, advertise)),
        fmt::format("berthd.yaml:2: cluster.advertise: the API does not listen there: api.tls.listen must have {} or "
                    "every address with that port",
                    advertise));
  }
  EXPECT_NE(problem("cluster: {advertise: '10.0.0.1:6550', " + files + "}").find("does not listen there"),
            std::string::npos);
  for (const auto* wrong : {"0.0.0.0:6550", "[::]:6550", "[fd00::1]:6550", "worker1:6550", "10.0.0.1", "10.0.0.1:0"}) {
    EXPECT_EQ(problem(with("0.0.0.0:6550", wrong)),
              fmt::format("berthd.yaml:2: cluster.advertise: \"{}\" must be one IPv4 address of this host and a port, "
                          "as 10.0.0.1:6550",
                          wrong));
  }
  EXPECT_EQ(
      problem("cluster:"),
      "berthd.yaml:1: cluster.advertise: required: the address and port where other hosts reach this one's API, as "
      "10.0.0.1:6550");
  const std::string listens = "api: {tls: {listen: '10.0.0.1:1'}}\ncluster: {advertise: '10.0.0.1:1'";
  EXPECT_EQ(problem(listens + "}"),
            "berthd.yaml:2: cluster.caFile: required: the CA that signs the certificates of all hosts");
  EXPECT_EQ(problem(listens + ", caFile: /a, keyFile: /k}"),
            "berthd.yaml:2: cluster.certFile: required: this host's certificate, with the organization berth:hosts");
  EXPECT_EQ(problem(listens + ", caFile: /a, certFile: /c}"),
            "berthd.yaml:2: cluster.keyFile: required: the key of certFile");
  EXPECT_NE(problem(listens + ", reboot: true}").find("unknown key"), std::string::npos);
}

TEST(ConfigTest, TlsListensOnLoopbackUnlessTold) {
  const auto none = parse_config("api: {}", "berthd.yaml");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->api_tls.has_value());
  const auto least = parse_config("api: {tls: {}}", "berthd.yaml");
  ASSERT_TRUE(least && least->api_tls);
  ASSERT_EQ(least->api_tls->listen.size(), 1U);
  EXPECT_EQ(least->api_tls->listen[0].text(), "127.0.0.1:6550");
  const auto all = parse_config(
      "api: {tls: {listen: ['0.0.0.0:1', '[::1]:2'], certFile: /c, keyFile: /k, clientCaFile: /a, tokenFile: /t, "
      "names: [a.example, 192.0.2.7, '2001:db8::1']}}",
      "berthd.yaml");
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->api_tls->listen[1].text(), "[::1]:2");
  EXPECT_EQ(all->api_tls->token_file, "/t");
  EXPECT_NE(problem("api: {tls: {listen: ':6550'}}").find("api.tls.listen: \":6550\" must be ADDRESS:PORT"),
            std::string::npos);
  EXPECT_NE(problem("api: {tls: {listen: 'localhost:6550'}}").find("must be ADDRESS:PORT"), std::string::npos);
  EXPECT_NE(problem("api: {tls: {listen: []}}").find("1 to 16"), std::string::npos);
  EXPECT_NE(problem("api: {tls: {certFile: /c}}").find("both of certFile and keyFile"), std::string::npos);
  EXPECT_NE(problem("api: {tls: {names: ['a,IP:0.0.0.0']}}").find("must be a DNS name"), std::string::npos);
  const auto groups = parse_config("api: {tls: {clientCaFile: /a, clientGroups: {ops: admin, 'a b': viewer}}}", "f");
  ASSERT_TRUE(groups) << groups.error().message();
  EXPECT_EQ(groups->api_tls->client_groups, (std::map<std::string, std::string>{{"ops", "admin"}, {"a b", "viewer"}}));
  EXPECT_NE(problem("api: {tls: {clientCaFile: /a, clientGroups: {ops: root}}}")
                .find("api.tls.clientGroups.ops: must be admin or viewer"),
            std::string::npos);
  EXPECT_NE(problem("api: {tls: {clientGroups: {ops: admin}}}").find("needs clientCaFile"), std::string::npos);
  EXPECT_NE(problem("api: {tls: {lisen: x}}").find("unknown key"), std::string::npos);
}

TEST(ConfigTest, ErrorsNameLineKeyAndWhatWouldBeRight) {
  EXPECT_EQ(problem("nodeName: a\nnodname: b\n").find("berthd.yaml:2: nodname: unknown key; known here: "), 0U);
  EXPECT_EQ(problem("network:\n  bridg: x\n").find("berthd.yaml:2: network.bridg: unknown key"), 0U);
  EXPECT_NE(problem("dns: {port: 99999}").find("dns.port: must be a number from 1 to 65535"), std::string::npos);
  EXPECT_NE(problem("sources: [{}]").find("needs exactly one of directory and url"), std::string::npos);
  EXPECT_NE(problem("sources: [{url: 'ftp://x'}]").find("must begin with https://"), std::string::npos);
  EXPECT_NE(problem("stateDir: relative").find("must be an absolute path"), std::string::npos);
  EXPECT_NE(problem("nodeTaints: [{key: a, effect: Sometimes}]").find("must be NoSchedule"), std::string::npos);
  EXPECT_NE(problem("a: [").find("berthd.yaml:"), std::string::npos);
  EXPECT_NE(problem("nodeName: Not_A_Name").find("DNS name"), std::string::npos);
  EXPECT_NE(
      problem("sources: [{directory: /a, scope: cluster}]").find("sources[0].name: a source of the cluster needs"),
      std::string::npos);
  EXPECT_NE(problem("sources: [{directory: /a, scope: cluster, name: Shop_1}]").find("needs a name"),
            std::string::npos);
  EXPECT_NE(problem("sources: [{directory: /a, name: shop}]").find("is for scope: cluster"), std::string::npos);
  EXPECT_NE(problem("sources: [{directory: /a, scope: all}]").find("must be host or cluster"), std::string::npos);
  EXPECT_NE(
      problem("sources: [{directory: /a, scope: cluster, name: shop}, {url: 'http://x', scope: cluster, name: shop}]")
          .find("sources[1].name: \"shop\" is the name of another source"),
      std::string::npos);
  EXPECT_EQ(problem("dns: {holdMilliseconds: 2001}"),
            "berthd.yaml:1: dns.holdMilliseconds: must be a number from 0 to 2000");
  EXPECT_NE(problem("sources: [{url: 'http://x', interval: soon}]").find("30s, 5m or 1h"), std::string::npos);
  EXPECT_NE(problem("nodeName: a\nnodeName: b\n"), "valid");
}

TEST(BackOffTest, CrashLoopsDoubleFromTenSecondsToFiveMinutes) {
  using std::chrono::seconds;
  EXPECT_EQ(crash_back_off(0), seconds(0)) << "the first restart is at once";
  EXPECT_EQ(crash_back_off(1), seconds(10));
  EXPECT_EQ(crash_back_off(2), seconds(20));
  EXPECT_EQ(crash_back_off(5), seconds(160));
  EXPECT_EQ(crash_back_off(6), seconds(300));
  EXPECT_EQ(crash_back_off(1000), seconds(300));
}

TEST(BackOffTest, RetriesAreChosenByCodeAndSpreadByJitter) {
  EXPECT_LT(step_back_off(ErrorCode::Unavailable, 1, 0), step_back_off(ErrorCode::InvalidArgument, 1, 0));
  EXPECT_GT(step_back_off(ErrorCode::Unavailable, 3, 0.9), step_back_off(ErrorCode::Unavailable, 3, 0));
  EXPECT_LE(step_back_off(ErrorCode::Internal, 60, 1.0), std::chrono::seconds(150));
}

TEST(ConfigTest, TimeForTheHostsEnd) {
  const auto none = parse_config("", "berthd.yaml");
  EXPECT_EQ(none->shutdown_grace, std::chrono::seconds(60));
  EXPECT_EQ(none->shutdown_grace_critical, std::chrono::seconds(10));
  const auto both = parse_config("shutdownGracePeriod: 5m\nshutdownGracePeriodCriticalPods: 0s", "berthd.yaml");
  EXPECT_EQ(both->shutdown_grace, std::chrono::minutes(5));
  EXPECT_EQ(both->shutdown_grace_critical, std::chrono::seconds(0));
  EXPECT_EQ(parse_config("shutdownGracePeriod: 0s", "berthd.yaml")->shutdown_grace_critical, std::chrono::seconds(0));
  EXPECT_NE(problem("shutdownGracePeriod: 5").find("shutdownGracePeriod: must be a duration"), std::string::npos);
  EXPECT_NE(problem("{shutdownGracePeriod: 5s, shutdownGracePeriodCriticalPods: 6s}").find("must not be more than"),
            std::string::npos);
}

std::string layered(const std::vector<std::string>& texts) {
  std::vector<ConfigText> files;
  for (const auto& text : texts)
    files.push_back({files.empty() ? "berthd.yaml" : fmt::format("{}.yaml", files.size()), text});
  const auto config = parse_config(files);
  return config ? "valid" : config.error().message();
}

TEST(ConfigTest, ALaterFilesWordCounts) {
  const auto config = parse_config(std::vector<ConfigText>{
      {"berthd.yaml", "nodeName: a\nnodeLabels: {dc: one, rack: r1}\ndns: {port: 54, listen: [10.0.0.1, 10.0.0.2]}\n"},
      {"10.yaml", "# nothing\n"},
      {"20.yaml", "nodeLabels: {rack: r2, disk: ssd}\ndns: {listen: [10.0.0.3]}\nnetwork: {bridge: br1}\n"},
      {"30.yaml", "nodeName: b\nnodeLabels: {dc: }\nlogLevel: debug"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node_name, "b");
  EXPECT_EQ(config->node_labels, (model::StringMap{{"dc", "one"}, {"rack", "r2"}, {"disk", "ssd"}}))
      << "mappings are merged; a key without a value says nothing";
  EXPECT_EQ(config->dns_port, 54);
  EXPECT_EQ(config->dns_listen, std::vector<std::string>{"10.0.0.3"}) << "a list takes the place of the other";
  EXPECT_EQ(config->bridge, "br1");
  EXPECT_EQ(config->log_level, LogLevel::Debug);
}

TEST(ConfigTest, HalfAThingInEachOfTwoFilesIsAThing) {
  EXPECT_EQ(layered({"api: {tls: {certFile: /c}}", "api: {tls: {keyFile: /k}}"}), "valid");
  EXPECT_EQ(layered({"api: {tls: {certFile: /c}}", "nodeName: a"}),
            "berthd.yaml:1: api.tls: needs both of certFile and keyFile, or neither");
}

TEST(ConfigTest, AnErrorNamesTheFileThatSaidIt) {
  EXPECT_EQ(layered({"nodeName: a", "\ndns: {port: 0}"}), "1.yaml:2: dns.port: must be a number from 1 to 65535");
  EXPECT_EQ(layered({"dns: {port: 0}", "dns: {listen: [a]}"}),
            "berthd.yaml:1: dns.port: must be a number from 1 to 65535");
  EXPECT_EQ(layered({"dns: {port: 0}", "dns: {port: 53}"}), "valid");
  EXPECT_EQ(layered({"", "", "sources: [{directory: /a}, {directory: b}]"}),
            "2.yaml:1: sources[1].directory: must be an absolute path");
  EXPECT_THAT(layered({"nodeName: a", "nodeNam: b"}),
              testing::StartsWith("1.yaml:1: nodeNam: unknown key; known here: "));
  EXPECT_EQ(layered({"nodeName: a", "nodeName: b\nnodeName: c"}), "1.yaml:2: nodeName: given twice");
  EXPECT_EQ(layered({"nodeName: a", "dns: {port: 1, port: 2}"}), "1.yaml:1: dns.port: given twice");
  EXPECT_EQ(layered({"nodeName: a", "dns: {port: 1}", "dns: {port: 1, port: 2}"}), "2.yaml:1: dns.port: given twice");
  EXPECT_EQ(layered({"nodeName: a", "- b"}), "1.yaml:1: configuration: must be a mapping");
  EXPECT_EQ(layered({"- a", "nodeName: b"}), "berthd.yaml:1: configuration: must be a mapping");
  EXPECT_THAT(layered({"nodeName: a", "x: [\n"}), testing::StartsWith("1.yaml:2: "));
}

TEST(ConfigTest, AnAliasDoesNotChangeWithItsTwin) {
  const auto config = parse_config(
      std::vector<ConfigText>{{"berthd.yaml", "nodeLabels: &x {a: one}\n"}, {"1.yaml", "nodeLabels: {a: two}\n"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node_labels.at("a"), "two");
}

TEST(ConfigTest, LogFilesAreWhereShippersLookUnlessToldOtherwise) {
  const auto logs = [](const std::string& text) { return parse_config(text, "f")->logs; };
  EXPECT_EQ(logs(""), (runtime::LogSettings{.directory = "/var/log/pods", .links = "/var/log/containers"}));
  EXPECT_EQ(logs("logs: {directory: /srv/pods/, links: \"\"}"),
            (runtime::LogSettings{.directory = "/srv/pods", .links = ""}));
  EXPECT_EQ(logs("logs: {directory: \"\"}").directory, "");
  EXPECT_EQ(problem("logs: {directory: pods}"),
            "berthd.yaml:1: logs.directory: must be an absolute path, or \"\" for none");
  EXPECT_EQ(problem("logs: {directory: /}"), "berthd.yaml:1: logs.directory: must not be /");
  EXPECT_EQ(problem("logs: {directory: /x, links: /x}"),
            "berthd.yaml:1: logs.links: must be another directory than logs.directory");
  EXPECT_EQ(problem("logs: {format: json}"), "berthd.yaml:1: logs.format: unknown key; known here: directory, links");
}

TEST(ConfigTest, LogLevels) {
  EXPECT_EQ(parse_config("", "f")->log_level, LogLevel::Info);
  EXPECT_EQ(parse_config("logLevel: warning", "f")->log_level, LogLevel::Warning);
  EXPECT_EQ(problem("logLevel: chatty"), "berthd.yaml:1: logLevel: must be error, warning, info or debug");
}

TEST(ConfigTest, FilesMayBeCredentials) {
  const char* before = std::getenv("CREDENTIALS_DIRECTORY");
  const std::string kept = before != nullptr ? before : "";
  const auto token = [] {
    return parse_config("api: {tls: {tokenFile: $CREDENTIALS_DIRECTORY/tokens}}", "f")->api_tls->token_file;
  };
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/other.service", 1);
  EXPECT_EQ(token(), "/run/credentials/other.service/tokens");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(token(), "/run/credentials/berthd.service/tokens") << "as berthd --check sees it";
  if (before != nullptr) ::setenv("CREDENTIALS_DIRECTORY", kept.c_str(), 1);
  EXPECT_EQ(problem("api: {tls: {tokenFile: $CREDENTIALS_DIRECTORY/../tokens}}"),
            "berthd.yaml:1: api.tls.tokenFile: must be $CREDENTIALS_DIRECTORY/ and the name of a credential");
  EXPECT_EQ(problem("stateDir: $CREDENTIALS_DIRECTORY/x"), "berthd.yaml:1: stateDir: must be an absolute path");
}

TEST(ConfigTest, ReadsTheFileAndItsDropIns) {
  const TempDir dir;
  const auto& root = dir.path();
  const auto file = root / "berthd.yaml";
  EXPECT_TRUE(failed_with(load_config(file), ErrorCode::NotFound));
  ASSERT_TRUE(write_file(file, "nodeName: a\ndns: {port: 54}\n"));
  EXPECT_EQ(load_config(file)->files, std::vector{file});
  ASSERT_TRUE(make_directories(root / "berthd.d"));
  ASSERT_TRUE(write_file(root / "berthd.d/20.yaml", "nodeName: c\n"));
  ASSERT_TRUE(write_file(root / "berthd.d/10.yaml", "nodeName: b\nlogLevel: error\n"));
  const auto config = load_config(file);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node_name, "c");
  EXPECT_EQ(config->dns_port, 54);
  EXPECT_EQ(config->log_level, LogLevel::Error);
  EXPECT_EQ(config->files, (std::vector{file, root / "berthd.d/10.yaml", root / "berthd.d/20.yaml"}));
  std::filesystem::create_symlink(root / "gone", root / "berthd.d/30.yaml");
  const auto broken = load_config(file);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message().find("30.yaml"), std::string::npos) << broken.error().message();
}

}  // namespace
}  // namespace berth::agent
