// agent/objects/store_writer.cpp - see store_writer.hpp.
#include "agent/objects/store_writer.hpp"

#include <algorithm>
#include <random>

#include "model/deletion.hpp"
#include "model/model.hpp"

namespace berth::agent {
namespace {

constexpr int kTries = 5;

/// "agent-" becomes "agent-x7k2p": five letters and digits, as the API server does it.
void expand_generate_name(json::object& raw) {
  const auto prefix = std::string(find_string(json::value(raw), {"metadata", "generateName"}));
  if (prefix.empty() || !find_string(json::value(raw), {"metadata", "name"}).empty()) return;
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  static thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> pick(0, kAlphabet.size() - 1);
  auto name = prefix;
  for (int i = 0; i < 5; ++i) name += kAlphabet[pick(random)];
  raw["metadata"].get_object()["name"] = name;
}

}  // namespace

store::Done StoreWriter::answer(Done done) {
  // Runs on a thread of the store, perhaps after we are gone: only the loop outlives it for certain.
  return [&loop = loop_, alive = alive_, done = std::move(done)](const Result<model::ObjectPtr>& result) {
    auto status = result ? Status(Ok{}) : Status(result.error());
    loop.post([alive, done, status = std::move(status)] {
      if (*alive && done) done(status);
    });
  };
}

void StoreWriter::create(json::object raw, Durability durability, Done done) {
  const auto* kind = model::find_kind(find_string(json::value(raw), {"kind"}));
  expand_generate_name(raw);
  if (kind != nullptr) model::apply_defaults(kind->kind, raw);
  auto object = model::make_object(std::move(raw));
  if (!object) {
    loop_.post([alive = alive_, done, error = object.error()] {
      if (*alive && done) done(error);
    });
    return;
  }
  store_.create(*std::move(object), durability, answer(std::move(done)));
}

void StoreWriter::modify(const model::ObjectKey& key, const std::string& uid, Durability durability,
                         std::function<bool(json::object&)> change, Done done) {
  try_modify(key, uid, durability, std::move(change), std::move(done), kTries);
}

void StoreWriter::try_modify(const model::ObjectKey& key, const std::string& uid, Durability durability,
                             std::function<bool(json::object&)> change, Done done, int tries_left) {
  const auto finish = [&](Status status) {
    loop_.post([alive = alive_, done, status = std::move(status)] {
      if (*alive && done) done(status);
    });
  };
  const auto stored = store_.get(key);
  if (!stored || (!uid.empty() && stored->meta.uid != uid)) {
    finish(Error(ErrorCode::NotFound, key.display() + ": not found"));
    return;
  }
  auto raw = stored->raw;
  if (!change(raw)) {
    finish(Ok{});
    return;
  }
  auto object = model::make_object(std::move(raw));
  if (!object) {
    finish(std::move(object).error());
    return;
  }
  auto next = [this, key, uid, durability, change, done, tries_left](const Status& status) {
    if (failed_with(status, ErrorCode::Aborted) && tries_left > 1) {
      try_modify(key, uid, durability, change, done, tries_left - 1);
    } else if (done) {
      done(status);
    }
  };
  store_.update(*std::move(object), stored->meta.resource_version, durability, answer(std::move(next)));
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
  const store::Revision expected = uid.empty() ? 0 : stored->meta.resource_version;
  store_.remove(key, expected, Durability::Durable, answer([done = std::move(done)](const Status& status) {
                  if (done) done(ignore_not_found(status));
                }));
}

}  // namespace berth::agent
