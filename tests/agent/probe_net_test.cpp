// tests/agent/probe_net_test.cpp - tcpSocket, grpc, TLS and ports, on loopback.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <future>

#include "agent/probes/probe_grpc.hpp"
#include "agent/probes/probe_http.hpp"
#include "agent/probes/probe_target.hpp"
#include "agent/probes/probe_tcp.hpp"
#include "tests/agent/grpc_server.hpp"
#include "tests/agent/loopback_server.hpp"
#include "tests/agent/run_probe.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kTimeout{10'000};

ProbeOutcome ask_grpc(std::uint16_t port, const std::string& service = "", milliseconds timeout = kTimeout) {
  GrpcProbes probes;
  std::promise<ProbeOutcome> told;
  probes.check({"127.0.0.1", port}, service, timeout,
               [&](ProbeOutcome outcome) { told.set_value(std::move(outcome)); });
  return told.get_future().get();
}

const std::string kCheck = "/grpc.health.v1.Health/Check";

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

TEST(GrpcProbe, ServingSucceedsAndTheServiceIsNamed) {
  const GrpcServer server(kCheck, "\x08\x01");
  const auto outcome = ask_grpc(server.port(), "db");
  EXPECT_EQ(outcome.answer, ProbeAnswer::Success) << outcome.message;
  EXPECT_EQ(server.request(),
            "\x0a\x02"
            "db");
}

TEST(GrpcProbe, EverythingElseFailsWithAReason) {
  const auto message = [](const GrpcServer& server) {
    const auto outcome = ask_grpc(server.port());
    EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
    return outcome.message;
  };
  EXPECT_NE(message({kCheck, "\x08\x02"}).find("NOT_SERVING"), std::string::npos);
  EXPECT_NE(message({kCheck, ""}).find("\"UNKNOWN\""), std::string::npos);
  EXPECT_NE(message({kCheck, "\xff\xff"}).find("does not parse"), std::string::npos);
  EXPECT_NE(message({kCheck, "", {grpc::StatusCode::NOT_FOUND, "no such db"}}).find("no such db"), std::string::npos);
  EXPECT_NE(message({"/another.Service/Check", ""}).find("does not implement"), std::string::npos);
}

TEST(GrpcProbe, NobodyOtherProtocolsAndSilenceFail) {
  const auto nobody = ask_grpc(closed_port());
  EXPECT_EQ(nobody.answer, ProbeAnswer::Failure);
  EXPECT_NE(nobody.message.find("refused"), std::string::npos) << nobody.message;
  const LoopbackServer other([](const std::string&) { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  EXPECT_EQ(ask_grpc(other.port()).answer, ProbeAnswer::Failure);
  const LoopbackServer silent;
  const auto late = ask_grpc(silent.port(), "", milliseconds(50));
  EXPECT_EQ(late.answer, ProbeAnswer::Failure);
  EXPECT_NE(late.message.find("within 50 ms"), std::string::npos) << late.message;
}

TEST(GrpcProbe, WhatIsUnfinishedIsDropped) {
  const LoopbackServer silent;
  bool told = false;
  {
    GrpcProbes probes;
    probes.check({"127.0.0.1", silent.port()}, "", milliseconds(60'000), [&](const ProbeOutcome&) { told = true; });
  }
  EXPECT_FALSE(told);
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

/// A self-signed certificate that nobody trusts, and 200 over TLS.
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
    listener_ = std::make_unique<LoopbackListener>([this](int client) { talk(client); });
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() {
    listener_.reset();
    ::SSL_CTX_free(context_);
    ::X509_free(certificate_);
    ::EVP_PKEY_free(key_);
  }
  std::uint16_t port() const { return listener_->port(); }

 private:
  void talk(int client) const {
    auto* ssl = ::SSL_new(context_);
    ::SSL_set_fd(ssl, client);
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
  std::unique_ptr<LoopbackListener> listener_;
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
