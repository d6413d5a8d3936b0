// tests/runtime/image_reference_test.cpp - names of images.
#include "runtime/image_reference.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace berth::runtime {
namespace {

std::string normal(const std::string& text) {
  const auto parsed = parse_image_reference(text);
  return parsed ? parsed->name() : std::string(to_string(parsed.error().code()));
}

TEST(ImageReference, ShortNamesGetDomainFolderAndTag) {
  EXPECT_EQ(normal("mongo"), "docker.io/library/mongo:latest");
  EXPECT_EQ(normal("mongo:3.4.1"), "docker.io/library/mongo:3.4.1");
  EXPECT_EQ(normal("bitnami/redis:7"), "docker.io/bitnami/redis:7");
  EXPECT_EQ(normal("index.docker.io/mongo"), "docker.io/library/mongo:latest");
}

TEST(ImageReference, ARegistryIsAFirstPartWithADotAPortOrLocalhost) {
  EXPECT_EQ(normal("quay.io/coreos/etcd:v3.5.0"), "quay.io/coreos/etcd:v3.5.0");
  EXPECT_EQ(normal("localhost/thing"), "localhost/thing:latest");
  EXPECT_EQ(normal("registry:5000/thing:2"), "registry:5000/thing:2");
  EXPECT_EQ(normal("127.0.0.1:5055/busybox"), "127.0.0.1:5055/busybox:latest");
  EXPECT_EQ(normal("[fd00::1]:5000/busybox:1"), "[fd00::1]:5000/busybox:1");
}

TEST(ImageReference, ADigestTakesTheTagsPlace) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(normal("mongo@" + digest), "docker.io/library/mongo@" + digest);
  EXPECT_EQ(normal("mongo:3.4.1@" + digest), "docker.io/library/mongo@" + digest);
  EXPECT_TRUE(is_image_id(digest));
  EXPECT_FALSE(is_image_id("sha256:abc"));
}

TEST(ImageReference, WhatIsNoReferenceIsInvalid) {
  const std::vector<std::string> refused{"",
                                         "Mongo",
                                         "mongo:",
                                         "mongo:a b",
                                         "a//b",
                                         "/mongo",
                                         "mongo/",
                                         "mongo@sha256:12",
                                         "-a",
                                         "a..b",
                                         "a___b",
                                         "host:99999999/x",
                                         "mongo:" + std::string(129, 'a'),
                                         std::string(300, 'a'),
                                         "a\nb",
                                         "../../etc/passwd"};
  for (const auto& bad : refused) {
    EXPECT_EQ(normal(bad), "InvalidArgument") << bad;
  }
  EXPECT_EQ(normal("a__b/c--d.e"), "docker.io/a__b/c--d.e:latest");
}

}  // namespace
}  // namespace berth::runtime
