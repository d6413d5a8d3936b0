// tests/fakes/counting_store.hpp - a store of which is known how many objects were read of it, and how many at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace berth::store {

/// Another one, counted. One thread.
class CountingStore final : public Store {
 public:
  explicit CountingStore(Store& store) : store_(store) {}
  model::ObjectPtr get(const model::ObjectKey& key) const override {
    ++reads;
    return store_.get(key);
  }
  Listing list(model::Kind kind, std::string_view ns) const override {
    auto found = store_.list(kind, ns);
    reads += found.objects.size();
    at_once = std::max(at_once, found.objects.size());
    return found;
  }
  void visit(model::Kind kind, std::string_view ns,
             const std::function<void(const model::ObjectPtr&)>& see) const override {
    store_.visit(kind, ns, [&](const model::ObjectPtr& object) {
      ++reads;
      see(object);
    });
  }
  std::size_t count(model::Kind kind) const override { return store_.count(kind); }
  Revision revision() const override { return store_.revision(); }
  void commit(Txn txn, Durability durability, Committed done) override {
    store_.commit(std::move(txn), durability, std::move(done));
  }
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override {
    return store_.follow(std::move(scope), std::move(follower));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return store_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return store_.history(kind, from); }
  Progress progress(model::Kind kind) const override { return store_.progress(kind); }
  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> on_lost) override {
    return store_.open_session(std::move(name), std::move(on_lost));
  }
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return store_.follow_holders(std::move(on_change));
  }
  Identity identity() const override { return store_.identity(); }
  std::vector<StoreProblem> problems() const override { return store_.problems(); }
  Status flush() override { return store_.flush(); }

  mutable std::size_t reads = 0;
  mutable std::size_t at_once = 0;  ///< The most that somebody had whole together.

 private:
  Store& store_;
};

}  // namespace berth::store
