// api/writes/field_check.hpp - fieldValidation: what to say about unknown, duplicate and ineffective fields of a body.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "model/model.hpp"

namespace berth::api {

/// As the query parameter of that name (KEP-2885).
enum class FieldValidation { Ignore, Warn, Strict };

struct FieldCheck {
  FieldValidation mode = FieldValidation::Warn;
  std::vector<std::string> duplicates{};     ///< "spec.replicas": members that the body's JSON has twice.
  bool only_new = false;                     ///< A patch: what the stored object has already is not its doing.
  model::Hosts hosts = model::Hosts::Alone;  ///< Those of this store.
};

/// What `mode` asks for (Warn when it is none of the three), and the duplicates in the request's body.
FieldCheck field_check_of(std::string_view mode, const HttpRequest& request);

/// 400 when Strict and a field is unknown or duplicate; else one Warning header per finding (10 at most), and per field
/// that is stored but has no effect here. `stored` is what the object replaces, or null.
ApiResult<HttpHeaders> check_fields(const model::KindInfo& kind, const json::object& raw, const FieldCheck& check,
                                    const json::object* stored);

/// The paths of members that an object of this JSON text has more than once, 100 at most; none when it does not parse.
std::vector<std::string> duplicate_fields(std::string_view text);

}  // namespace berth::api
