// store/write_and_wait.cpp - one durable write, awaited.
#include <future>
#include <memory>

#include "store/store.hpp"

namespace berth::store {
namespace {

using Answer = Result<model::ObjectPtr>;

/// `write` starts one write with the Done it is given.
Answer await(const std::function<void(Done)>& write) {
  const auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  write([promise](Answer result) { promise->set_value(std::move(result)); });
  return answer.get();
}

}  // namespace

Result<std::vector<model::ObjectPtr>> commit_and_wait(Store& store, Txn txn) {
  const auto promise = std::make_shared<std::promise<Result<std::vector<model::ObjectPtr>>>>();
  auto answer = promise->get_future();
  store.commit(std::move(txn), Durability::Durable, [promise](auto result) { promise->set_value(std::move(result)); });
  return answer.get();
}

Result<model::ObjectPtr> create_and_wait(Store& store, model::Object object) {
  return await([&](Done done) { store.create(std::move(object), Durability::Durable, std::move(done)); });
}

Result<model::ObjectPtr> update_and_wait(Store& store, model::Object object, Revision expected) {
  return await([&](Done done) { store.update(std::move(object), expected, Durability::Durable, std::move(done)); });
}

Status remove_and_wait(Store& store, const model::ObjectKey& key, Revision expected) {
  auto answer = await([&](Done done) { store.remove(key, expected, Durability::Durable, std::move(done)); });
  if (!answer) return std::move(answer).error();
  return Ok{};
}

}  // namespace berth::store
