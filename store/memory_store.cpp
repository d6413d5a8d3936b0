// store/memory_store.cpp - the table and nothing else: the behaviour every backend is held to.
#include <mutex>

#include "store/backup.hpp"
#include "store/draft.hpp"
#include "store/local_sessions.hpp"
#include "store/object_table.hpp"

namespace berth::store {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreLimits& limits) : limits_(limits), table_(limits) {
    identity_.id = model::new_uid();
    identity_.opened = 1;
    identity_.made_now = true;
  }

  /// Before anybody uses it.
  void fill(const Store& from) {
    std::vector<model::Object> objects;
    for (const auto& kind : model::all_kinds()) {
      from.visit(kind.kind, {}, [&](const model::ObjectPtr& object) { objects.push_back(*object); });
    }
    table_.load(std::move(objects), from.revision());  // Read last: no object is of a later one.
  }

  model::ObjectPtr get(const model::ObjectKey& key) const override { return table_.get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return table_.list(kind, ns); }
  void visit(model::Kind kind, std::string_view ns,
             const std::function<void(const model::ObjectPtr&)>& see) const override {
    table_.visit(kind, ns, see);
  }
  std::size_t count(model::Kind kind) const override { return table_.count(kind); }
  Revision revision() const override { return table_.revision(); }

  void commit(Txn txn, Durability /*durability*/, Committed done) override {
    const std::scoped_lock lock(writing_);
    Draft draft(table_, {limits_, clock_, unreadable_});
    const auto staged = draft.stage(std::move(txn));
    auto result = staged ? Result<std::vector<model::ObjectPtr>>(publish(table_, *staged)) : staged.error();
    if (!done) return;
    table_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override {
    return table_.follow(std::move(scope), std::move(follower));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return table_.history(kind, from); }
  Progress progress(model::Kind kind) const override { return table_.progress(kind); }
  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> /*on_lost*/) override {
    return sessions_.open(std::move(name));
  }
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return sessions_.follow(std::move(on_change));
  }
  Identity identity() const override { return identity_; }
  std::vector<StoreProblem> problems() const override { return {}; }
  Status flush() override { return Ok{}; }

 private:
  const StoreLimits limits_;
  const SystemClock clock_;
  const Unreadable unreadable_;
  Identity identity_;
  std::mutex writing_;  ///< Taken before the table's own lock.
  ObjectTable table_;
  LocalSessions sessions_{[this](HolderBoard::Job job) { table_.post(std::move(job)); }};
};

}  // namespace

std::unique_ptr<Store> make_memory_store(const StoreLimits& limits) { return std::make_unique<MemoryStore>(limits); }

std::unique_ptr<Store> copy_in_memory(const Store& store, const StoreLimits& limits) {
  auto copy = std::make_unique<MemoryStore>(limits);
  copy->fill(store);
  return copy;
}

}  // namespace berth::store
