// tests/agent/environment_test.cpp - $(VAR), envFrom, references.
#include "agent/pods/environment.hpp"

#include <gtest/gtest.h>

#include "tests/fakes/object_with_data.hpp"

namespace berth::agent {
namespace {

struct ExpandCase {
  const char* text;
  const char* expected;
};

class ExpandTest : public testing::TestWithParam<ExpandCase> {};

TEST_P(ExpandTest, FollowsTheKubernetesRules) {
  EXPECT_EQ(expand(GetParam().text, {{"A", "1"}, {"B", "two"}}), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Table, ExpandTest,
                         testing::Values(ExpandCase{"$(A)", "1"}, ExpandCase{"x$(A)y$(B)", "x1ytwo"},
                                         ExpandCase{"$(NOPE)", "$(NOPE)"}, ExpandCase{"$$(A)", "$(A)"},
                                         ExpandCase{"$$$(A)", "$1"}, ExpandCase{"$A", "$A"}, ExpandCase{"$(A", "$(A"},
                                         ExpandCase{"$", "$"}, ExpandCase{"", ""}, ExpandCase{"$()", "$()"}));

class EnvironmentTest : public testing::Test {
 protected:
  EnvironmentTest() {
    facts.pod.meta.name = "web-0";
    facts.config_maps["settings"] = object_with<model::ConfigMap>({{"MODE", "fast"}, {"not/a-name", "x"}});
    facts.secrets["keys"] = object_with<model::Secret>({{"TOKEN", "s3cret"}});
  }
  std::string value(const Environment& env, const std::string& name) {
    for (const auto& [key, text] : env) {
      if (key == name) return text;
    }
    return "<unset>";
  }
  static model::EnvVar var(const std::string& name, const std::string& text) {
    model::EnvVar made;
    made.name = name;
    made.value = text;
    return made;
  }
  model::Container container;
  volumes::PodVolumesSpec facts;
};

TEST_F(EnvironmentTest, LaterEntriesWinAndMayUseEarlierOnes) {
  model::EnvFrom from;
  from.config_map = "settings";
  container.env_from = {from};
  container.env = {var("MODE", "slow"), var("FLAG", "--mode=$(MODE)")};
  const auto env = *resolve_environment(container, facts);
  EXPECT_EQ(value(env, "MODE"), "slow");
  EXPECT_EQ(value(env, "FLAG"), "--mode=slow");
  EXPECT_EQ(value(env, "not/a-name"), "<unset>");
}

TEST_F(EnvironmentTest, AMissingReferenceIsAnErrorThatNamesItUnlessOptional) {
  auto token = var("TOKEN", "");
  token.secret_key_ref = model::KeySelector{"keys", "NOPE", false};
  container.env = {token};
  const auto env = resolve_environment(container, facts);
  ASSERT_FALSE(env);
  EXPECT_EQ(env.error().code(), ErrorCode::NotFound);
  EXPECT_NE(env.error().message().find("NOPE"), std::string::npos);
  container.env[0].secret_key_ref->optional = true;
  EXPECT_EQ(value(*resolve_environment(container, facts), "TOKEN"), "<unset>");
  container.env[0].secret_key_ref->key = "TOKEN";
  EXPECT_EQ(value(*resolve_environment(container, facts), "TOKEN"), "s3cret");
}

TEST_F(EnvironmentTest, AnEnvFromPrefixIsPutBeforeEachName) {
  model::EnvFrom from;
  from.secret = "keys";
  from.prefix = "APP_";
  container.env_from = {from};
  EXPECT_EQ(value(*resolve_environment(container, facts), "APP_TOKEN"), "s3cret");
}

TEST_F(EnvironmentTest, ServicesAreToldAsKubernetesTellsThemAndWhatThePodSaysWins) {
  auto db = std::make_shared<model::Service>();
  db->meta.name = "my-db";
  db->cluster_ip = "10.96.0.9";
  db->ports = {{.name = "sql-port", .protocol = "TCP", .port = 5432, .target_port = "5432", .node_port = 0},
               {.name = "dns", .protocol = "UDP", .port = 53, .target_port = "53", .node_port = 0}};
  auto headless = std::make_shared<model::Service>(*db);
  headless->meta.name = "peers";
  headless->cluster_ip = "None";
  const Environment expected{{"MY_DB_SERVICE_HOST", "10.96.0.9"},       {"MY_DB_SERVICE_PORT", "5432"},
                             {"MY_DB_SERVICE_PORT_SQL_PORT", "5432"},   {"MY_DB_SERVICE_PORT_DNS", "53"},
                             {"MY_DB_PORT", "tcp://10.96.0.9:5432"},    {"MY_DB_PORT_5432_TCP", "tcp://10.96.0.9:5432"},
                             {"MY_DB_PORT_5432_TCP_PROTO", "tcp"},      {"MY_DB_PORT_5432_TCP_PORT", "5432"},
                             {"MY_DB_PORT_5432_TCP_ADDR", "10.96.0.9"}, {"MY_DB_PORT_53_UDP", "udp://10.96.0.9:53"},
                             {"MY_DB_PORT_53_UDP_PROTO", "udp"},        {"MY_DB_PORT_53_UDP_PORT", "53"},
                             {"MY_DB_PORT_53_UDP_ADDR", "10.96.0.9"}};
  EXPECT_EQ(service_environment({db, headless}), expected);
  container.env = {var("URL", "pg://$(MY_DB_SERVICE_HOST)"), var("MY_DB_PORT", "5432")};
  const auto env = *resolve_environment(container, facts, {db});
  EXPECT_EQ(value(env, "URL"), "pg://10.96.0.9");
  EXPECT_EQ(value(env, "MY_DB_PORT"), "5432");
}

}  // namespace
}  // namespace berth::agent
