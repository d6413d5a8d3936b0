// model/kind_row.hpp - all that is particular to one kind, as a row of the table in kinds.cpp; inside model/ only.
#pragma once

#include <string>
#include <string_view>

#include "model/admission.hpp"
#include "model/meta.hpp"
#include "model/names.hpp"
#include "model/reader.hpp"

namespace berth::model {

/// A kind. What a row leaves out means that there is nothing of it. Its fields are lines of schema_table.cpp, their
/// words lines of schema_words.txt.
struct KindRow {
  KindInfo info;
  /// Why a name is none for this kind; empty: it is one.
  std::string (*name_error)(std::string_view) = dns_subdomain_error;
  /// Fills in what was not said, see apply_defaults(). Values may still have any type.
  void (*defaults)(json::object& raw) = nullptr;
  /// Fills in what depends on metadata.uid, see complete_new().
  void (*complete)(json::object& raw) = nullptr;
  /// Fills in and refuses by what else is stored, see admit_new().
  Status (*admit)(json::object& raw, const Stored& stored) = nullptr;
  /// Takes over what was filled in before, see keep_filled().
  void (*keep)(json::object& raw, const json::object& old) = nullptr;
  /// Notes what is wrong. Types are right already.
  void (*check)(const Reader& root) = nullptr;
  /// Notes what may not change.
  void (*check_update)(const Reader& now, const Reader& old) = nullptr;
  /// Can its typed view be made?
  Status (*decodes)(const Object& object) = nullptr;
};

const KindRow& row(Kind kind);

}  // namespace berth::model
