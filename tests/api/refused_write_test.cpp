// tests/api/refused_write_test.cpp - a store that refuses: what was refused did not happen, and what was done is whole.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::api {
namespace {

using model::Kind;
using model::ObjectKey;

/// The API over a far store that refuses about every second write, as a disk that is full does.
class RefusedWrites : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    server_.reset();
    auto store = std::make_unique<store::SlowStore>(store::SlowStoreOptions{.seed = 11, .refused = 0.5});
    far_ = store.get();
    far_->pump(true);
    store_ = std::move(store);
    make(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    far_->settle();
    start();
  }

  /// By somebody to whom nothing is refused.
  void make(std::string_view text) {
    auto object = model::make_object(parse_json(text)->get_object());
    ASSERT_TRUE(object);
    store::Txn txn;
    txn.writes.push_back(store::Write::put(*std::move(object)));
    ASSERT_TRUE(far_->elsewhere(std::move(txn)));
  }

  /// What is stored, to the last byte; "" when there is nothing.
  std::string truth(const ObjectKey& key) const {
    const auto object = far_->truth(key);
    return object ? json::serialize(object->raw) : "";
  }

  /// Sends it; whether it was done. Refused: nothing about `key` is another than before, there or here.
  bool send_once(const ObjectKey& key, const std::string& method, const std::string& path, const std::string& body,
                 const std::string& type) {
    const auto before = truth(key);
    const auto answer = send(method, path, body, type);
    if (answer.code < 300) return true;
    EXPECT_EQ(answer.code, 507U) << method << " " << path << ": " << answer.message();
    EXPECT_EQ(answer.text({"reason"}), "InsufficientStorage");
    EXPECT_EQ(truth(key), before) << method << " " << path;
    const auto here = store_->get(key);
    EXPECT_EQ(here ? json::serialize(here->raw) : "", before) << method << " " << path;
    ++refused_;
    return false;
  }

  void send_until_done(const ObjectKey& key, const std::string& method, const std::string& path,
                       const std::string& body = {}, const std::string& type = "application/json") {
    for (int i = 0; i < 100; ++i) {
      if (send_once(key, method, path, body, type)) return;
    }
    ADD_FAILURE() << method << " " << path << " was never done";
  }

  store::SlowStore* far_ = nullptr;
  int refused_ = 0;
};

TEST_F(RefusedWrites, HaveNoEffectAtAll) {
  const std::string base = "/api/v1/namespaces/default/";
  for (int i = 0; i < 25; ++i) {
    const ObjectKey map{Kind::ConfigMap, "default", "c"};
    send_until_done(map, "POST", base + "configmaps", R"({"metadata":{"name":"c"},"data":{"a":"1"}})");
    send_until_done(map, "PATCH", base + "configmaps/c", R"({"data":{"a":"2"}})", "application/merge-patch+json");
    send_until_done(map, "DELETE", base + "configmaps/c");
    EXPECT_EQ(truth(map), "");

    const auto data = fmt::format("data{}", i);
    const ObjectKey claim{Kind::PersistentVolumeClaim, "default", data};
    send_until_done(claim, "POST", base + "persistentvolumeclaims",
                    fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"accessModes":["ReadWriteOnce"],
                                    "resources":{{"requests":{{"storage":"1Gi"}}}}}}}})",
                                data));
    send_until_done(claim, "DELETE", base + "persistentvolumeclaims/" + data);

    const auto name = fmt::format("p{}", i);
    const ObjectKey pod{Kind::Pod, "default", name};
    make(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},
                         "spec":{{"nodeName":"n1","terminationGracePeriodSeconds":7,
                         "containers":[{{"name":"c","image":"i"}}]}},"status":{{"phase":"Running"}}}})",
                     name));
    far_->settle();
    send_until_done(pod, "DELETE", base + "pods/" + name);
    EXPECT_THAT(truth(pod), testing::HasSubstr("deletionTimestamp"));
  }
  EXPECT_GT(refused_, 50) << "the store did refuse";
}

/// Taking the last finalizer away is the deletion: were they two writes, and the second refused, nobody would end it.
TEST_F(RefusedWrites, TheLastFinalizerGoesWithItsObjectOrNotAtAll) {
  const std::string path = "/api/v1/namespaces/default/configmaps/c";
  const ObjectKey key{Kind::ConfigMap, "default", "c"};
  for (int i = 0; i < 25; ++i) {
    send_until_done(key, "POST", "/api/v1/namespaces/default/configmaps",
                    R"({"metadata":{"name":"c","finalizers":["a.b/c"]}})");
    send_until_done(key, "DELETE", path);
    ASSERT_THAT(truth(key), testing::HasSubstr("deletionTimestamp"));
    send_until_done(key, "PATCH", path, R"({"metadata":{"finalizers":null}})", "application/merge-patch+json");
    ASSERT_EQ(truth(key), "");
  }
}

class RefusedForItsSize : public ApiFixture {};

/// 413 is "make it smaller", and said of nothing else.
TEST_F(RefusedForItsSize, IsTooLargeAndWhatIsWrongOtherwiseIsInvalid) {
  const std::string pods = "/api/v1/namespaces/default/pods";
  const auto pod = [](const std::string& name, std::size_t bytes) {
    return fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"containers":[{{"name":"c","image":"i",
                           "env":[{{"name":"A","value":"{}"}}]}}]}}}})",
                       name, std::string(bytes, 'x'));
  };
  const auto large = send("POST", pods, pod("large", 1700 * 1024));
  EXPECT_EQ(large.code, 413U) << large.message();
  EXPECT_EQ(large.text({"reason"}), "RequestEntityTooLarge");
  EXPECT_THAT(large.message(), testing::HasSubstr("the limit is"));
  const auto nameless = send("POST", pods, pod("", 10));
  EXPECT_EQ(nameless.code, 422U) << nameless.message();
  EXPECT_EQ(nameless.text({"reason"}), "Invalid");
  EXPECT_TRUE(store_->list(Kind::Pod).objects.empty());
}

}  // namespace
}  // namespace berth::api
