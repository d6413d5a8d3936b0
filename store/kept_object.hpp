// store/kept_object.hpp - an object as the table holds it: whole, or packed.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "model/meta.hpp"
#include "store/txn.hpp"

namespace berth::store {

/// How a table holds its objects. Whole: a read costs nothing. Packed: a pod takes half a kilobyte and not ten, and
/// each read makes it anew, in some 50 µs: for those that many hosts have and few of them read.
enum class Held { Whole, Packed };

struct PackedObject;

/// One object, or none. Cheap to copy.
class KeptObject {
 public:
  KeptObject() = default;
  /// Whole. Null: none.
  explicit KeptObject(model::ObjectPtr object) : kept_(std::move(object)) {}
  explicit KeptObject(std::shared_ptr<const PackedObject> packed) : kept_(std::move(packed)) {}

  /// The object; null when there is none. Any thread.
  model::ObjectPtr get() const;
  /// The same, for who is soon done with it: no reader after him gets the one that he has, so that all its memory is
  /// free again once he lets it go.
  model::ObjectPtr get_alone() const;
  /// Its own; 0 when there is none.
  Revision resource_version() const;

 private:
  std::variant<model::ObjectPtr, std::shared_ptr<const PackedObject>> kept_;
};

/// Packs objects of one kind: deflated (RFC 1951) by a dictionary, the text of one of those before it, as objects of a
/// kind are mostly alike. Not thread-safe.
class ObjectPacker {
 public:
  KeptObject pack(const model::Object& object);

 private:
  std::shared_ptr<const std::string> dictionary_;
  unsigned since_ = 0;  ///< Packed by this dictionary.
};

}  // namespace berth::store
