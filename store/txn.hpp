// store/txn.hpp - one all-or-nothing write: what must hold, what is put, what is removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/meta.hpp"

namespace berth::store {

/// Orders all changes of one store. 0 is "before everything".
using Revision = std::uint64_t;

/// What must hold of one key at the moment at which a transaction happens.
struct Condition {
  model::ObjectKey key;
  bool absent = false;    ///< Nothing is stored under the key; the other fields mean nothing then.
  Revision revision = 0;  ///< It was last written at this revision; 0: whenever it was.
  std::string uid;        ///< It is this very object; empty: whichever it is.

  static Condition is_absent(model::ObjectKey key) { return {std::move(key), true, 0, {}}; }
  /// Something is stored under the key.
  static Condition exists(model::ObjectKey key) { return {std::move(key), false, 0, {}}; }
  static Condition at(model::ObjectKey key, Revision revision) { return {std::move(key), false, revision, {}}; }
  static Condition is(model::ObjectKey key, std::string uid) { return {std::move(key), false, 0, std::move(uid)}; }
};

/// One key's new state.
struct Write {
  model::ObjectKey key;
  std::optional<model::Object> object;  ///< None: it is removed, and removing what is not there fails.

  static Write put(model::Object object) {
    auto key = object.key();
    return {std::move(key), std::move(object)};
  }
  static Write remove(model::ObjectKey key) { return {std::move(key), std::nullopt}; }
};

/// Happens whole or not at all. Writes are made in their order; a later one sees the earlier ones.
struct Txn {
  std::vector<Condition> conditions;
  std::vector<Write> writes;
};

}  // namespace berth::store
