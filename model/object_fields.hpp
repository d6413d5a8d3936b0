// model/object_fields.hpp - an object seen through its schema: its fields as a set, merged, compared, taken away.
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/field_set.hpp"
#include "model/schema_types.hpp"

namespace berth::model {

// What server-side apply is made of (sigs.k8s.io/structured-merge-diff, typed/). Lists with keys and sets are taken
// apart into elements, structs and maps into fields; atomic lists, maps and structs, fields that the schema does not
// know and values of another shape than the schema's are one value each. Null is "not there". All pure.

/// The leaves of `object`, every element of a list with keys, and what is empty.
FieldSet fields_of(const SchemaType& type, const json::object& object);

/// InvalidArgument when a list with keys has an element without one or two elements of the same keys, in upstream's
/// words: such a configuration cannot be applied.
Status check_list_keys(const SchemaType& type, const json::object& object);

/// Puts `config` over `live`: values of `config` win, what only `live` has stays. Elements of lists with keys come in
/// the order of `config`, others stay where they were among them.
void merge_fields(const SchemaType& type, json::object& live, const json::object& config);

struct FieldChanges {
  FieldSet changed;  ///< Added, or of another value.
  FieldSet removed;
};
FieldChanges compare_fields(const SchemaType& type, const json::object& before, const json::object& after);

/// Takes the fields and elements of `gone` out of `object`, with all that is below them; what that leaves empty goes
/// too.
void remove_fields(const SchemaType& type, json::object& object, const FieldSet& gone);

/// `set`, and every named field on the way to its paths: who owns spec.replicas keeps spec.
FieldSet with_named_parents(const SchemaType& type, FieldSet set);

}  // namespace berth::model
