// api/writes/field_check.cpp - see field_check.hpp.
#include "api/writes/field_check.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/encoding/protobuf_body.hpp"
#include "model/model.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxWarnings = 10;

/// A header value: one line, quotes escaped (RFC 7234, 5.5).
std::string header_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + "\"";
}

bool same(const model::Problem& a, const model::Problem& b) { return a.field == b.field && a.message == b.message; }

}  // namespace

FieldCheck field_check_of(std::string_view mode, const HttpRequest& request) {
  FieldCheck out;
  if (mode == "Ignore") out.mode = FieldValidation::Ignore;
  if (mode == "Strict") out.mode = FieldValidation::Strict;
  out.only_new = request.method == Method::Patch;
  const bool is_json = !request.content_type.starts_with(kProtobufType) &&
                       !request.content_type.starts_with("application/apply-patch") &&
                       !request.content_type.starts_with("application/json-patch");
  if (out.mode != FieldValidation::Ignore && is_json) out.duplicates = duplicate_fields(request.body);
  return out;
}

ApiResult<HttpHeaders> check_fields(const model::KindInfo& kind, const json::object& raw, const FieldCheck& check,
                                    const json::object* stored) {
  const auto problems = model::unknown_fields(kind.kind, raw, check.hosts);
  const bool compare = check.only_new && stored != nullptr && !problems.empty();
  const auto before = compare ? model::unknown_fields(kind.kind, *stored, check.hosts) : std::vector<model::Problem>{};
  std::vector<std::string> decoding;  // what a strict decoder complains of
  std::vector<std::string> others;
  for (const auto& problem : problems) {
    if (std::any_of(before.begin(), before.end(), [&](const auto& old) { return same(old, problem); })) continue;
    if (problem.message.starts_with("unknown field")) {
      decoding.push_back(fmt::format("unknown field \"{}\"", problem.field));
    } else {
      others.push_back(problem.field.empty() ? fmt::format("{} is {}", kind.name, problem.message)
                                             : fmt::format("{}: {}", problem.field, problem.message));
    }
  }
  for (const auto& path : check.duplicates) decoding.push_back(fmt::format("duplicate field \"{}\"", path));
  if (check.mode == FieldValidation::Ignore) decoding.clear();
  if (check.mode == FieldValidation::Strict && !decoding.empty()) {
    return bad_request(fmt::format("{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
                                   kind.name, kind.version, kind.name, fmt::join(decoding, ", ")));
  }
  decoding.insert(decoding.end(), others.begin(), others.end());
  HttpHeaders headers;
  for (const auto& text : decoding) {
    if (headers.size() == kMaxWarnings) break;
    headers.emplace_back("Warning", fmt::format("299 - {}", header_text(text)));
  }
  return headers;
}

}  // namespace berth::api
