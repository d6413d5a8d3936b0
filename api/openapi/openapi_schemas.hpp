// api/openapi/openapi_schemas.hpp - the types of the API as OpenAPI schemas. Pure.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "api/request/group_versions.hpp"
#include "base/json.hpp"
#include "model/schema_types.hpp"
#include "model/schema_words.hpp"

namespace berth::api {

enum class OpenApiVersion { V2, V3 };

/// Writes those schemas that were referred to, and those that they refer to. Schemas carry what clients merge and
/// validate by: x-kubernetes-group-version-kind, -patch-merge-key, -patch-strategy, -list-type, -map-type.
class OpenApiSchemas {
 public:
  explicit OpenApiSchemas(OpenApiVersion version);

  /// {"$ref": ...} to a kind as `where` serves it.
  json::object kind(model::Kind kind, const GroupVersion& where);
  /// ... to the list of those.
  json::object list(model::Kind kind, const GroupVersion& where);
  /// ... to another type of the schema table: "Scale", "Status".
  json::object type(std::string_view table_name);
  /// ... to the body of a patch.
  json::object patch();

  /// Gives each schema once, in the order of first mention: io.k8s.api.core.v1.Pod and what it is.
  void write(const std::function<void(const std::string& name, const json::object& schema)>& take);

 private:
  struct Item {
    std::string name;                         ///< "core.v1.Pod"
    const model::SchemaType* type = nullptr;  ///< Null: a list, or a type without fields.
    std::string list_of{};                    ///< The element's name, for a list.
    GroupVersion where{};                     ///< Of a kind; version empty when it is none.
    std::string_view kind_name{};
    bool first_beta = false;  ///< Kinds of the first betas found their selector themselves.
  };

  json::object ref(Item item);
  json::object ref_to(std::string_view name) const;
  json::object described(json::object ref, const std::string& text) const;
  json::object schema_of(const Item& item);
  json::object type_schema(const Item& item);
  json::object field_schema(const Item& item, const model::SchemaField& field, const model::FieldWords& words);
  json::object value_schema(const Item& item, const model::SchemaField& field, const model::FieldWords& words);
  json::object leaf(std::string_view name);
  const model::TypeWords& words_of(std::string_view type) const;

  OpenApiVersion version_;
  std::map<std::string_view, model::TypeWords> words_;
  std::set<std::string> known_;
  std::deque<Item> waiting_;
};

}  // namespace berth::api
