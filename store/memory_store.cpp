// store/memory_store.cpp - the table and nothing else: the behaviour every backend is held to.
#include "store/object_table.hpp"

namespace berth::store {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreLimits& limits) : table_(limits) {}

  model::ObjectPtr get(const model::ObjectKey& key) const override { return table_.get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return table_.list(kind, ns); }
  Revision revision() const override { return table_.revision(); }

  void create(model::Object object, Durability /*durability*/, Done done) override {
    answer(table_.create(std::move(object)), std::move(done));
  }
  void update(model::Object object, Revision expected, Durability /*durability*/, Done done) override {
    answer(table_.update(std::move(object), expected), std::move(done));
  }
  void remove(const model::ObjectKey& key, Revision expected, Durability /*durability*/, Done done) override {
    answer(table_.remove(key, expected), std::move(done));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return table_.history(kind, from); }
  Progress progress(model::Kind kind) const override { return table_.progress(kind); }
  Status flush() override { return Ok{}; }

 private:
  void answer(Result<Applied> applied, Done done) {
    if (!done) return;
    auto result = applied ? Result<model::ObjectPtr>(applied->change.object) : std::move(applied).error();
    table_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  ObjectTable table_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(const StoreLimits& limits) { return std::make_unique<MemoryStore>(limits); }

}  // namespace berth::store
