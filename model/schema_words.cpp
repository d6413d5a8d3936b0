// model/schema_words.cpp - reads schema_words.txt, see schema_words.hpp.
#include <cstdlib>

#include <fmt/format.h>

#include "model/schema_words.hpp"

namespace berth::model {

extern const std::string_view kSchemaWords;  // made of schema_words.txt by the build

namespace {

/// The word up to the next blank, taken off `line`.
std::string_view next_word(std::string_view& line) {
  const auto end = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

std::map<std::string_view, TypeWords> read_schema_words() {
  std::map<std::string_view, TypeWords> out;
  TypeWords* type = nullptr;
  for (std::string_view rest = kSchemaWords; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto name = next_word(line);
    if (!name.starts_with('.')) {
      type = &out[name];
      type->upstream = next_word(line);
      type->text = line;
      continue;
    }
    if (type == nullptr) std::abort();  // the file is ours
    name.remove_prefix(1);
    FieldWords words;
    words.required = name.ends_with('!');
    if (words.required) name.remove_suffix(1);
    if (line.starts_with('=')) words.upstream_type = next_word(line).substr(1);
    words.text = line;
    type->fields.emplace(name, words);
  }
  return out;
}

std::string upstream_name(std::string_view short_name) {
  if (short_name.starts_with("meta.")) return fmt::format("io.k8s.apimachinery.pkg.apis.{}", short_name);
  if (short_name.starts_with("resource.")) return fmt::format("io.k8s.apimachinery.pkg.api.{}", short_name);
  if (short_name.starts_with("intstr.")) return fmt::format("io.k8s.apimachinery.pkg.util.{}", short_name);
  return fmt::format("io.k8s.api.{}", short_name);
}

}  // namespace berth::model
