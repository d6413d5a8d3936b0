// tests/cli/manifests_test.cpp - what `-f` reads: as written, in the right namespace and order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "cli/manifests.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

class Manifests : public testing::Test {
 protected:
  std::string put(const fs::path& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
    return (root_ / file).string();
  }
  static std::string names(const Result<ManifestObjects>& objects) {
    if (!objects) return objects.error().message();
    std::string out;
    for (const auto& object : objects->objects) {
      out += std::string(object.kind->name).append(" ").append(object.ns).append("/").append(object.name).append("; ");
    }
    return out;
  }
  static std::string config_map(const std::string& name) {
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n";
  }

  TempDir temp_;
  const fs::path root_ = temp_.path();
  Global global_;
};

TEST_F(Manifests, AreKeptAsWrittenWithoutDefaultsOrStatus) {
  const auto file = put("web.yaml",
                        "apiVersion: v1\nkind: Service\nmetadata: {name: web, uid: x, creationTimestamp: null}\n"
                        "spec: {ports: [{port: 80}]}\nstatus: {loadBalancer: {}}\n");
  const auto objects = read_manifests(global_, {.names = {file}});
  ASSERT_TRUE(objects) << objects.error().message();
  EXPECT_EQ(json::value(objects->objects.front().raw),
            *parse_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"},
                           "spec":{"ports":[{"port":80}]}})"));
  EXPECT_EQ(objects->objects.front().place, file + ":1");
}

TEST_F(Manifests, OldVersionsBecomeCurrent) {
  const auto file =
      put("set.yaml",
          "apiVersion: apps/v1beta1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  serviceName: a\n  template:\n"
          "    metadata: {labels: {app: a}}\n    spec: {containers: [{name: c, image: i}]}\n");
  const auto objects = read_manifests(global_, {.names = {file}});
  ASSERT_TRUE(objects) << objects.error().message();
  EXPECT_EQ(objects->objects.front().raw.at("apiVersion"), "apps/v1");
}

TEST_F(Manifests, ComeInTheOrderOfMakingFromFoldersToo) {
  put("b.yaml", config_map("settings") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
  put("a.json", R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"port":1}]}})");
  put("deep/c.yml", config_map("below"));
  put("notes.txt", "no manifest");
  global_.ns = "shop";
  global_.ns_given = true;
  EXPECT_EQ(names(read_manifests(global_, {.names = {root_.string()}})),
            "Namespace /shop; ConfigMap shop/settings; Service shop/web; ");
  EXPECT_EQ(names(read_manifests(global_, {.names = {root_.string()}, .recursive = true})),
            "Namespace /shop; ConfigMap shop/settings; ConfigMap shop/below; Service shop/web; ");
}

TEST_F(Manifests, MistakesStopAll) {
  const auto good = put("good.yaml", config_map("good"));
  const auto bad =
      put("bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec:\n  ports: [{port: 70000}]\n");
  testing::internal::CaptureStderr();
  EXPECT_FALSE(read_manifests(global_, {.names = {good, bad}}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("bad.yaml:5: Service default/bad: spec.ports[0].port"));
  EXPECT_THAT(names(read_manifests(global_, {.names = {"/nowhere.yaml"}})), testing::HasSubstr("does not exist"));
}

TEST_F(Manifests, WhatIsNotRunHereIsNamedAndTheRestGoesOn) {
  const auto file =
      put("a.yaml", config_map("a") + "---\napiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: c}\n");
  testing::internal::CaptureStderr();
  const auto objects = read_manifests(global_, {.names = {file}});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("a.yaml:6: CronTab c: kind: CronTab of"));
  EXPECT_EQ(names(objects), "ConfigMap default/a; ");
  EXPECT_TRUE(objects->left_out);
}

TEST_F(Manifests, AnotherNamespaceThanAskedForIsRefused) {
  const auto file = put("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: left}\n");
  EXPECT_EQ(names(read_manifests(global_, {.names = {file}})), "ConfigMap left/a; ");
  global_.ns = "right";
  global_.ns_given = true;
  testing::internal::CaptureStderr();
  EXPECT_FALSE(read_manifests(global_, {.names = {file}}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("does not match the namespace \"right\""));
}

}  // namespace
}  // namespace berth::cli
