// store/store.cpp - the three usual writes as transactions.
#include "store/store.hpp"

#include <utility>

namespace berth::store {
namespace {

Committed only_one(Done done) {
  if (!done) return {};
  return [done = std::move(done)](Result<std::vector<model::ObjectPtr>> result) {
    if (!result) return done(std::move(result).error());
    done(std::move(result->front()));
  };
}

}  // namespace

void Store::create(model::Object object, Durability durability, Done done) {
  Txn txn;
  txn.conditions.push_back(Condition::is_absent(object.key()));
  txn.writes.push_back(Write::put(std::move(object)));
  commit(std::move(txn), durability, only_one(std::move(done)));
}

void Store::update(model::Object object, Revision expected, Durability durability, Done done) {
  Txn txn;
  txn.conditions.push_back(Condition::at(object.key(), expected));
  txn.writes.push_back(Write::put(std::move(object)));
  commit(std::move(txn), durability, only_one(std::move(done)));
}

void Store::remove(const model::ObjectKey& key, Revision expected, Durability durability, Done done) {
  Txn txn;
  txn.conditions.push_back(Condition::at(key, expected));
  txn.writes.push_back(Write::remove(key));
  commit(std::move(txn), durability, only_one(std::move(done)));
}

}  // namespace berth::store
