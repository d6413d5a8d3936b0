// tests/api/tls_test.cpp - the TLS module: its certificates, and what goes through its tunnels.
#include "api/http/tls_module.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "base/atomic_file.hpp"
#include "tests/api/tls_client.hpp"
#include "tests/temp_dir.hpp"

namespace berth::api {
namespace {

/// A TCP socket that has a port of 127.0.0.1, and that port; it does not listen yet.
std::pair<UniqueFd, std::uint16_t> loopback_socket(int flags = 0) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return {std::move(socket), ntohs(address.sin_port)};
}

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::HasSubstr;

const TlsModule& module() {
  static const auto loaded = tls_module();
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message());
  return **loaded;
}

class Pki : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name) const { return directory_ / "pki" / name; }
  std::string text(const std::string& name) const { return read_file(file(name)).value_or("none"); }
  PkiOptions options(std::vector<std::string> names = {"localhost", "127.0.0.1", "::1", "n1"}) const {
    return {directory_ / "pki", std::move(names)};
  }
  bool ensure(std::chrono::system_clock::time_point now,
              std::vector<std::string> names = {"localhost", "127.0.0.1", "::1", "n1"}) {
    const auto done = module().ensure_pki(options(std::move(names)), now);
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    return done && *done;
  }

  TempDir temp_;
  const std::filesystem::path directory_ = temp_.path();
  const std::chrono::system_clock::time_point now_ = std::chrono::system_clock::now();
};

TEST_F(Pki, IsMadeOnceAndForNobodyElsesEyes) {
  EXPECT_TRUE(ensure(now_));
  struct stat info {};
  ASSERT_EQ(::stat(file("").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  for (const auto* name : {"ca", "server", "admin", "viewer"}) {
    for (const auto* ending : {".crt", ".key"}) {
      ASSERT_EQ(::stat(file(std::string(name) + ending).c_str(), &info), 0) << name << ending;
      EXPECT_EQ(info.st_mode & 0777U, 0600U) << name << ending;
    }
  }
  const auto before = text("server.crt") + text("admin.key") + text("ca.crt");
  EXPECT_FALSE(ensure(now_ + hours(24 * 300)));
  EXPECT_EQ(text("server.crt") + text("admin.key") + text("ca.crt"), before);
}

TEST_F(Pki, WhatEndsSoonIsRenewedAndTheCaStays) {
  ensure(now_);
  const auto ca = text("ca.crt");
  const auto server = text("server.crt");
  const auto viewer = text("viewer.crt");
  EXPECT_TRUE(ensure(now_ + hours(24 * 340)));
  EXPECT_EQ(text("ca.crt"), ca);
  EXPECT_NE(text("server.crt"), server);
  EXPECT_NE(text("viewer.crt"), viewer);
  EXPECT_FALSE(ensure(now_ + hours(24 * 341)));
  // In the CA's last year nothing outlives it, and nothing is made anew at every look.
  EXPECT_TRUE(ensure(now_ + hours(24 * 3640)));
  EXPECT_FALSE(ensure(now_ + hours(24 * 3640)));
}

TEST_F(Pki, NewNamesAreANewServerCertificateOnly) {
  ensure(now_);
  const auto server = text("server.crt");
  const auto admin = text("admin.crt");
  EXPECT_FALSE(ensure(now_, {"n1"}));
  EXPECT_TRUE(ensure(now_, {"n1", "192.0.2.7"}));
  EXPECT_NE(text("server.crt"), server);
  EXPECT_EQ(text("admin.crt"), admin);
}

TEST_F(Pki, WhatACrashLeftBehindIsMadeAgain) {
  ensure(now_);
  std::filesystem::remove(file("server.crt"));
  ASSERT_TRUE(write_file(file("admin.crt"), "-----BEGIN CERTIFICATE-----\nMIIB", 0600));
  const auto viewer = text("viewer.crt");
  std::filesystem::copy_file(file("admin.key"), file("viewer.key"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(ensure(now_));
  EXPECT_THAT(text("server.crt"), HasSubstr("END CERTIFICATE"));
  EXPECT_THAT(text("admin.crt"), HasSubstr("END CERTIFICATE"));
  EXPECT_NE(text("viewer.crt"), viewer);
  EXPECT_FALSE(ensure(now_));
  std::filesystem::remove(file("ca.crt"));  // its key alone has signed nothing that anybody can check
  EXPECT_TRUE(ensure(now_));
  EXPECT_FALSE(ensure(now_));
}

TEST_F(Pki, ACaThatWasGivenOutIsNeverReplaced) {
  ensure(now_);
  const auto ca = text("ca.crt");
  std::filesystem::remove(file("ca.key"));
  const auto refused = module().ensure_pki(options(), now_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("ca.key"));
  EXPECT_EQ(text("ca.crt"), ca);
}

/// A gateway on a free port; what comes out of it waits in a queue.
class Gateway : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    ensure(now_);
    options_.certificate_file = file("server.crt");
    options_.key_file = file("server.key");
    options_.client_ca_files = {file("ca.crt")};
  }
  void TearDown() override {
    gateway_.reset();
    Pki::TearDown();
  }

  void start() {
    auto [listener, port] = loopback_socket(SOCK_NONBLOCK);
    ASSERT_EQ(::listen(listener.get(), 64), 0);
    port_ = port;
    options_.listeners.push_back(std::move(listener));
    options_.on_peer = [this](TlsPeer peer) {
      const std::lock_guard lock(mutex_);
      peers_.push_back(std::move(peer));
      arrived_.notify_one();
    };
    auto gateway = module().start_gateway(std::move(options_));
    ASSERT_TRUE(gateway) << gateway.error().message();
    gateway_ = *std::move(gateway);
  }

  /// The next connection that came through, its socket made blocking.
  TlsPeer next_peer() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, std::chrono::seconds(20), [this] { return !peers_.empty(); })) {
      ADD_FAILURE() << "no peer came";
      return {};
    }
    auto peer = std::move(peers_.front());
    peers_.pop_front();
    const int flags = ::fcntl(peer.socket.get(), F_GETFL);
    ::fcntl(peer.socket.get(), F_SETFL, flags & ~O_NONBLOCK);
    return peer;
  }

  static std::string read_all(int fd) {
    std::string all;
    std::string piece(16 * 1024, '\0');
    for (ssize_t got = 0; (got = ::recv(fd, piece.data(), piece.size(), 0)) > 0;) {
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
    return all;
  }
  static bool send_all(int fd, std::string_view data) {
    while (!data.empty()) {
      const auto put = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }

  TlsOptions options_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<TlsPeer> peers_;
  std::unique_ptr<TlsGateway> gateway_;
};

TEST_F(Gateway, ACertificateOfOurCaSaysWhoItIs) {
  start();
  TlsClient admin(port_, {.certificate = file("admin"), .authority = file("ca.crt")});
  ASSERT_TRUE(admin.connected()) << admin.error();
  auto peer = next_peer();
  ASSERT_TRUE(peer.name);
  EXPECT_EQ(peer.name->name, "admin");
  EXPECT_EQ(peer.name->groups, std::vector<std::string>{"system:masters"});
  TlsClient viewer(port_, {.certificate = file("viewer")});
  peer = next_peer();
  ASSERT_TRUE(peer.name);
  EXPECT_EQ(peer.name->groups, std::vector<std::string>{"berth:viewers"});
}

/// Also when the other CA is called as ours.
TEST_F(Gateway, ACertificateOfAnotherCaIsNotTakenForOurs) {
  ASSERT_TRUE(module().ensure_pki({directory_ / "company", {}}, now_));
  options_.client_ca_files.push_back(directory_ / "company" / "ca.crt");
  options_.own_ca_file = file("ca.crt");
  start();
  TlsClient admin(port_, {.certificate = file("admin")});
  auto peer = next_peer();
  ASSERT_TRUE(peer.name);
  EXPECT_TRUE(peer.name->ours);
  TlsClient other(port_, {.certificate = directory_ / "company" / "admin"});
  peer = next_peer();
  ASSERT_TRUE(peer.name) << other.error();
  EXPECT_EQ(peer.name->groups, std::vector<std::string>{"system:masters"});
  EXPECT_FALSE(peer.name->ours);
}

TEST_F(Gateway, WithoutACertificateAPeerIsNobodyYet) {
  start();
  TlsClient client(port_, {.authority = file("ca.crt")});
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_FALSE(next_peer().name);
}

TEST_F(Gateway, ACertificateOfAnotherCaOrOneThatEndedOrAServersIsRefused) {
  start();
  ASSERT_TRUE(module().ensure_pki({directory_ / "other", {}}, now_));
  TlsClient stranger(port_, {.certificate = directory_ / "other" / "admin"});
  EXPECT_EQ(stranger.read_all(), "");
  EXPECT_THAT(stranger.error(), HasSubstr("unknown ca"));
  // As an admin had it a year ago.
  std::filesystem::create_directory(directory_ / "old");
  for (const auto* name : {"ca.crt", "ca.key"}) std::filesystem::copy_file(file(name), directory_ / "old" / name);
  ASSERT_TRUE(module().ensure_pki({directory_ / "old", {}}, now_ - hours(24 * 366)));
  TlsClient late(port_, {.certificate = directory_ / "old" / "admin"});
  EXPECT_EQ(late.read_all(), "");
  EXPECT_THAT(late.error(), HasSubstr("expired"));
  TlsClient server(port_, {.certificate = file("server")});
  EXPECT_EQ(server.read_all(), "");
  EXPECT_NE(server.error(), "");
}

TEST_F(Gateway, PlainHttpIsToldSo) {
  start();
  const auto fd = connect_to(port_);
  ASSERT_TRUE(send_all(fd.get(), "GET /api HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(read_all(fd.get()), HasSubstr("Client sent an HTTP request to an HTTPS server."));
  const auto garbage = connect_to(port_);
  ASSERT_TRUE(send_all(garbage.get(), std::string(64, '\x01')));
  EXPECT_THAT(read_all(garbage.get()), testing::Not(HasSubstr("HTTP")));
}

TEST_F(Gateway, SpeaksHttp11AndModernTlsOnly) {
  start();
  EXPECT_EQ(TlsClient(port_, {.protocols = "\x02h2\x08http/1.1"}).protocol(), "http/1.1");
  EXPECT_FALSE(TlsClient(port_, {.protocols = "\x02h2"}).connected());
  EXPECT_TRUE(TlsClient(port_, {.max_version = TLS1_2_VERSION}).connected());
  EXPECT_FALSE(TlsClient(port_, {.max_version = TLS1_1_VERSION}).connected());
}

TEST_F(Gateway, BytesArriveWholeAndInOrderBothWays) {
  start();
  TlsClient client(port_);
  const auto peer = next_peer();
  std::string data(8 * 1024 * 1024, '\0');
  std::uint32_t state = 7;
  for (auto& c : data) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  std::string seen;
  std::thread other([&] {
    std::string piece(5000, '\0');
    while (seen.size() < data.size()) {
      const auto got = ::recv(peer.socket.get(), piece.data(), piece.size(), 0);
      if (got <= 0) break;
      seen.append(piece, 0, static_cast<std::size_t>(got));
    }
    send_all(peer.socket.get(), data);
    ::shutdown(peer.socket.get(), SHUT_WR);
  });
  EXPECT_TRUE(client.send(data));
  const auto back = client.read_all();
  other.join();
  EXPECT_TRUE(seen == data);
  EXPECT_TRUE(back == data);
  EXPECT_TRUE(client.clean_end);
}

TEST_F(Gateway, OneSidesEndReachesTheOtherAndAnswersStillComeBack) {
  start();
  TlsClient client(port_);
  auto peer = next_peer();
  ASSERT_TRUE(client.send("question"));
  client.end_sending();
  EXPECT_EQ(read_all(peer.socket.get()), "question");
  ASSERT_TRUE(send_all(peer.socket.get(), "answer"));
  peer.socket.reset();
  EXPECT_EQ(client.read_all(), "answer");
  EXPECT_TRUE(client.clean_end);
}

TEST_F(Gateway, AnAnswerIsReadWholeByAPeerThatWasStillSending) {
  start();
  TlsClient client(port_);
  auto peer = next_peer();
  ASSERT_TRUE(client.send(std::string(40'000, 'b')));
  ASSERT_TRUE(send_all(peer.socket.get(), "no"));
  peer.socket.reset();  // with most of what the peer sent unread
  EXPECT_EQ(client.read_all(), "no");
}

TEST_F(Gateway, APeerThatReadsNothingStopsTheWriterSoon) {
  start();
  TlsClient client(port_, {.receive_buffer = 8192});
  const auto peer = next_peer();
  const std::string piece(16 * 1024, 'x');
  std::size_t taken = 0;
  pollfd wait{peer.socket.get(), POLLOUT, 0};
  while (::poll(&wait, 1, 300) == 1) {
    const auto put = ::send(peer.socket.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) taken += static_cast<std::size_t>(put);
    ASSERT_LT(taken, 32U * 1024 * 1024);
  }
  EXPECT_GT(taken, 0U);
}

TEST_F(Gateway, WhoDoesNotFinishTheHandshakeIsClosed) {
  options_.handshake_time = milliseconds(50);
  start();
  const auto silent = connect_to(port_);
  EXPECT_EQ(read_all(silent.get()), "");
}

TEST_F(Gateway, TheOldestHandshakeMakesRoomForANewOne) {
  options_.handshakes = 2;
  start();
  const auto first = connect_to(port_);
  const auto second = connect_to(port_);
  TlsClient third(port_);
  EXPECT_TRUE(third.connected()) << third.error();
  EXPECT_EQ(read_all(first.get()), "");
}

TEST_F(Gateway, AboveTheLimitAConnectionIsClosedAndPlacesComeBack) {
  options_.connections = 1;
  start();
  {
    TlsClient only(port_);
    ASSERT_TRUE(only.connected());
    const auto peer = next_peer();
    EXPECT_FALSE(TlsClient(port_).connected());
  }
  for (int i = 0; i < 1000; ++i) {  // the gateway notices in its own time
    if (TlsClient(port_).connected()) return;
  }
  FAIL() << "the place of a closed connection never came back";
}

TEST_F(Gateway, RenewedCertificatesAreTakenUpAndOpenConnectionsStay) {
  options_.look_again = milliseconds(20);
  start();
  TlsClient before(port_, {.authority = file("ca.crt")});
  const auto peer = next_peer();
  ensure(now_, {"localhost", "new.example"});
  std::string serial = before.serial();
  for (int i = 0; i < 2000 && serial == before.serial(); ++i) {
    TlsClient after(port_, {.authority = file("ca.crt")});
    ASSERT_TRUE(after.connected()) << after.error();
    serial = after.serial();
  }
  EXPECT_NE(serial, before.serial());
  ASSERT_TRUE(send_all(peer.socket.get(), "still here"));
  EXPECT_EQ(before.read_some(), "still here");
}

TEST_F(Gateway, FilesThatCannotBeUsedAreNamed) {
  options_.key_file = file("admin.key");
  auto refused = module().start_gateway(std::move(options_));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("admin.key of certificate"));
  TlsOptions missing;
  missing.certificate_file = file("nope.crt");
  refused = module().start_gateway(std::move(missing));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("nope.crt"));
}

/// A gateway that asks another one, itself: it is as good as any.
class GatewayConnects : public Gateway {
 protected:
  void SetUp() override {
    Gateway::SetUp();
    options_.hosts = HostPki{file("ca.crt"), file("admin.crt"), file("admin.key")};
  }
  /// What came of it: a socket, or why there is none.
  Result<UniqueFd> connect(std::uint16_t port, const std::string& host = "127.0.0.1", milliseconds time = hours(1)) {
    std::promise<Result<UniqueFd>> made;
    gateway_->connect({host, port}, time, [&](Result<UniqueFd> result) { made.set_value(std::move(result)); });
    return made.get_future().get();
  }
};

TEST_F(GatewayConnects, BytesGoBothWaysAndOursIsTheCertificateThatWasGiven) {
  start();
  auto ours = connect(port_);
  ASSERT_TRUE(ours) << ours.error().message();
  const auto theirs = next_peer();
  ASSERT_TRUE(theirs.name);
  EXPECT_EQ(theirs.name->name, "admin");
  EXPECT_TRUE(theirs.name->of_hosts);
  EXPECT_FALSE(theirs.name->ours) << "nobody said which CA is ours";
  ASSERT_TRUE(send_all(ours->get(), "question"));
  ::fcntl(ours->get(), F_SETFL, ::fcntl(ours->get(), F_GETFL) & ~O_NONBLOCK);
  std::string seen(8, '\0');
  EXPECT_EQ(::recv(theirs.socket.get(), seen.data(), seen.size(), MSG_WAITALL), 8);
  EXPECT_EQ(seen, "question");
  ASSERT_TRUE(send_all(theirs.socket.get(), "answer"));
  ::shutdown(theirs.socket.get(), SHUT_WR);
  EXPECT_EQ(read_all(ours->get()), "answer");
}

TEST_F(GatewayConnects, WhyThereIsNoConnectionIsSaid) {
  options_.handshake_time = milliseconds(30);
  const auto [silent, port] = loopback_socket();
  start();
  const auto refused = connect(port);
  EXPECT_EQ(refused.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(refused.error().message(), "connect: connection refused");
  ASSERT_EQ(::listen(silent.get(), 8), 0);
  const auto late = connect(port);
  EXPECT_EQ(late.error().code(), ErrorCode::DeadlineExceeded);
  EXPECT_EQ(connect(port, "n2.example").error().code(), ErrorCode::InvalidArgument);
}

// A busy host's agent takes longer to greet than its kernel: three seconds for both ended most of a hundred at once.
TEST_F(GatewayConnects, WhoWasAcceptedHasTheTimeOfAHandshake) {
  const auto [slow, port] = loopback_socket();
  ASSERT_EQ(::listen(slow.get(), 8), 0);
  start();
  std::promise<Error> ended;
  gateway_->connect({"127.0.0.1", port}, milliseconds(0),
                    [&](const Result<UniqueFd>& made) { ended.set_value(made.error()); });
  const UniqueFd accepted(::accept4(slow.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string hello(5, '\0');
  ASSERT_EQ(::recv(accepted.get(), hello.data(), hello.size(), MSG_WAITALL), 5);
  auto answer = ended.get_future();
  ASSERT_TRUE(send_all(accepted.get(), "no TLS at all\r\n"));
  EXPECT_EQ(answer.get().code(), ErrorCode::Unavailable);
}

TEST_F(GatewayConnects, WhenOneMeetsSilenceThoseThatWaitAreToldTheSame) {
  options_.handshake_time = milliseconds(30);
  const auto [silent, port] = loopback_socket();
  ASSERT_EQ(::listen(silent.get(), 64), 0);
  start();
  constexpr int kMany = 40;
  std::promise<void> all;
  std::atomic<int> told = 0;
  std::atomic<int> silences = 0;
  for (int i = 0; i < kMany; ++i) {
    gateway_->connect({"127.0.0.1", port}, hours(1), [&](const Result<UniqueFd>& made) {
      if (failed_with(made, ErrorCode::DeadlineExceeded)) ++silences;
      if (++told == kMany) all.set_value();
    });
  }
  all.get_future().wait();
  EXPECT_EQ(silences, kMany);
  ::fcntl(silent.get(), F_SETFL, O_NONBLOCK);
  int tried = 0;
  while (UniqueFd(::accept4(silent.get(), nullptr, nullptr, SOCK_CLOEXEC))) ++tried;
  EXPECT_LT(tried, kMany / 2) << "only those that were made at once have waited";
}

TEST_F(GatewayConnects, NotMoreAtOnceThanMayBeAndAnEndForThoseUnderWay) {
  options_.dials = 1;
  const auto [silent, port] = loopback_socket();
  ASSERT_EQ(::listen(silent.get(), 8), 0);
  start();
  std::optional<Error> first;
  gateway_->connect({"127.0.0.1", port}, hours(1), [&](const Result<UniqueFd>& made) { first = made.error(); });
  EXPECT_EQ(connect(port_).error().code(), ErrorCode::ResourceExhausted);
  gateway_.reset();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->code(), ErrorCode::Cancelled);
}

TEST_F(GatewayConnects, WithoutHostsNobodyIsAsked) {
  options_.hosts.reset();
  start();
  EXPECT_EQ(connect(port_).error().code(), ErrorCode::FailedPrecondition);
}

}  // namespace
}  // namespace berth::api
