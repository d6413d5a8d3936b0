// tests/api/host_certificate_test.cpp - bootstrap tokens, the page that signs hosts' certificates, and what it signs.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "api/access/bootstrap_token.hpp"
#include "api/tls/certificate.hpp"
#include "https/loader.hpp"
#include "model/base64.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPath = "/berth/v1/cluster/certificate";

const https::HttpsModule& https_functions() {
  static const auto loaded = https::https_module();
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message());
  return **loaded;
}

class BootstrapToken : public testing::Test {
 protected:
  void keep(std::string_view expiration, std::string_view usage = "true",
            std::string_view type = "bootstrap.kubernetes.io/token") {
    json::object data;
    for (const auto& [key, value] : {std::pair<std::string_view, std::string_view>{"token-id", "abcdef"},
                                     {"token-secret", "0123456789abcdef"},
                                     {"expiration", expiration},
                                     {"usage-bootstrap-authentication", usage}}) {
      data[key] = model::encode_base64(value);
    }
    auto secret = model::make_object({{"apiVersion", "v1"},
                                      {"kind", "Secret"},
                                      {"metadata", {{"name", "bootstrap-token-abcdef"}, {"namespace", "kube-system"}}},
                                      {"type", type},
                                      {"data", std::move(data)}});
    store_ = store::make_memory_store();
    ASSERT_TRUE(secret);
    ASSERT_TRUE(store::create_and_wait(*store_, *std::move(secret)));
  }
  std::optional<User> user(std::string_view token) const { return bootstrap_user(*store_, token, now_); }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  const WallTime now_ = *parse_rfc3339("2030-01-01T00:00:00Z");
};

TEST_F(BootstrapToken, LetsInWhoHasItUntilItEnds) {
  keep("2030-01-01T00:00:01Z");
  const auto found = user("abcdef.0123456789abcdef");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "system:bootstrap:abcdef");
  EXPECT_EQ(found->role, Role::Joiner);
  for (const auto* wrong : {"", "abcdef", "abcdef.", "abcdef.0123456789abcdee", "abcdeg.0123456789abcdef",
                            "abcdef.0123456789abcdef0", "../../.0123456789abcdef"}) {
    EXPECT_FALSE(user(wrong)) << wrong;
  }
  keep("2030-01-01T00:00:00Z");
  EXPECT_FALSE(user("abcdef.0123456789abcdef")) << "it is over";
  keep("tomorrow");
  EXPECT_FALSE(user("abcdef.0123456789abcdef")) << "nobody knows when it ends";
}

TEST_F(BootstrapToken, IsNoOtherSecret) {
  keep("2031-01-01T00:00:00Z", "false");
  EXPECT_FALSE(user("abcdef.0123456789abcdef"));
  keep("2031-01-01T00:00:00Z", "true", "Opaque");
  EXPECT_FALSE(user("abcdef.0123456789abcdef"));
}

class HostCertificatePage : public ApiFixture {
 protected:
  json::value ask(const json::object& body, unsigned expected) {
    const auto reply = cli::HttpClient(config_.socket)
                           .send({.method = "POST", .target = std::string(kPath), .body = json::serialize(body)});
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message());
    if (!reply) return {};
    EXPECT_EQ(reply->code, expected) << reply->body;
    return parse_json(reply->body).value_or(json::value());
  }
  static std::string request(std::string key = {}) { return https_functions().make_request(key, "x")->request; }
};

TEST_F(HostCertificatePage, SignsForBothEndsAndSendsTheCaAlong) {
  put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}})");
  const auto pair = https_functions().make_request("", "anybody");
  ASSERT_TRUE(pair);
  const auto answer = ask({{"request", pair->request}, {"node", "ship-1"}, {"addresses", {"10.0.0.1"}}}, 200);
  const std::string chain(find_string(answer, {"certificate"}));
  const auto certificates = certificates_from_pem(chain, "chain");
  ASSERT_TRUE(certificates) << certificates.error().message();
  ASSERT_EQ(certificates->size(), 2U);
  auto* host = (*certificates)[0].get();
  EXPECT_TRUE(is_signed_by(host, (*certificates)[1].get()));
  EXPECT_TRUE(is_for(host, "10.0.0.1"));
  EXPECT_TRUE(is_for(host, "127.0.0.1"));
  EXPECT_TRUE(is_for(host, "ship-1"));
  EXPECT_FALSE(is_for(host, "10.0.0.2"));
  const auto name = name_of(host);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->name, "ship-1") << "not what the request says of itself";
  EXPECT_THAT(name->groups, testing::ElementsAre("berth:hosts"));
  EXPECT_EQ(::X509_check_purpose(host, X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(::X509_check_purpose(host, X509_PURPOSE_SSL_CLIENT, 0), 1);
  const auto key = key_from_pem(pair->key, "key");
  ASSERT_TRUE(key);
  EXPECT_EQ(::X509_check_private_key(host, key->get()), 1);
  // The same CA for the next one, by the pin that a token has.
  const auto next = ask({{"request", request()}, {"node", "ship-2"}, {"addresses", {"10.0.0.2"}}}, 200);
  EXPECT_EQ(find_string(next, {"ca"}), find_string(answer, {"ca"}));
  const auto facts = https_functions().certificate_facts(std::string(find_string(answer, {"ca"})));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->pin.size(), 64U);
}

TEST_F(HostCertificatePage, RefusesWhatIsNoRequest) {
  put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}})");
  const auto good = request();
  for (const auto& body : {json::object{{"request", "x"}, {"node", "ship-1"}, {"addresses", {"10.0.0.1"}}},
                           json::object{{"request", good}, {"node", "Ship_1"}, {"addresses", {"10.0.0.1"}}},
                           json::object{{"request", good}, {"node", "ship-1"}, {"addresses", json::array()}},
                           json::object{{"request", good}, {"node", "ship-1"}, {"addresses", {"a b,DNS:evil"}}},
                           json::object{{"request", good}, {"node", "ship-1"}}}) {
    EXPECT_THAT(std::string(find_string(ask(body, 400), {"message"})), testing::Not(testing::IsEmpty()));
  }
  // Somebody else's key under our own signature.
  auto forged = good;
  const auto at = forged.find('\n') + 40;
  forged[at] = forged[at] == 'A' ? 'B' : 'A';
  ask({{"request", forged}, {"node", "ship-1"}, {"addresses", {"10.0.0.1"}}}, 400);
}

}  // namespace
}  // namespace berth::api
