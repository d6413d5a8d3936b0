// tests/api/claim_resize_test.cpp - which claims may ask for more.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

class ClaimResizeTest : public ApiFixture {
 protected:
  void add_class(const char* name, bool grows) {
    const auto made =
        send("POST", "/apis/storage.k8s.io/v1/storageclasses",
             fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{{"name":"{}"}},
                                          "provisioner":"berth.io/loop","allowVolumeExpansion":{}}})",
                         name, grows));
    ASSERT_EQ(made.code, 201U) << made.message();
  }
  void add_claim(const char* name, const char* storage_class, bool bound) {
    const auto made = send("POST", "/api/v1/namespaces/default/persistentvolumeclaims",
                           fmt::format(R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{}"}},
                                          "spec":{{"accessModes":["ReadWriteOnce"],"storageClassName":"{}",
                                          "resources":{{"requests":{{"storage":"1Gi"}}}}}}}})",
                                       name, storage_class));
    ASSERT_EQ(made.code, 201U) << made.message();
    if (!bound) return;
    const auto status =
        patch(fmt::format("{}/status", name), R"({"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}})");
    ASSERT_EQ(status.code, 200U) << status.message();
  }
  Answer patch(std::string_view name, std::string_view body) {
    return send("PATCH", fmt::format("/api/v1/namespaces/default/persistentvolumeclaims/{}", name), std::string(body),
                "application/merge-patch+json");
  }
  Answer grow(std::string_view name) { return patch(name, R"({"spec":{"resources":{"requests":{"storage":"2Gi"}}}})"); }
};

TEST_F(ClaimResizeTest, OnlyABoundClaimOfAClassThatAllowsItMayGrow) {
  add_class("grows", true);
  add_class("stays", false);
  add_claim("a", "grows", true);
  EXPECT_EQ(grow("a").code, 200U);
  for (const auto* storage_class : {"stays", "gone", ""}) {
    const auto name = fmt::format("b{}", storage_class);
    add_claim(name.c_str(), storage_class, true);
    const auto refused = grow(name);
    EXPECT_EQ(refused.code, 403U);
    EXPECT_EQ(refused.message(),
              fmt::format("persistentvolumeclaims \"{}\" is forbidden: only dynamically provisioned pvc can be resized "
                          "and the storageclass that provisions the pvc must support resize",
                          name));
  }
  EXPECT_EQ(patch("bstays", R"({"metadata":{"labels":{"a":"b"}}})").code, 200U) << "nothing grows";
}

}  // namespace
}  // namespace berth::api
