// api/openapi/openapi_paths.cpp - see openapi_paths.hpp.
#include "api/openapi/openapi_paths.hpp"

#include <optional>

#include <fmt/format.h>

namespace berth::api {

namespace {

struct Parameter {
  std::string_view name;
  std::string_view type;
  std::string_view text;
};

constexpr Parameter kDryRun{"dryRun", "string", "All: do everything but store the result."};
constexpr Parameter kFieldManager{"fieldManager", "string", "Name of the program that makes the change."};
constexpr Parameter kFieldValidation{
    "fieldValidation", "string",
    "What to do about unknown and duplicate fields: Ignore, Warn (the default) or Strict."};
constexpr Parameter kForce{"force", "boolean", "Server-side apply: take over fields that others manage."};
constexpr Parameter kWriteParameters[] = {kDryRun, kFieldManager, kFieldValidation};
constexpr Parameter kPatchParameters[] = {kDryRun, kFieldManager, kFieldValidation, kForce};
constexpr Parameter kDeleteParameters[] = {
    kDryRun,
    {"gracePeriodSeconds", "integer", "Seconds a pod is given to end; 0 ends it at once."},
    {"orphanDependents", "boolean", "Old form of propagationPolicy: true means Orphan."},
    {"propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."}};
constexpr Parameter kListParameters[] = {
    {"allowWatchBookmarks", "boolean", "Watches also tell the newest resource version now and then."},
    {"continue", "string", "Token of the page to go on with."},
    {"fieldSelector", "string", "Only objects with these fields, for example metadata.name=web-0."},
    {"labelSelector", "string", "Only objects with these labels, for example app=web,tier!=test."},
    {"limit", "integer", "How many objects to answer with at most."},
    {"resourceVersion", "string", "Not older than this; for a watch: what happened since."},
    {"resourceVersionMatch", "string", "Exact or NotOlderThan."},
    {"sendInitialEvents", "boolean", "Watches begin with everything there is."},
    {"timeoutSeconds", "integer", "How long a watch lasts at most."},
    {"watch", "boolean", "Tell changes as they happen instead of answering with a list."}};

class PathWriter {
 public:
  PathWriter(const GroupVersion& where, OpenApiVersion version, OpenApiSchemas& schemas)
      : where_(where), v3_(version == OpenApiVersion::V3), schemas_(schemas) {}

  json::object collection(const ResourceEntry& resource, model::Kind kind, bool in_namespace) {
    json::object item = with_path_parameters(in_namespace, /*named=*/false);
    item["get"] = operation("list", resource.kind, where_, kListParameters, std::nullopt, schemas_.list(kind, where_));
    if ((resource.namespaced && !in_namespace) || model::info(kind).is_empty) return item;
    item["post"] = operation("post", resource.kind, where_, kWriteParameters, schemas_.kind(kind, where_),
                             schemas_.kind(kind, where_));
    item["delete"] = operation("deletecollection", resource.kind, where_, kDeleteParameters,
                               schemas_.type("DeleteOptions"), schemas_.type("Status"));
    return item;
  }

  json::object object(const ResourceEntry& resource, model::Kind kind) {
    auto item = with_path_parameters(resource.namespaced, /*named=*/true);
    add_verbs(item, resource.verbs, resource.kind, where_, schemas_.kind(kind, where_));
    return item;
  }

  json::object subresource(const ResourceEntry& resource, const SubresourceEntry& sub, model::Kind kind) {
    auto item = with_path_parameters(resource.namespaced, /*named=*/true);
    const bool own = sub.answer.version.empty();
    const auto where = own ? where_ : sub.answer;
    if (sub.kind == "Scale" || sub.kind == "Eviction") {
      add_verbs(item, sub.verbs, sub.kind, where, schemas_.type(sub.kind));
    } else if (sub.kind == resource.kind && sub.name != "log") {
      add_verbs(item, sub.verbs, sub.kind, where, schemas_.kind(kind, where_));
    } else {
      // Streams and text: nothing that a schema could describe.
      item["get"] = operation("connect", sub.kind, where, nullptr, std::nullopt, json::object{{"type", "string"}});
    }
    return item;
  }

 private:
  template <std::size_t kCount>
  json::object operation(std::string_view action, std::string_view kind, const GroupVersion& where,
                         const Parameter (&parameters)[kCount], std::optional<json::object> body, json::object answer) {
    json::array list;
    for (const auto& parameter : parameters) list.push_back(query_parameter(parameter));
    return make(action, kind, where, std::move(list), std::move(body), std::move(answer));
  }

  json::object operation(std::string_view action, std::string_view kind, const GroupVersion& where, std::nullptr_t,
                         std::optional<json::object> body, json::object answer) {
    return make(action, kind, where, {}, std::move(body), std::move(answer));
  }

  void add_verbs(json::object& item, std::string_view verbs, std::string_view kind, const GroupVersion& where,
                 const json::object& ref) {
    const auto has = [&](std::string_view verb) {
      return fmt::format(",{},", verbs).find(fmt::format(",{},", verb)) != std::string::npos;
    };
    if (has("get")) item["get"] = operation("get", kind, where, nullptr, std::nullopt, ref);
    if (has("update")) item["put"] = operation("put", kind, where, kWriteParameters, ref, ref);
    if (has("patch")) item["patch"] = operation("patch", kind, where, kPatchParameters, schemas_.patch(), ref);
    if (has("delete")) {
      item["delete"] =
          operation("delete", kind, where, kDeleteParameters, schemas_.type("DeleteOptions"), schemas_.type("Status"));
    } else if (has("create")) {
      item["post"] = operation("post", kind, where, kWriteParameters, ref, ref);
    }
  }

  json::object query_parameter(const Parameter& parameter) const {
    json::object out{{"name", parameter.name}, {"in", "query"}, {"description", parameter.text}};
    if (v3_) {
      out["schema"] = json::object{{"type", parameter.type}};
    } else {
      out["type"] = parameter.type;
    }
    return out;
  }

  json::object path_parameter(std::string_view name, std::string_view text) const {
    json::object out{{"name", name}, {"in", "path"}, {"required", true}, {"description", text}};
    if (v3_) {
      out["schema"] = json::object{{"type", "string"}};
    } else {
      out["type"] = "string";
    }
    return out;
  }

  json::object with_path_parameters(bool in_namespace, bool named) const {
    json::array list;
    if (named) list.push_back(path_parameter("name", "Name of the object."));
    if (in_namespace) list.push_back(path_parameter("namespace", "Namespace of the object."));
    if (list.empty()) return {};
    return {{"parameters", std::move(list)}};
  }

  json::object make(std::string_view action, std::string_view kind, const GroupVersion& where, json::array parameters,
                    std::optional<json::object> body, json::object answer) const {
    json::object out;
    if (body && v3_) {
      json::object content;
      if (action == "patch") {
        for (const auto type : {"application/apply-patch+yaml", "application/json-patch+json",
                                "application/merge-patch+json", "application/strategic-merge-patch+json"}) {
          content[type] = json::object{{"schema", *body}};
        }
      } else {
        content["application/json"] = json::object{{"schema", *std::move(body)}};
      }
      out["requestBody"] = json::object{{"content", std::move(content)}};
    } else if (body) {
      parameters.push_back(json::object{{"name", "body"}, {"in", "body"}, {"schema", *std::move(body)}});
    }
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    json::object response{{"description", "OK"}};
    if (v3_) {
      response["content"] = json::object{{"application/json", json::object{{"schema", std::move(answer)}}}};
    } else {
      response["schema"] = std::move(answer);
    }
    out["responses"] = json::object{{"200", std::move(response)}};
    out["x-kubernetes-action"] = action;
    out["x-kubernetes-group-version-kind"] =
        json::object{{"group", where.group}, {"kind", kind}, {"version", where.version}};
    return out;
  }

  GroupVersion where_;
  bool v3_;
  OpenApiSchemas& schemas_;
};

}  // namespace

void write_openapi_paths(const GroupVersion& where, OpenApiVersion version, OpenApiSchemas& schemas,
                         const std::function<void(const std::string& path, const json::object& item)>& take) {
  PathWriter writer(where, version, schemas);
  const auto root = where.group.empty() ? fmt::format("/api/{}", where.version) : fmt::format("/apis/{}", where.text());
  const auto resources = served_resources(where, {});
  for (const auto kind_id : kinds_in(where)) {
    const auto plural = model::info(kind_id).plural;
    for (const auto& resource : resources) {
      if (resource.plural != plural) continue;
      const auto everywhere = fmt::format("{}/{}", root, plural);
      take(everywhere, writer.collection(resource, kind_id, /*in_namespace=*/false));
      auto home = everywhere;
      if (resource.namespaced) {
        home = fmt::format("{}/namespaces/{{namespace}}/{}", root, plural);
        take(home, writer.collection(resource, kind_id, /*in_namespace=*/true));
      }
      take(home + "/{name}", writer.object(resource, kind_id));
      for (const auto& sub : resource.subresources) {
        take(fmt::format("{}/{{name}}/{}", home, sub.name), writer.subresource(resource, sub, kind_id));
      }
    }
  }
}

}  // namespace berth::api
