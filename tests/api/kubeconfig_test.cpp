// tests/api/kubeconfig_test.cpp - the kubeconfig that the agent hands out.
#include "api/access/kubeconfig.hpp"

#include <gmock/gmock.h>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "model/base64.hpp"
#include "model/model.hpp"
#include "tests/temp_dir.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

class Kubeconfig : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto* name : {"ca.crt", "viewer.crt", "viewer.key", "given.crt"}) {
      ASSERT_TRUE(write_file(directory_ / name, name, 0600));
    }
    config_.tls.emplace();
    config_.tls->listen = {*parse_tcp_address("[::]:7000")};
    config_.tls->pki_directory = directory_;
  }

  HttpResponse ask(std::string_view query) const { return handle_kubeconfig(config_, *Query::parse(query)); }
  /// The answer, as a reader of YAML sees it.
  static json::value read(const HttpResponse& response) {
    EXPECT_EQ(response.code, 200U) << response.body;
    auto value = model::parse_yaml(response.body);
    EXPECT_TRUE(value) << response.body;
    return value ? *value : json::value();
  }

  TempDir temp_;
  const std::filesystem::path directory_ = temp_.path();
  ApiConfig config_;
};

TEST_F(Kubeconfig, HoldsClusterUserAndTheirFiles) {
  const auto config = read(ask("user=viewer"));
  EXPECT_EQ(config.at("kind").as_string(), "Config");
  EXPECT_EQ(config.at("current-context").as_string(), "berth");
  const auto& cluster = config.at_pointer("/clusters/0/cluster");
  EXPECT_EQ(cluster.at("server").as_string(), "https://[::1]:7000");
  EXPECT_EQ(cluster.at("certificate-authority-data").as_string(), model::encode_base64("ca.crt"));
  EXPECT_EQ(config.at_pointer("/users/0/user/client-certificate-data").as_string(), model::encode_base64("viewer.crt"));
  EXPECT_EQ(config.at_pointer("/users/0/user/client-key-data").as_string(), model::encode_base64("viewer.key"));
  EXPECT_EQ(config.at_pointer("/contexts/0/context/user"), config.at_pointer("/users/0/name"));
  EXPECT_EQ(config.at_pointer("/contexts/0/context/cluster"), config.at_pointer("/clusters/0/name"));
}

TEST_F(Kubeconfig, MayNameFilesInsteadAndAnotherServer) {
  const auto config = read(ask("user=viewer&embed=false&server=https%3A%2F%2Fdb1%3A1"));
  EXPECT_EQ(config.at_pointer("/clusters/0/cluster/server").as_string(), "https://db1:1");
  EXPECT_EQ(std::string(config.at_pointer("/users/0/user/client-key").as_string()), directory_ / "viewer.key");
}

TEST_F(Kubeconfig, TrustsAGivenServerCertificate) {
  config_.tls->certificate_file = directory_ / "given.crt";
  EXPECT_EQ(read(ask("user=viewer")).at_pointer("/clusters/0/cluster/certificate-authority-data").as_string(),
            model::encode_base64("given.crt"));
}

TEST_F(Kubeconfig, SaysWhatIsMissing) {
  EXPECT_EQ(ask("user=root").code, 400U);
  EXPECT_EQ(ask("user=viewer&server=http://x").code, 400U);
  const auto unreadable = ask("user=admin");
  EXPECT_EQ(unreadable.code, 500U);
  EXPECT_THAT(unreadable.body, HasSubstr("admin.crt"));
  config_.tls.reset();
  const auto none = ask("user=admin");
  EXPECT_EQ(none.code, 404U);
  EXPECT_THAT(none.body, HasSubstr("api: {tls: {listen:"));
}

}  // namespace
}  // namespace berth::api
