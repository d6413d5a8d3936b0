// tests/network/dns_upstreams_test.cpp - resolv.conf as DHCP clients, VPNs and systemd-resolved leave it, while we run.
#include "network/dns/upstreams.hpp"

#include <poll.h>

#include "network/dns/server.hpp"
#include "tests/network/dns_sockets.hpp"
#include "tests/network/dns_text.hpp"
#include "tests/temp_dir.hpp"

namespace berth::network::dns {
namespace {

using Servers = std::vector<std::string>;

std::vector<SocketAddress> addresses(const Servers& texts) {
  std::vector<SocketAddress> all;
  for (const auto& text : texts) all.push_back(*parse_socket_address(text, 53));
  return all;
}

TEST(Upstreams, AreAddressesEachOnceAndNeverOurselves) {
  EXPECT_EQ(usable_upstreams({"192.0.2.1", "nonsense", "192.0.2.1", "127.0.0.53", "2001:db8::1"}, 53, {}),
            addresses({"192.0.2.1", "127.0.0.53", "2001:db8::1"}));
  EXPECT_EQ(usable_upstreams({"10.98.0.1", "192.0.2.1"}, 53, addresses({"10.98.0.1"})), addresses({"192.0.2.1"}));
  EXPECT_EQ(usable_upstreams({"10.98.0.1"}, 53, addresses({"10.98.0.1:5353"})), addresses({"10.98.0.1"}));
  EXPECT_EQ(usable_upstreams({"127.0.0.1", "::1"}, 53, addresses({"0.0.0.0"})), addresses({"::1"}));
  EXPECT_EQ(usable_upstreams({"127.0.0.1"}, 53, addresses({"0.0.0.0:5353"})), addresses({"127.0.0.1"}));
}

class Watching : public ::testing::Test {
 protected:
  static bool readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;  // inotify events are there when the call that caused them is done
  }
  /// As the server does: read again when told to.
  static Servers told(ResolvConfWatch& watch) {
    if (!readable(watch.fd()) || !watch.changed()) return {"not told"};
    return watch.read();
  }
  static void replace(const std::filesystem::path& path, const std::string& text) {
    put(path.native() + ".new", text);
    std::filesystem::rename(path.native() + ".new", path);
  }

  TempDir dir_;
  std::filesystem::path etc_ = dir_.path() / "etc";
  std::filesystem::path conf_ = etc_ / "resolv.conf";
};

TEST_F(Watching, AFileThatIsWrittenRenamedOrMadeIsReadAgain) {
  std::filesystem::create_directories(etc_);
  ResolvConfWatch watch(conf_);
  EXPECT_EQ(watch.read(), Servers{});
  put(conf_, "nameserver 192.0.2.1\n");
  EXPECT_EQ(told(watch), Servers{"192.0.2.1"});
  replace(conf_, "nameserver 192.0.2.2\nnameserver 192.0.2.3\n");
  EXPECT_EQ(told(watch), (Servers{"192.0.2.2", "192.0.2.3"}));
  put(conf_, "nameserver 192.0.2.4\n");
  EXPECT_EQ(told(watch), Servers{"192.0.2.4"});
  std::filesystem::remove(conf_);
  EXPECT_EQ(told(watch), Servers{});
  put(conf_, "nameserver 192.0.2.5\n");
  EXPECT_EQ(told(watch), Servers{"192.0.2.5"});
}

TEST_F(Watching, OtherFilesOfTheDirectoryAreNothingToUs) {
  put(conf_, "nameserver 192.0.2.1\n");
  ResolvConfWatch watch(conf_);
  watch.read();
  put(etc_ / "passwd", "x");
  EXPECT_FALSE(watch.changed());
}

TEST_F(Watching, LinksAreFollowedToADirectoryThatComesLater) {
  std::filesystem::create_directories(etc_);
  std::filesystem::create_symlink("../run/resolve/stub.conf", conf_);
  ResolvConfWatch watch(conf_);
  EXPECT_EQ(watch.read(), Servers{});
  std::filesystem::create_directory(dir_.path() / "run");
  EXPECT_EQ(told(watch), Servers{});
  std::filesystem::create_directory(dir_.path() / "run/resolve");
  EXPECT_EQ(told(watch), Servers{});
  replace(dir_.path() / "run/resolve/stub.conf", "nameserver 127.0.0.53\n");
  EXPECT_EQ(told(watch), Servers{"127.0.0.53"});
  // A VPN puts a file of its own in place of the link.
  replace(conf_, "nameserver 192.0.2.9\n");
  EXPECT_EQ(told(watch), Servers{"192.0.2.9"});
  // The old target is nobody's business any more.
  replace(dir_.path() / "run/resolve/stub.conf", "nameserver 127.0.0.54\n");
  watch.changed();
  EXPECT_EQ(watch.read(), Servers{"192.0.2.9"});
}

/// Two name servers on one port: resolv.conf has no ports.
class Following : public Watching {
 protected:
  void start() {
    ServerLimits limits;
    limits.upstream_port = first_.port();
    auto server = start_server({{"127.0.0.1"}, 0, {}, {"127.0.0.0/8"}, conf_}, limits);
    ASSERT_TRUE(server.ok());
    server_ = std::move(*server);
    server_->publish({});
  }
  void answers_from(FakeUpstream& upstream, const char* name, int answers) {
    const UdpClient client(server_->port());
    client.send(make_query(name, "A"));
    upstream.reply(make_reply(upstream.receive(), 0, answers));
    EXPECT_EQ(text_of(client.receive()), answers == 1 ? "NOERROR A=192.0.2.1" : "NOERROR A=192.0.2.1 A=192.0.2.2");
  }

  FakeUpstream first_;
  FakeUpstream second_{*parse_socket_address("127.0.0.2", first_.port())};
  std::unique_ptr<DnsServer> server_;
};

TEST_F(Following, WhatIsWrittenAfterTheStartIsAsked) {
  std::filesystem::create_directories(etc_);
  start();
  EXPECT_EQ(text_of(UdpClient(server_->port()).ask(make_query("www.example.org", "A"))), "SERVFAIL");
  replace(conf_, "nameserver 127.0.0.1\n");
  answers_from(first_, "www.example.org", 1);
}

TEST_F(Following, OtherServersAreAskedAtOnceAndTheOldAnswersForgotten) {
  put(conf_, "nameserver 127.0.0.1\n");
  start();
  answers_from(first_, "www.example.org", 1);
  replace(conf_, "nameserver 127.0.0.2\n");
  answers_from(second_, "www.example.org", 2);
}

TEST_F(Following, AFileWithoutServersChangesNothing) {
  put(conf_, "nameserver 127.0.0.1\n");
  start();
  std::filesystem::resize_file(conf_, 0);
  put(conf_, "");
  answers_from(first_, "www.example.org", 1);
  std::filesystem::remove(conf_);
  answers_from(first_, "www.example.net", 1);
}

TEST_F(Following, AQuestionOnItsWayIsAskedOfTheNewServers) {
  put(conf_, "nameserver 127.0.0.1\n");
  start();
  const UdpClient client(server_->port());
  client.send(make_query("www.example.org", "A"));
  first_.receive();  // and says nothing
  replace(conf_, "nameserver 127.0.0.2\n");
  second_.reply(make_reply(second_.receive(), 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
}

}  // namespace
}  // namespace berth::network::dns
