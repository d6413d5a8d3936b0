// store/etcd/etcd_keys.hpp - where what is kept in etcd. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/meta.hpp"
#include "store/etcd/etcd_client.hpp"

namespace berth::store::etcd {

/// A key of an object, taken apart; the kind may be one that this version does not know.
struct ObjectPath {
  std::string group_kind;
  std::string ns;  ///< Empty: it has none.
  std::string name;

  /// Nullopt: of an unknown kind, or in a namespace though the kind has none.
  std::optional<model::ObjectKey> key() const;
  /// "Pod default/web-0": how messages name it.
  std::string display() const;
};

/// Below a prefix ("/berth"):
///
///     objects/<group.kind>/<namespace or _>/<name>   an object's JSON, without its resourceVersion: that is the key's
///                                                    mod revision ("apps.StatefulSet"; the core group: "Pod")
///     live/<node>                                    a session; goes with its lease
///     barrier/<node>                                 written to see that everything before it has arrived
///     meta                                           which store this is
class EtcdKeys {
 public:
  explicit EtcdKeys(std::string_view prefix);

  std::string object(const model::ObjectKey& key) const;
  KeyRange objects() const { return KeyRange::below(prefix_ + "objects/"); }
  /// All of a kind, in `ns` only unless that is empty.
  KeyRange objects_of(model::Kind kind, std::string_view ns) const;
  std::string meta() const { return prefix_ + "meta"; }
  /// `name` is "live/worker1".
  std::string session(std::string_view name) const { return prefix_ + std::string(name); }
  KeyRange sessions() const { return KeyRange::below(prefix_ + "live/"); }
  /// Empty: the key is of no session.
  std::string session_name(std::string_view key) const;
  std::string barrier(std::string_view node) const { return prefix_ + "barrier/" + std::string(node); }
  KeyRange all() const { return KeyRange::below(prefix_); }

  /// Nullopt: the key is of no object.
  std::optional<ObjectPath> object_path(std::string_view key) const;

 private:
  std::string prefix_;  ///< With a slash at its end.
};

/// The object that is stored under `path`, with its resourceVersion. What is wrong with it otherwise; what is of an
/// unknown kind or version may be fine.
Result<model::Object> read_object(const ObjectPath& path, const KeyValue& stored);

/// What is stored of it.
std::string object_text(const model::Object& object);

/// `object` as of `revision`.
model::Object at_revision(const model::Object& object, Revision revision);

}  // namespace berth::store::etcd
