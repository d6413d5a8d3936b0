// api/openapi/openapi.cpp - see openapi.hpp.
#include "api/openapi/openapi.hpp"

#include <fmt/format.h>

#include "api/encoding/accept.hpp"
#include "api/openapi/openapi_paths.hpp"
#include "api/openapi/openapi_protobuf.hpp"
#include "api/openapi/openapi_schemas.hpp"
#include "base/fnv.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kTitle = "berth";
constexpr std::string_view kProtobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `"key":value` pairs of one JSON object, as text: a document is much smaller than its tree.
class ObjectText {
 public:
  void add(std::string_view key, const json::object& value) {
    if (!text_.empty()) text_ += ',';
    text_ += json::serialize(json::string(key));
    text_ += ':';
    text_ += json::serialize(value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string info_text() { return fmt::format(R"("info":{{"title":"{}","version":"{}"}})", kTitle, BERTH_VERSION); }

std::string v3_document(const GroupVersion& where) {
  OpenApiSchemas schemas(OpenApiVersion::V3);
  ObjectText paths;
  write_openapi_paths(where, OpenApiVersion::V3, schemas,
                      [&](const std::string& path, const json::object& item) { paths.add(path, item); });
  ObjectText components;
  schemas.write([&](const std::string& name, const json::object& schema) { components.add(name, schema); });
  return fmt::format(R"({{"openapi":"3.0.0",{},"paths":{{{}}},"components":{{"schemas":{{{}}}}}}})", info_text(),
                     paths.take(), components.take());
}

std::string v2_json() {
  OpenApiSchemas schemas(OpenApiVersion::V2);
  ObjectText paths;
  for (const auto& where : group_versions()) {
    write_openapi_paths(where, OpenApiVersion::V2, schemas,
                        [&](const std::string& path, const json::object& item) { paths.add(path, item); });
  }
  ObjectText definitions;
  schemas.write([&](const std::string& name, const json::object& schema) { definitions.add(name, schema); });
  return fmt::format(R"({{"swagger":"2.0",{},"paths":{{{}}},"definitions":{{{}}}}})", info_text(), paths.take(),
                     definitions.take());
}

std::string v2_protobuf() {
  OpenApiSchemas schemas(OpenApiVersion::V2);
  std::string paths;
  for (const auto& where : group_versions()) {
    write_openapi_paths(where, OpenApiVersion::V2, schemas,
                        [&](const std::string& path, const json::object& item) { paths += named_path(path, item); });
  }
  std::string definitions;
  schemas.write(
      [&](const std::string& name, const json::object& schema) { definitions += named_schema(name, schema); });
  return openapi_document(kTitle, BERTH_VERSION, paths, definitions);
}

/// "api/v1", "apis/apps/v1"
std::string path_of(const GroupVersion& where) {
  return where.group.empty() ? fmt::format("api/{}", where.version) : fmt::format("apis/{}", where.text());
}

std::string hash_text(const GroupVersion& where) {
  static const auto hashes = [] {
    std::vector<std::string> out;
    for (const auto& one : group_versions())
      out.push_back(fmt::format("{:016X}", Fnv1a().add(v3_document(one)).value()));
    return out;
  }();
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (group_versions()[i] == where) return hashes[i];
  }
  return {};
}

HttpResponse v3_index() {
  json::object paths;
  for (const auto& where : group_versions()) {
    const auto path = path_of(where);
    paths[path] = json::object{{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={}", path, hash_text(where))}};
  }
  HttpResponse response;
  response.body = json::serialize(json::object{{"paths", std::move(paths)}});
  return response;
}

HttpResponse v2_page(std::string_view accept) {
  HttpResponse response;
  for (const auto& range : parse_accept(accept)) {
    if (range.covers("application/json")) break;
    if (range.type.find("proto-openapi.spec.v2") == std::string::npos) continue;
    response.content_type = kProtobuf;
    response.body = v2_protobuf();
    response.headers.emplace_back("Vary", "Accept");
    return response;
  }
  response.body = v2_json();
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

}  // namespace

std::optional<HttpResponse> openapi_page(const std::vector<std::string>& segments, const Query& query,
                                         std::string_view accept) {
  if (segments.size() < 2 || segments[0] != "openapi") return std::nullopt;
  if (segments[1] == "v2" && segments.size() == 2) return v2_page(accept);
  if (segments[1] != "v3") return std::nullopt;
  if (segments.size() == 2) return v3_index();
  for (const auto& where : group_versions()) {
    std::string path = segments[2];
    for (std::size_t i = 3; i < segments.size(); ++i) path += "/" + segments[i];
    if (path != path_of(where)) continue;
    HttpResponse response;
    response.body = v3_document(where);
    const auto hash = hash_text(where);
    response.headers.emplace_back("Etag", fmt::format("\"{}\"", hash));
    if (query.get("hash") == hash) {
      response.headers.emplace_back("Cache-Control", "public, immutable, max-age=31536000");
    }
    return response;
  }
  return std::nullopt;
}

}  // namespace berth::api
