// tests/agent/registry_keys_test.cpp - whose password goes to which registry, as kubelets decide it.
#include "agent/pods/registry_keys.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

std::shared_ptr<const model::Secret> secret(const std::string& key, const std::string& text) {
  auto made = std::make_shared<model::Secret>();
  made->data[key] = text;
  return made;
}

/// One entry for each key; the user is called as the key.
std::shared_ptr<const model::Secret> config(const std::vector<std::string>& keys) {
  json::object auths;
  for (const auto& key : keys) auths[key] = json::object{{"username", key}, {"password", "p"}};
  return secret(".dockerconfigjson", json::serialize(json::object{{"auths", auths}}));
}

std::string users(const std::vector<std::shared_ptr<const model::Secret>>& secrets, std::string_view image) {
  std::string all;
  for (const auto& auth : registry_keys(secrets, image)) all += (all.empty() ? "" : " ") + auth.username;
  return all;
}

TEST(RegistryKeys, ARepositoryIsTheImageSpelledOutWithoutItsTag) {
  for (const auto& [image, repository] : std::vector<std::pair<std::string, std::string>>{
           {"busybox", "docker.io/library/busybox"},
           {"busybox:1.36", "docker.io/library/busybox"},
           {"team/web:1", "docker.io/team/web"},
           {"docker.io/library/busybox", "docker.io/library/busybox"},
           {"index.docker.io/team/web:1", "docker.io/team/web"},
           {"localhost/web:1", "localhost/web"},
           {"localhost:5000/web", "localhost:5000/web"},
           {"registry.example:5000/a/b:1", "registry.example:5000/a/b"},
           {"registry.example/a@sha256:0123", "registry.example/a"},
           {"registry.example:5000/a:1@sha256:0123", "registry.example:5000/a"},
       }) {
    EXPECT_EQ(repository_of(image), repository) << image;
  }
}

TEST(RegistryKeys, AKeyIsForAHostItsPortAndWhatBeginsLikeItsPath) {
  struct Case {
    const char* key;
    const char* repository;
    bool matches;
  };
  for (const auto& each : std::vector<Case>{
           {"registry.example", "registry.example/web", true},
           {"https://registry.example", "registry.example/web", true},
           {"http://registry.example/v2/", "registry.example/web", true},
           {"registry.example/v1/team", "registry.example/team/web", true},
           {"registry.example:5000", "registry.example/web", false},
           {"registry.example", "registry.example:5000/web", false},
           {"registry.example:5000", "registry.example:5000/web", true},
           {"registry.example/team", "registry.example/team/web", true},
           {"registry.example/team", "registry.example/other/web", false},
           {"*.example", "registry.example/web", true},
           {"*.example", "a.b.example/web", false},
           {"*.*.example", "a.b.example/web", true},
           {"reg*.example/team", "registry.example/team/web", true},
           {"reg?stry.example", "registry.example/web", true},
           {"*", "registry.example/web", false},
           {"example", "registry.example/web", false},
           {"registry.example.", "registry.example/web", false},
           {"[", "x/web", false},
       }) {
    EXPECT_EQ(is_key_for(each.key, each.repository), each.matches) << each.key << " " << each.repository;
  }
}

TEST(RegistryKeys, AllThatAreForItAreTriedTheLongerPathFirst) {
  const auto one = config({"registry.example", "registry.example/team", "*.example", "other.example"});
  EXPECT_EQ(users({one}, "registry.example/team/web:1"), "registry.example/team registry.example *.example");
  EXPECT_EQ(users({one}, "registry.example/web:1"), "registry.example *.example");
  EXPECT_EQ(users({one}, "elsewhere.test/web:1"), "");
  EXPECT_EQ(users({one, config({"registry.example"})}, "registry.example/web"),
            "registry.example registry.example *.example");
}

TEST(RegistryKeys, DockerHubHasItsOwnKey) {
  const auto hub = config({"https://index.docker.io/v1/", "registry.example"});
  EXPECT_EQ(users({hub}, "busybox"), "https://index.docker.io/v1/");
  EXPECT_EQ(users({hub}, "team/web:1"), "https://index.docker.io/v1/");
  EXPECT_EQ(users({hub}, "docker.io/team/web:1"), "https://index.docker.io/v1/");
  EXPECT_EQ(users({hub}, "registry.example/web:1"), "registry.example");
  EXPECT_EQ(users({hub, config({"docker.io"})}, "busybox"), "docker.io");
}

TEST(RegistryKeys, BothKindsOfSecretsAreReadAndWhatIsNoneIsLeftOut) {
  // "robot:secret:word"
  const auto cfg = secret(".dockercfg", R"({"registry.example":{"auth":"cm9ib3Q6c2VjcmV0OndvcmQ=","email":"a@b"}})");
  const auto auths = registry_keys({cfg}, "registry.example/web");
  ASSERT_EQ(auths.size(), 1U);
  EXPECT_EQ(auths[0].username, "robot");
  EXPECT_EQ(auths[0].password, "secret:word");
  const auto token = secret(".dockerconfigjson", R"({"auths":{"registry.example":{"identitytoken":"t"}}})");
  EXPECT_EQ(registry_keys({token}, "registry.example/web").at(0).identity_token, "t");
  for (const auto* text : {"", "no", "[]", R"({"auths":[]})", R"({"auths":{"registry.example":"x"}})"}) {
    EXPECT_EQ(users({secret(".dockerconfigjson", text)}, "registry.example/web"), "") << text;
  }
}

}  // namespace
}  // namespace berth::agent
