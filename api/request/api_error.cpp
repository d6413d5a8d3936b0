// api/request/api_error.cpp - failures as Kubernetes words them.
#include "api/request/api_error.hpp"

#include <fmt/format.h>

namespace berth::api {

namespace {

/// Kubernetes' causes name the class of the mistake; we tell it from the words of the problem.
std::string_view cause_reason(std::string_view message) {
  const auto has = [&](std::string_view word) { return message.find(word) != std::string_view::npos; };
  if (has("equired")) return "FieldValueRequired";
  if (has("orbidden") || has("mmutable") || has("may not be changed")) return "FieldValueForbidden";
  if (has("nsupported") || has("must be one of")) return "FieldValueNotSupported";
  if (has("uplicate")) return "FieldValueDuplicate";
  return "FieldValueInvalid";
}

ApiError about(unsigned code, std::string_view reason, std::string message, const model::KindInfo& kind,
               std::string_view name) {
  return {.code = code,
          .reason = std::string(reason),
          .message = std::move(message),
          .name = std::string(name),
          .group = std::string(kind.group),
          .kind = std::string(kind.plural)};
}

/// As Kubernetes' NewBadRequest and its like: without details.
ApiError plain(unsigned code, std::string_view reason, std::string message) {
  return {.code = code, .reason = std::string(reason), .message = std::move(message)};
}

/// As its NewGenericServerResponse: with details, in which there is nothing.
ApiError generic(unsigned code, std::string_view reason, std::string message) {
  auto error = plain(code, reason, std::move(message));
  error.empty_details = true;
  return error;
}

}  // namespace

json::object encode_status(const ApiError& error) {
  json::object status{{"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", json::object{}},
                      {"status", "Failure"}, {"message", error.message}, {"reason", error.reason}};
  json::object details;
  if (!error.name.empty()) details["name"] = error.name;
  if (!error.group.empty()) details["group"] = error.group;
  if (!error.kind.empty()) details["kind"] = error.kind;
  if (!error.causes.empty()) {
    auto& causes = details["causes"].emplace_array();
    for (const auto& cause : error.causes) {
      json::object entry;
      if (!cause.reason.empty()) entry["reason"] = cause.reason;
      entry["message"] = cause.message;
      if (!cause.field.empty()) entry["field"] = cause.field;
      causes.push_back(std::move(entry));
    }
  }
  if (error.retry_after_seconds > 0) details["retryAfterSeconds"] = error.retry_after_seconds;
  if (!details.empty() || error.empty_details) status["details"] = std::move(details);
  status["code"] = error.code;
  return status;
}

HttpResponse to_response(const ApiError& error) {
  HttpResponse response;
  response.code = error.code;
  if (error.retry_after_seconds > 0) {
    response.headers.emplace_back("Retry-After", fmt::format("{}", error.retry_after_seconds));
  }
  response.body = json::serialize(encode_status(error));
  return response;
}

HttpResponse success(unsigned code, std::string_view member, json::value value) {
  json::object status{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", json::object{}}, {"status", "Success"}};
  status[member] = std::move(value);
  HttpResponse response;
  response.code = code;
  response.body = json::serialize(status);
  return response;
}

std::string qualified_plural(const model::KindInfo& kind) {
  return kind.group.empty() ? std::string(kind.plural) : fmt::format("{}.{}", kind.plural, kind.group);
}

ApiError not_found(const model::KindInfo& kind, std::string_view name) {
  return about(404, "NotFound", fmt::format("{} \"{}\" not found", qualified_plural(kind), name), kind, name);
}

ApiError already_exists(const model::KindInfo& kind, std::string_view name) {
  return about(409, "AlreadyExists", fmt::format("{} \"{}\" already exists", qualified_plural(kind), name), kind, name);
}

ApiError conflict(const model::KindInfo& kind, std::string_view name, std::string_view why) {
  return about(409, "Conflict",
               fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", qualified_plural(kind), name, why), kind,
               name);
}

ApiError not_permitted(const model::KindInfo& kind, std::string_view name, std::string_view why) {
  return about(403, "Forbidden", fmt::format("{} \"{}\" is forbidden: {}", qualified_plural(kind), name, why), kind,
               name);
}

ApiError stale_object(const model::KindInfo& kind, std::string_view name) {
  return conflict(kind, name,
                  "the object has been modified; please apply your changes to the latest version and try again");
}

ApiError invalid(const model::KindInfo& kind, std::string_view name, const std::vector<model::Problem>& problems) {
  auto error = about(422, "Invalid", {}, kind, name);
  error.kind = std::string(kind.name);
  std::string joined;
  for (const auto& problem : problems) {
    if (!joined.empty()) joined += ", ";
    joined += problem.field.empty() ? problem.message : fmt::format("{}: {}", problem.field, problem.message);
    error.causes.push_back({std::string(cause_reason(problem.message)), problem.message, problem.field});
  }
  if (problems.size() > 1) joined = "[" + joined + "]";
  const auto qualified = kind.group.empty() ? std::string(kind.name) : fmt::format("{}.{}", kind.name, kind.group);
  error.message = fmt::format("{} \"{}\" is invalid: {}", qualified, name, joined);
  return error;
}

ApiError bad_request(std::string message) { return plain(400, "BadRequest", std::move(message)); }

ApiError method_not_allowed() {
  return generic(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

ApiError unsupported_media_type(std::string message) { return plain(415, "UnsupportedMediaType", std::move(message)); }

ApiError not_acceptable(std::string message) { return plain(406, "NotAcceptable", std::move(message)); }

ApiError path_not_found() { return generic(404, "NotFound", "the server could not find the requested resource"); }

ApiError expired(std::string message) { return plain(410, "Expired", std::move(message)); }

ApiError revision_too_large(std::uint64_t wanted, std::uint64_t current) {
  auto error =
      plain(504, "Timeout", fmt::format("Timeout: Too large resource version: {}, current: {}", wanted, current));
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", {}});
  error.retry_after_seconds = 1;
  return error;
}

ApiError internal(std::string message) {
  auto error = plain(500, "InternalError", fmt::format("Internal error occurred: {}", message));
  error.causes.push_back({{}, std::move(message), {}});
  return error;
}

namespace {

/// What the store chooses, or refuses, it says as validation does: `spec.clusterIPs: invalid value: ...`.
ApiError refused_by_store(const std::string& message, const model::KindInfo& kind, std::string_view name) {
  const auto colon = message.find(": ");
  if (!message.starts_with("spec.") || colon == std::string::npos) return about(422, "Invalid", message, kind, name);
  return invalid(
      kind, name,
      {{.file = {}, .line = 0, .object = {}, .field = message.substr(0, colon), .message = message.substr(colon + 2)}});
}

}  // namespace

ApiError from_error(const Error& error, const model::KindInfo& kind, std::string_view name) {
  switch (error.code()) {
    case ErrorCode::NotFound: return not_found(kind, name);
    case ErrorCode::AlreadyExists: return already_exists(kind, name);
    case ErrorCode::Aborted: return stale_object(kind, name);
    case ErrorCode::InvalidArgument: return refused_by_store(error.message(), kind, name);
    // The disk is full. Not 413: that would say that the request is too large, and nobody makes it smaller.
    case ErrorCode::ResourceExhausted: return about(507, "InsufficientStorage", error.message(), kind, name);
    case ErrorCode::FailedPrecondition: return conflict(kind, name, error.message());
    case ErrorCode::OutOfRange: return about(413, "RequestEntityTooLarge", error.message(), kind, name);
    case ErrorCode::Unavailable: return about(503, "ServiceUnavailable", error.message(), kind, name);
    case ErrorCode::DeadlineExceeded: return about(504, "Timeout", error.message(), kind, name);
    case ErrorCode::PermissionDenied: return about(403, "Forbidden", error.message(), kind, name);
    case ErrorCode::Cancelled:
    case ErrorCode::Unknown:
    case ErrorCode::Unimplemented:
    case ErrorCode::Internal:
    case ErrorCode::DataLoss:
    case ErrorCode::Unauthenticated: break;
  }
  return internal(error.message());
}

}  // namespace berth::api
