// api/encoding/old_version.cpp - see old_version.hpp.
#include "api/encoding/old_version.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/encoding/json_text.hpp"
#include "model/conversion.hpp"

namespace berth::api {

namespace {

/// As Kubernetes words it for beta versions that were on their way out.
std::string deprecation(const ResourcePath& path) {
  const auto& kind = model::info(path.kind);
  const auto* old = model::old_version(path.kind, path.old_version);
  if (old == nullptr || old->history.empty()) return {};
  return fmt::format("299 - \"{} {} is {}; use {} {}\"", old->api_version, kind.name, old->history, kind.api_version(),
                     kind.name);
}

ApiResult<bool> convert_body(json::object& raw, const ResourcePath& path) {
  const auto& kind = model::info(path.kind);
  const auto named = std::string(text_at(raw, {"apiVersion"}));
  if (!named.empty() && named != path.old_version) {
    return bad_request(fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                                   named, path.old_version));
  }
  raw["apiVersion"] = path.old_version;
  if (text_at(raw, {"kind"}).empty()) raw["kind"] = kind.name;
  const auto converted = model::convert(raw);
  if (converted.issues.empty()) return true;
  const auto& issue = converted.issues.front();
  return bad_request(fmt::format("{}: {}", issue.field, issue.message));
}

/// A patch is not a whole object: no defaults of the old version are filled in. Where fields had other names it names
/// those of today.
void rename_version(HttpRequest& request, const ResourcePath& path) {
  const auto* old = model::old_version(path.kind, path.old_version);
  auto parsed = parse_json(request.body);
  if (old == nullptr || !parsed || !parsed->is_object()) return;  // the handler says what is wrong
  auto& raw = parsed->get_object();
  const bool names_it = text_at(raw, {"apiVersion"}) == path.old_version;
  if (!names_it && old->to_current == nullptr) return;
  if (old->to_current != nullptr) old->to_current(raw);
  if (names_it) raw["apiVersion"] = model::info(path.kind).api_version();
  request.body = json::serialize(raw);
}

void append_renamed(std::string& out, const json::object& raw, std::string_view api_version) {
  out += R"({"apiVersion":)";
  append_json(out, json::value(api_version));
  for (const auto& entry : raw) {
    if (entry.key() == "apiVersion") continue;
    out += ',';
    append_json(out, json::value(entry.key()));
    out += ':';
    append_json(out, entry.value());
  }
  out += '}';
}

std::string renamed(const std::string& body, const ResourcePath& path) {
  const auto parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return body;
  const auto& raw = parsed->get_object();
  if (text_at(raw, {"apiVersion"}) != model::info(path.kind).api_version()) return body;  // Status, Table, Scale
  std::string out;
  append_object(out, raw, path.old_version);
  return out;
}

}  // namespace

ApiResult<bool> to_current_version(HttpRequest& request, const ResourcePath& path) {
  const bool patch = request.method == Method::Patch;
  const bool apply = patch && request.content_type.starts_with("application/apply-patch");
  if (!path.subresource.empty() && path.subresource != "status") return true;  // Scale has a version of its own
  if (patch && !apply) {
    rename_version(request, path);
    return true;
  }
  if (request.method != Method::Post && request.method != Method::Put && !apply) return true;
  if (apply) {
    auto parsed = model::parse_yaml(request.body);
    if (!parsed || !parsed->is_object()) return true;  // the handler says what is wrong
    if (auto done = convert_body(parsed->get_object(), path); !done) return done.error();
    request.body = json::serialize(*parsed);
    return true;
  }
  auto raw = read_json_body(request);
  if (!raw) return raw.error();
  if (auto done = convert_body(*raw, path); !done) return done.error();
  request.body = json::serialize(*raw);
  request.content_type = "application/json";
  return true;
}

Respond from_current_version(Respond respond, const ResourcePath& path, Method method) {
  const bool writes = method == Method::Post || method == Method::Put || method == Method::Patch;
  return [respond = std::move(respond), path, writes](HttpResponse response) {
    if (response.code < 300 && !response.body.empty()) response.body = renamed(response.body, path);
    auto warning = writes && response.code < 300 ? deprecation(path) : std::string();
    if (!warning.empty()) response.headers.emplace_back("Warning", std::move(warning));
    respond(std::move(response));
  };
}

void append_object(std::string& out, const json::object& raw, std::string_view api_version) {
  if (api_version.empty()) return append_json(out, raw);
  const auto* kind = model::kind_named(text_at(raw, {"kind"}));
  const auto* old = kind == nullptr ? nullptr : model::old_version(kind->kind, api_version);
  if (old == nullptr || old->from_current == nullptr) return append_renamed(out, raw, api_version);
  auto shown = raw;
  old->from_current(shown);
  append_renamed(out, shown, api_version);
}

}  // namespace berth::api
