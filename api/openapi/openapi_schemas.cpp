// api/openapi/openapi_schemas.cpp - see openapi_schemas.hpp.
#include "api/openapi/openapi_schemas.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/conversion.hpp"

namespace berth::api {

namespace {

using model::Shape;
using model::Wrap;

constexpr std::string_view kTime = "meta.v1.Time";
constexpr std::string_view kMicroTime = "meta.v1.MicroTime";
constexpr std::string_view kQuantity = "resource.Quantity";
constexpr std::string_view kIntOrString = "intstr.IntOrString";
constexpr std::string_view kPatch = "meta.v1.Patch";

/// "apps.v1" of apps/v1, "core.v1" of v1, "storage.v1" of storage.k8s.io/v1: as upstream's packages are called.
std::string package_of(const GroupVersion& where) {
  const auto group = where.group.empty() ? "core" : where.group.substr(0, where.group.find('.'));
  return fmt::format("{}.{}", group, where.version);
}

bool is_first_beta(model::Kind kind, const GroupVersion& where) {
  const auto* old = model::old_version(kind, where.text());
  return old != nullptr && old->first_beta;
}

/// The kind's fields as that version has them.
const model::SchemaType& type_in(model::Kind kind, const GroupVersion& where) {
  const auto* old = model::old_version(kind, where.text());
  return old == nullptr || old->schema.empty() ? model::schema_type(kind) : model::schema_type(old->schema);
}

json::object gvk_of(const GroupVersion& where, std::string_view kind) {
  return {{"group", where.group}, {"kind", kind}, {"version", where.version}};
}

/// What every kind's first fields are for.
std::string_view common_words(std::string_view field) {
  if (field == "apiVersion") return "API group and version of this kind, for example apps/v1.";
  if (field == "kind") return "The kind of object this is.";
  if (field == "metadata") return "Name, namespace, labels and what the server notes about the object.";
  if (field == "spec") return "What is wanted.";
  if (field == "status") return "What is, as last seen. Written by the agent.";
  return {};
}

void note_merging(json::object& schema, const model::SchemaField& field) {
  if (field.ref.wrap == Wrap::Map && field.atomic) schema["x-kubernetes-map-type"] = "atomic";
  if (field.ref.wrap != Wrap::List) return;
  schema["x-kubernetes-list-type"] = field.set ? "set" : (field.keys.empty() ? "atomic" : "map");
  if (!field.keys.empty()) {
    schema["x-kubernetes-list-map-keys"] = json::array(field.keys.begin(), field.keys.end());
    schema["x-kubernetes-patch-merge-key"] = field.keys.front();
  }
  if (field.set || !field.keys.empty()) {
    schema["x-kubernetes-patch-strategy"] = field.retain_keys ? "merge,retainKeys" : "merge";
  }
}

}  // namespace

OpenApiSchemas::OpenApiSchemas(OpenApiVersion version) : version_(version), words_(model::read_schema_words()) {}

json::object OpenApiSchemas::kind(model::Kind kind, const GroupVersion& where) {
  const auto& info = model::info(kind);
  return ref({.name = fmt::format("{}.{}", package_of(where), info.name),
              .type = &type_in(kind, where),
              .where = where,
              .kind_name = info.name,
              .first_beta = is_first_beta(kind, where)});
}

json::object OpenApiSchemas::list(model::Kind kind, const GroupVersion& where) {
  const auto& info = model::info(kind);
  this->kind(kind, where);
  const auto element = fmt::format("{}.{}", package_of(where), info.name);
  return ref({.name = element + "List", .list_of = element, .where = where, .kind_name = info.name});
}

json::object OpenApiSchemas::type(std::string_view table_name) {
  Item item{.name = std::string(words_of(table_name).upstream), .type = &model::schema_type(table_name)};
  if (table_name == "Scale") item.where = {"autoscaling", "v1"};
  if (table_name == "Eviction") item.where = {"policy", "v1"};
  if (table_name == "Status" || table_name == "DeleteOptions") item.where = {"", "v1"};
  item.kind_name = table_name;
  return ref(std::move(item));
}

json::object OpenApiSchemas::patch() { return ref({.name = std::string(kPatch)}); }

json::object OpenApiSchemas::leaf(std::string_view name) { return ref({.name = std::string(name)}); }

json::object OpenApiSchemas::ref(Item item) {
  auto out = ref_to(item.name);
  if (known_.insert(item.name).second) waiting_.push_back(std::move(item));
  return out;
}

json::object OpenApiSchemas::ref_to(std::string_view name) const {
  const auto* where = version_ == OpenApiVersion::V2 ? "#/definitions/" : "#/components/schemas/";
  return {{"$ref", fmt::format("{}{}", where, model::upstream_name(name))}};
}

/// OpenAPI v3 has no words beside a reference.
json::object OpenApiSchemas::described(json::object ref, const std::string& text) const {
  if (text.empty()) return ref;
  if (version_ == OpenApiVersion::V3) {
    json::object out{{"description", text}};
    out["allOf"].emplace_array().push_back(std::move(ref));
    return out;
  }
  ref["description"] = text;
  return ref;
}

const model::TypeWords& OpenApiSchemas::words_of(std::string_view type) const {
  static const model::TypeWords kNone;
  const auto found = words_.find(type);
  return found == words_.end() ? kNone : found->second;
}

void OpenApiSchemas::write(const std::function<void(const std::string& name, const json::object& schema)>& take) {
  while (!waiting_.empty()) {
    const auto item = std::move(waiting_.front());
    waiting_.pop_front();
    take(model::upstream_name(item.name), schema_of(item));
  }
}

json::object OpenApiSchemas::schema_of(const Item& item) {
  if (item.type != nullptr) return type_schema(item);
  if (!item.list_of.empty()) {
    json::object items{{"type", "array"}, {"items", ref_to(item.list_of)}, {"description", "The objects."}};
    return {
        {"type", "object"},
        {"description", fmt::format("Several objects of kind {}.", item.kind_name)},
        {"required", json::array{"items"}},
        {"properties", json::object{{"apiVersion", json::object{{"type", "string"}}},
                                    {"items", std::move(items)},
                                    {"kind", json::object{{"type", "string"}}},
                                    {"metadata", type("ListMeta")}}},
        {"x-kubernetes-group-version-kind", json::array{gvk_of(item.where, fmt::format("{}List", item.kind_name))}}};
  }
  const bool v3 = version_ == OpenApiVersion::V3;
  if (item.name == kTime || item.name == kMicroTime) {
    return {{"type", "string"}, {"format", "date-time"}, {"description", "A time as RFC 3339 writes it."}};
  }
  if (item.name == kPatch) return {{"type", "object"}, {"description", "A change to an object."}};
  const bool quantity = item.name == kQuantity;
  json::object out{{"description", quantity ? "An amount: 100m, 1.5, 64Mi, 10G." : "A whole number, or text."}};
  if (!quantity) out["format"] = "int-or-string";
  if (v3) {
    out["oneOf"] =
        json::array{json::object{{"type", "string"}}, json::object{{"type", quantity ? "number" : "integer"}}};
  } else {
    out["type"] = "string";
  }
  return out;
}

json::object OpenApiSchemas::type_schema(const Item& item) {
  const auto& type = *item.type;
  const auto& words = words_of(type.name);
  json::object out{{"type", "object"}};
  if (!words.text.empty()) out["description"] = words.text;
  // Old clients refuse fields that are not listed: a type that may have others lists none to them.
  const bool closed_list = type.open && version_ == OpenApiVersion::V2;
  if (!closed_list) {
    json::object properties;
    json::array required;
    for (const auto& field : type.fields) {
      const auto found = words.fields.find(field.name);
      const auto field_words = found == words.fields.end() ? model::FieldWords{} : found->second;
      properties[field.name] = field_schema(item, field, field_words);
      if (field_words.required && !(item.first_beta && field.name == "selector")) required.emplace_back(field.name);
    }
    if (!required.empty()) out["required"] = std::move(required);
    out["properties"] = std::move(properties);
  }
  if (type.open) out["x-kubernetes-preserve-unknown-fields"] = true;
  if (type.atomic) out["x-kubernetes-map-type"] = "atomic";
  if (!item.where.version.empty()) {
    out["x-kubernetes-group-version-kind"] = json::array{gvk_of(item.where, item.kind_name)};
  }
  return out;
}

json::object OpenApiSchemas::field_schema(const Item& item, const model::SchemaField& field,
                                          const model::FieldWords& words) {
  std::string text(words.text);
  if (text.empty() && item.type->find("apiVersion") != nullptr) text = common_words(field.name);
  // Explained beside the type's own words: once is enough.
  if (field.ref.type != nullptr && text == words_of(field.ref.type->name).text) text.clear();
  if (!field.honoured) text += text.empty() ? "(Stored; has no effect here.)" : " (Stored; has no effect here.)";
  auto value = value_schema(item, field, words);
  json::object out;
  switch (field.ref.wrap) {
    case Wrap::None:
      if (value.contains("$ref")) return described(std::move(value), text);
      out = std::move(value);
      break;
    case Wrap::List:
      out["type"] = "array";
      out["items"] = std::move(value);
      break;
    case Wrap::Map:
      out["type"] = "object";
      out["additionalProperties"] = std::move(value);
      break;
  }
  if (!text.empty()) out["description"] = text;
  note_merging(out, field);
  return out;
}

/// One element of a list or map, or the field itself.
json::object OpenApiSchemas::value_schema(const Item& item, const model::SchemaField& field,
                                          const model::FieldWords& words) {
  switch (field.ref.shape) {
    case Shape::Text: {
      const bool octets = (item.type->name == "Secret" && field.name == "data") || field.name == "binaryData";
      if (octets) return {{"type", "string"}, {"format", "byte"}};
      return {{"type", "string"}};
    }
    case Shape::Time: return leaf(words.upstream_type == kMicroTime ? kMicroTime : kTime);
    case Shape::Flag: return {{"type", "boolean"}};
    case Shape::Int32: return {{"type", "integer"}, {"format", "int32"}};
    case Shape::Int64: return {{"type", "integer"}, {"format", "int64"}};
    case Shape::Quantity: return leaf(kQuantity);
    case Shape::IntOrText: return leaf(kIntOrString);
    case Shape::Any: return {{"x-kubernetes-preserve-unknown-fields", true}};
    case Shape::Struct: break;
  }
  const auto& type = *field.ref.type;
  Item below{.name = std::string(words.upstream_type.empty() ? words_of(type.name).upstream : words.upstream_type),
             .type = &type};
  if (below.name.empty()) below.name = fmt::format("core.v1.{}", type.name);
  if (item.first_beta && field.name == "spec" && !item.where.version.empty()) {
    below.name = fmt::format("{}.{}", package_of(item.where), type.name);
    below.first_beta = true;
  }
  // A claim inside a set is of the kind that there is.
  if (type.name == "PersistentVolumeClaim") {
    below.where = {"", "v1"};
    below.kind_name = "PersistentVolumeClaim";
  }
  return ref(std::move(below));
}

}  // namespace berth::api
