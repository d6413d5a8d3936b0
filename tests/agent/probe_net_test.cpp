// tests/agent/probe_net_test.cpp - tcpSocket, grpc, TLS and ports, on loopback.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "agent/probes/probe_grpc.hpp"
#include "agent/probes/probe_http.hpp"
#include "agent/probes/probe_target.hpp"
#include "agent/probes/probe_tcp.hpp"
#include "tests/agent/loopback_server.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kTimeout{10'000};

ProbeOutcome grpc_answer(const std::string& response, const std::string& service = "") {
  const LoopbackServer server([&](const std::string&) { return response; });
  return run_probe(*make_grpc_probe({"127.0.0.1", server.port()}, service), kTimeout);
}

std::string frame(int type, int flags, int stream, const std::string& payload) {
  const auto byte = [](std::size_t value) { return std::string(1, static_cast<char>(value & 0xff)); };
  return byte(payload.size() >> 16) + byte(payload.size() >> 8) + byte(payload.size()) +
         byte(static_cast<std::size_t>(type)) + byte(static_cast<std::size_t>(flags)) + std::string(3, '\0') +
         byte(static_cast<std::size_t>(stream)) + payload;
}
const std::string kSettings = frame(4, 0, 0, "");
std::string status(char value) { return std::string("\0\0\0\0\2\x08", 6) + value; }

TEST(TcpProbe, ListeningPortSucceedsClosedPortFails) {
  const LoopbackServer silent;
  EXPECT_EQ(run_probe(*make_tcp_probe({"127.0.0.1", silent.port()}), kTimeout).answer, ProbeAnswer::Success);
  const auto refused = run_probe(*make_tcp_probe({"127.0.0.1", closed_port()}), kTimeout);
  EXPECT_EQ(refused.answer, ProbeAnswer::Failure);
  EXPECT_NE(refused.message.find("Connection refused"), std::string::npos) << refused.message;
}

TEST(TcpProbe, NoAddressIsAFailureNotACrash) {
  EXPECT_EQ(run_probe(*make_tcp_probe({"", 80}), kTimeout).answer, ProbeAnswer::Failure);
  EXPECT_EQ(run_probe(*make_tcp_probe({"not-an-address", 80}), kTimeout).answer, ProbeAnswer::Failure);
}

TEST(GrpcProbe, ServingSucceedsWhateverComesBefore) {
  const auto headers = frame(1, 4, 1, "\x88");
  const auto outcome = grpc_answer(kSettings + frame(4, 1, 0, "") + frame(6, 0, 0, "12345678") + headers +
                                   frame(0, 0, 1, status(1)) + frame(1, 5, 1, "x"));
  EXPECT_EQ(outcome.answer, ProbeAnswer::Success) << outcome.message;
}

TEST(GrpcProbe, NotServingErrorAndOtherProtocolsFailWithAReason) {
  EXPECT_NE(grpc_answer(kSettings + frame(0, 0, 1, status(2)), "db").message.find("NOT_SERVING"), std::string::npos);
  EXPECT_NE(grpc_answer(kSettings + frame(1, 5, 1, "x")).message.find("no such service"), std::string::npos);
  EXPECT_NE(grpc_answer("HTTP/1.1 400 Bad Request\r\n\r\n").message.find("not HTTP/2"), std::string::npos);
  EXPECT_NE(grpc_answer(kSettings).message.find("closed"), std::string::npos);
  EXPECT_EQ(grpc_answer(kSettings + frame(0, 8, 1, "\xff")).answer, ProbeAnswer::Failure);
}

TEST(GrpcProbe, RequestNamesMethodAndService) {
  const auto request = grpc_health_request({"10.98.0.7", 50051}, "db");
  EXPECT_EQ(request.rfind("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), 0U);
  EXPECT_NE(request.find("/grpc.health.v1.Health/Check"), std::string::npos);
  EXPECT_EQ(request.substr(request.size() - 9), std::string("\0\0\0\0\4\x0a\2db", 9));
}

TEST(ProbePort, NumberOrNameOfAContainerPort) {
  std::vector<model::ContainerPort> ports(1);
  ports[0].name = "web";
  ports[0].container_port = 8080;
  EXPECT_EQ(probe_port("80", ports).value_or(0), 80);
  EXPECT_EQ(probe_port("web", ports).value_or(0), 8080);
  for (const auto* bad : {"", "0", "65536", "-1", "metrics", "80x"}) {
    EXPECT_TRUE(failed_with(probe_port(bad, ports), ErrorCode::InvalidArgument)) << bad;
  }
}

/// A self-signed certificate that nobody trusts, and one TLS connection that answers 200.
class TlsServer {
 public:
  TlsServer()
      : key_(::EVP_EC_gen("P-256")), certificate_(::X509_new()), context_(::SSL_CTX_new(::TLS_server_method())) {
    ::X509_set_pubkey(certificate_, key_);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate_), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate_), -60);  // expired, too
    ::X509_sign(certificate_, key_, ::EVP_sha256());
    ::SSL_CTX_use_certificate(context_, certificate_);
    ::SSL_CTX_use_PrivateKey(context_, key_);
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 4);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    ::SSL_CTX_free(context_);
    ::X509_free(certificate_);
    ::EVP_PKEY_free(key_);
  }
  std::uint16_t port() const { return port_; }

 private:
  void serve() {
    const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    auto* ssl = ::SSL_new(context_);
    ::SSL_set_fd(ssl, client.get());
    if (::SSL_accept(ssl) == 1) {
      std::array<char, 4096> buffer;
      ::SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      ::SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      ::SSL_shutdown(ssl);
    }
    ::SSL_free(ssl);
  }

  EVP_PKEY* key_;
  X509* certificate_;
  SSL_CTX* context_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(HttpsProbe, CertificateIsNotLookedAtAsInTheKubelet) {
  const TlsServer server;
  const HttpTarget target{true, {"127.0.0.1", server.port()}, "127.0.0.1", "/"};
  const auto outcome = run_probe(*make_http_probe(target, {}), kTimeout);
  EXPECT_EQ(outcome.answer, ProbeAnswer::Success) << outcome.message;
}

TEST(HttpsProbe, PlainServerIsAFailure) {
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n"; });
  const HttpTarget target{true, {"127.0.0.1", server.port()}, "127.0.0.1", "/"};
  const auto outcome = run_probe(*make_http_probe(target, {}), kTimeout);
  EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
  EXPECT_NE(outcome.message.find("tls"), std::string::npos) << outcome.message;
}

}  // namespace
}  // namespace berth::agent
