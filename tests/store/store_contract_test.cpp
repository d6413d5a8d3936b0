// tests/store/store_contract_test.cpp - the contract of a store, on those that need no server; see tests/host for etcd.
#include "tests/contracts/store_contract.hpp"

#include <thread>

#include "store/etcd/etcd_store.hpp"
#include "tests/fakes/fake_etcd.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::store {
namespace {

/// An etcd store that brings its etcd along.
class OnFakeEtcd {
 public:
  Result<std::unique_ptr<Store>> operator()(const StoreLimits& limits, const std::filesystem::path& dir) {
    // One server for each test, however often it opens the store.
    if (dir != dir_) {
      etcd_ = std::make_shared<etcd::FakeEtcd>();
      dir_ = dir;
    }
    EtcdOptions options;
    options.limits = limits;
    options.node = "here";
    return etcd::open_store_on(etcd_->client(), std::move(options));
  }

 private:
  std::filesystem::path dir_;
  std::shared_ptr<etcd::FakeEtcd> etcd_;
};

/// The same, begun on its copy while the etcd was away, which is back.
class OnCopyOfEtcd {
 public:
  Result<std::unique_ptr<Store>> operator()(const StoreLimits& limits, const std::filesystem::path& dir) {
    EtcdOptions options;
    options.limits = limits;
    options.node = "here";
    options.access.endpoints = {"http://fake:2379"};
    options.copy = dir / "copy" / "objects.db";
    options.stand_in_after = std::chrono::milliseconds{0};
    options.retry_first = std::chrono::milliseconds{1};
    if (dir != dir_) {
      etcd_ = std::make_shared<etcd::FakeEtcd>();
      dir_ = dir;
      if (auto first = etcd::open_store_on(etcd_->client(), options); !first) return first;
    }
    etcd_->away(true);
    auto store = etcd::open_store_on(etcd_->client(), std::move(options));
    if (!store) return store;
    if ((*store)->identity().opened != 0) return Error(ErrorCode::Internal, "it did not begin on the copy");
    etcd_->away(false);
    while (!(*store)->problems().empty()) std::this_thread::yield();
    return store;
  }

 private:
  std::filesystem::path dir_;
  std::shared_ptr<etcd::FakeEtcd> etcd_;
};

const StoreBackend kBackends[] = {
    {"memory",
     [](const StoreLimits& limits, const auto& /*dir*/) -> Result<std::unique_ptr<Store>> {
       return make_memory_store(limits);
     }},
    {"sqlite", [](const StoreLimits& limits, const auto& dir) { return open_sqlite_store(dir / "store.db", limits); }},
    {"slow",
     [](const StoreLimits& limits, const auto& /*dir*/) -> Result<std::unique_ptr<Store>> {
       SlowStoreOptions options;
       options.limits = limits;
       auto slow = std::make_unique<SlowStore>(options);
       slow->pump(true);
       return std::unique_ptr<Store>(std::move(slow));
     }},
    {"etcd", [fake = std::make_shared<OnFakeEtcd>()](const StoreLimits& limits,
                                                     const auto& dir) { return (*fake)(limits, dir); }},
    {"copied", [copied = std::make_shared<OnCopyOfEtcd>()](const StoreLimits& limits,
                                                           const auto& dir) { return (*copied)(limits, dir); }},
};

INSTANTIATE_TEST_SUITE_P(Backends, StoreContract, testing::ValuesIn(kBackends),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace berth::store
