// model/schema_words.hpp - what the types of the schema are called upstream and what they are for, in our own words.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace berth::model {

struct FieldWords {
  std::string_view text;           ///< Empty: nothing to say.
  std::string_view upstream_type;  ///< "core.v1.SecretKeySelector" where upstream has more types than our table.
  bool required = false;
};

struct TypeWords {
  std::string_view upstream;  ///< "core.v1.PodSpec"
  std::string_view text;
  std::map<std::string_view, FieldWords> fields;
};

/// The words of each type in schema_types(), by its name there. Reading them takes a fraction of a millisecond and some
/// 100 KB: keep it while a document is made, not longer.
std::map<std::string_view, TypeWords> read_schema_words();

/// "io.k8s.api.core.v1.PodSpec" of "core.v1.PodSpec", "io.k8s.apimachinery.pkg.apis.meta.v1.Time" of "meta.v1.Time".
std::string upstream_name(std::string_view short_name);

}  // namespace berth::model
