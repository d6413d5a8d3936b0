// tests/store/store_contract_test.cpp - the contract of a store, on those that need no server; see tests/host for etcd.
#include "tests/contracts/store_contract.hpp"

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
};

INSTANTIATE_TEST_SUITE_P(Backends, StoreContract, testing::ValuesIn(kBackends),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace berth::store
