// agent/objects/store_writer.cpp - see store_writer.hpp.
#include "agent/objects/store_writer.hpp"

#include <algorithm>

#include "model/deletion.hpp"
#include "model/generated_name.hpp"
#include "model/model.hpp"

namespace berth::agent {
namespace {

constexpr int kTries = 5;

void expand_generate_name(json::object& raw) {
  const auto prefix = std::string(find_string(json::value(raw), {"metadata", "generateName"}));
  if (prefix.empty() || !find_string(json::value(raw), {"metadata", "name"}).empty()) return;
  raw["metadata"].get_object()["name"] = model::generated_name(prefix);
}

}  // namespace

/// Runs on a thread of the store, perhaps after we are gone: only the loop outlives it for certain.
auto StoreWriter::answer(Done done) {
  const auto number = ++last_number_;
  waiting_.emplace(number, Waiting{std::move(done), clock_.now()});
  watch_answers();
  return [this, &loop = loop_, alive = alive_, number](const auto& result) {
    auto status = result ? Status(Ok{}) : Status(result.error());
    loop.post([this, alive, number, status = std::move(status)] {
      if (*alive) answered(number, status);
    });
  };
}

void StoreWriter::answered(std::uint64_t number, const Status& status) {
  const auto found = waiting_.extract(number);
  if (!found.empty() && found.mapped().done) found.mapped().done(status);
}

/// One timer for all answers: it comes when something is under way, and looks for what waits too long.
void StoreWriter::watch_answers() {
  if (deadline_) return;
  deadline_ = loop_.after(kAnswerDeadline / 2, [this] {
    deadline_.reset();
    give_up_waiting();
  });
}

void StoreWriter::give_up_waiting() {
  const auto too_old = clock_.now() - kAnswerDeadline;
  const auto until = last_number_;  // what is written about it is not given up at once
  while (!waiting_.empty() && waiting_.begin()->first <= until && waiting_.begin()->second.since <= too_old) {
    answered(waiting_.begin()->first, Error(ErrorCode::DeadlineExceeded, "the store does not answer"));
  }
  if (!waiting_.empty()) watch_answers();
}

StoreWriter::Draft StoreWriter::creating(json::object raw, bool may_exist) const {
  const auto* kind = model::find_kind(find_string(json::value(raw), {"kind"}));
  expand_generate_name(raw);
  if (kind != nullptr) model::apply_defaults(kind->kind, raw);
  const auto object = std::make_shared<const Result<model::Object>>(model::make_object(std::move(raw)));
  return [&store = store_, object, may_exist](store::Txn& txn) -> Status {
    if (!*object) return object->error();
    const auto key = (*object)->key();
    if (may_exist && store.get(key)) return Ok{};
    txn.conditions.push_back(store::Condition::is_absent(key));
    txn.writes.push_back(store::Write::put(**object));
    return Ok{};
  };
}

StoreWriter::Draft StoreWriter::modifying(const model::ObjectKey& key, const std::string& uid,
                                          std::function<Result<bool>(json::object&)> change) const {
  return [&store = store_, key, uid, change = std::move(change)](store::Txn& txn) -> Status {
    const auto stored = store.get(key);
    if (!stored || (!uid.empty() && stored->meta.uid != uid)) {
      return Error(ErrorCode::NotFound, key.display() + ": not found");
    }
    auto raw = stored->raw;
    const auto changed = change(raw);
    if (!changed) return changed.error();
    txn.conditions.push_back(store::Condition::at(key, stored->meta.resource_version));
    if (!*changed) return Ok{};
    auto object = model::make_object(std::move(raw));
    if (!object) return std::move(object).error();
    txn.writes.push_back(store::Write::put(*std::move(object)));
    return Ok{};
  };
}

void StoreWriter::commit(std::vector<Draft> drafts, Durability durability, Done done) {
  try_commit(std::make_shared<const std::vector<Draft>>(std::move(drafts)), durability, std::move(done), kTries);
}

void StoreWriter::try_commit(const std::shared_ptr<const std::vector<Draft>>& drafts, Durability durability, Done done,
                             int tries_left) {
  const auto finish = [&](Status status) {
    loop_.post([alive = alive_, done, status = std::move(status)] {
      if (*alive && done) done(status);
    });
  };
  store::Txn txn;
  for (const auto& draft : *drafts) {
    if (auto drafted = draft(txn); !drafted) return finish(std::move(drafted));
  }
  if (txn.writes.empty()) return finish(Ok{});
  auto next = [this, drafts, durability, done, tries_left](const Status& status) {
    // Of several, one may have come or gone meanwhile: whether that matters, its draft says.
    const auto outdated = failed_with(status, ErrorCode::Aborted) ||
                          (drafts->size() > 1 &&
                           (failed_with(status, ErrorCode::AlreadyExists) || failed_with(status, ErrorCode::NotFound)));
    if (outdated && tries_left > 1) {
      try_commit(drafts, durability, done, tries_left - 1);
    } else if (done) {
      done(status);
    }
  };
  store_.commit(std::move(txn), durability, answer(std::move(next)));
}

void StoreWriter::create(json::object raw, Durability durability, Done done) {
  commit({creating(std::move(raw), /*may_exist=*/false)}, durability, std::move(done));
}

void StoreWriter::modify(const model::ObjectKey& key, const std::string& uid, Durability durability,
                         std::function<bool(json::object&)> change, Done done) {
  commit({modifying(key, uid, [change = std::move(change)](json::object& raw) -> Result<bool> { return change(raw); })},
         durability, std::move(done));
}

void StoreWriter::mark_deleted(const model::ObjectKey& key, const std::string& uid,
                               std::optional<std::int64_t> grace_seconds, Done done) {
  modify(
      key, uid, Durability::Durable,
      [kind = key.kind, grace_seconds, now = clock_.wall()](json::object& raw) {
        return model::mark_deleted(kind, raw, grace_seconds, now);
      },
      std::move(done));
}

void StoreWriter::delete_object(const model::ObjectKey& key, const std::string& uid, Done done) {
  try_delete(key, uid, {}, std::move(done), kTries);
}

void StoreWriter::drop_finalizer(const model::ObjectKey& key, const std::string& uid, std::string_view finalizer,
                                 Done done) {
  const auto stored = store_.get(key);
  const auto last = stored && stored->meta.finalizers.size() == 1 && stored->meta.finalizers.front() == finalizer;
  if (last && stored->meta.deleting() && !model::deletes_gracefully(key.kind)) {
    return try_delete(key, uid, std::string(finalizer), std::move(done), kTries);
  }
  modify(
      key, uid, Durability::Durable,
      [name = std::string(finalizer)](json::object& raw) { return model::drop_finalizer(raw, name); }, std::move(done));
}

/// `finalizer` does not hold it any more.
void StoreWriter::try_delete(const model::ObjectKey& key, const std::string& uid, std::string finalizer, Done done,
                             int tries_left) {
  const auto stored = store_.get(key);
  if (!stored || (!uid.empty() && stored->meta.uid != uid)) {
    loop_.post([alive = alive_, done = std::move(done)] {
      if (*alive && done) done(Ok{});
    });
    return;
  }
  const auto held = std::any_of(stored->meta.finalizers.begin(), stored->meta.finalizers.end(),
                                [&](const auto& each) { return each != finalizer; });
  if (held || model::deletes_gracefully(key.kind)) {
    modify(
        key, stored->meta.uid, Durability::Durable,
        [kind = key.kind, finalizer, now = clock_.wall()](json::object& raw) {
          const auto dropped = !finalizer.empty() && model::drop_finalizer(raw, finalizer);
          return model::mark_deleted(kind, raw, std::nullopt, now) || dropped;
        },
        std::move(done));
    return;
  }
  auto next = [this, key, uid, finalizer, done, tries_left](const Status& status) {
    if (failed_with(status, ErrorCode::Aborted) && tries_left > 1) {
      try_delete(key, uid, finalizer, done, tries_left - 1);
    } else if (done) {
      done(ignore_not_found(status));
    }
  };
  store_.remove(key, stored->meta.resource_version, Durability::Durable, answer(std::move(next)));
}

bool StoreWriter::exists(const model::ObjectKey& key, const std::string& uid) const {
  const auto stored = store_.get(key);
  return stored && (uid.empty() || stored->meta.uid == uid);
}

void StoreWriter::remove(const model::ObjectKey& key, const std::string& uid, Done done) {
  const auto stored = store_.get(key);
  if (!stored || (!uid.empty() && stored->meta.uid != uid)) {
    loop_.post([alive = alive_, done = std::move(done)] {
      if (*alive && done) done(Ok{});
    });
    return;
  }
  // That very object, whatever was written to it last: its last status may be on its way to the disk.
  store::Txn txn;
  txn.conditions.push_back(store::Condition::is(key, uid));
  txn.writes.push_back(store::Write::remove(key));
  store_.commit(std::move(txn), Durability::Durable, answer([done = std::move(done)](const Status& status) {
                  if (done) done(ignore_not_found(status));
                }));
}

}  // namespace berth::agent
