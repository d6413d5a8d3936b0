// model/schema_types.cpp - reads the schema table into types.
#include "model/schema_types.hpp"

#include <algorithm>
#include <cstdlib>

#include "model/schema_table.hpp"

namespace berth::model {
namespace {

using Types = std::map<std::string_view, SchemaType>;

SchemaType& type_in(Types& types, std::string_view name) {
  auto& type = types[name];
  type.name = name;
  return type;
}

TypeRef parse_ref(std::string_view text, Types& types) {
  TypeRef ref;
  if (text.front() == '[' || text.front() == '{') {
    ref.wrap = text.front() == '[' ? Wrap::List : Wrap::Map;
    text = text.substr(1, text.size() - 2);
  }
  static const std::map<std::string_view, Shape> scalars = {
      {"s", Shape::Text},  {"t", Shape::Time},     {"b", Shape::Flag},      {"i", Shape::Int32},
      {"l", Shape::Int64}, {"q", Shape::Quantity}, {"x", Shape::IntOrText}, {"any", Shape::Any}};
  const auto scalar = scalars.find(text);
  ref.shape = scalar != scalars.end() ? scalar->second : Shape::Struct;
  if (ref.shape == Shape::Struct) ref.type = &type_in(types, text);
  return ref;
}

/// `-name:[Type]@key+key~`
SchemaField parse_field(std::string_view word, Types& types) {
  const auto colon = word.find(':');
  if (colon == std::string_view::npos) std::abort();
  SchemaField field;
  field.name = word.substr(0, colon);
  field.honoured = !field.name.starts_with('-');
  if (!field.honoured) field.name.remove_prefix(1);
  auto ref = word.substr(colon + 1);
  if (ref.ends_with('!')) {
    field.atomic = true;
    ref.remove_suffix(1);
  }
  if (ref.ends_with('~')) {
    field.retain_keys = true;
    ref.remove_suffix(1);
  }
  if (const auto at = ref.find('@'); at != std::string_view::npos) {
    auto keys = ref.substr(at + 1);
    ref = ref.substr(0, at);
    field.set = keys.empty();
    while (!keys.empty()) {
      const auto end = std::min(keys.find('+'), keys.size());
      field.keys.push_back(keys.substr(0, end));
      keys.remove_prefix(std::min(end + 1, keys.size()));
    }
  }
  field.ref = parse_ref(ref, types);
  return field;
}

/// The table is ours: a line that does not parse is a bug, and the tests walk every type.
Types parse_table(std::string_view table) {
  Types types;
  SchemaType* type = nullptr;
  for (std::size_t at = 0; at < table.size();) {
    const auto end = std::min(table.find_first_of(" \n", at), table.size());
    auto word = table.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (word.back() != ':') {
      if (type == nullptr) std::abort();
      type->fields.push_back(parse_field(word, types));
      continue;
    }
    word.remove_suffix(1);
    const auto marks = word.find_first_of("*!");
    type = &type_in(types, word.substr(0, marks));
    if (marks == std::string_view::npos) continue;
    type->open = word.find('*', marks) != std::string_view::npos;
    type->atomic = word.find('!', marks) != std::string_view::npos;
  }
  return types;
}

}  // namespace

const SchemaField* SchemaType::find(std::string_view field) const {
  for (const auto& known : fields) {
    if (known.name == field) return &known;
  }
  return nullptr;
}

const std::map<std::string_view, SchemaType>& schema_types() {
  static const Types types = parse_table(kSchemaTable);
  return types;
}

const SchemaType& schema_type(std::string_view name) {
  const auto found = schema_types().find(name);
  if (found == schema_types().end()) std::abort();
  return found->second;
}

const SchemaType& schema_type(Kind kind) { return schema_type(info(kind).name); }

}  // namespace berth::model
