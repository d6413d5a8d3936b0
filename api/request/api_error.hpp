// api/request/api_error.hpp - failures as Kubernetes words them: HTTP code plus metav1.Status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/request/http_message.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "model/model.hpp"

namespace berth::api {

struct StatusCause {
  std::string reason;  ///< "FieldValueInvalid"
  std::string message;
  std::string field;
};

/// metav1.Status of a failure.
struct ApiError {
  unsigned code = 500;
  std::string reason;  ///< "NotFound"
  std::string message;
  std::string name{};  ///< details.name
  std::string group{};
  std::string kind{};  ///< plural for most, the kind's name for Invalid: as Kubernetes has it
  std::vector<StatusCause> causes{};
  int retry_after_seconds = 0;  ///< details.retryAfterSeconds, and the header; 0: not said
  /// Details are sent although they say nothing: where Kubernetes does so, clients look into them without asking
  /// whether they are there.
  bool empty_details = false;
};

json::object encode_status(const ApiError& error);
HttpResponse to_response(const ApiError& error);

/// metav1.Status of what was done, with one more member.
HttpResponse success(unsigned code, std::string_view member, json::value value);

/// `pods "x" not found`
ApiError not_found(const model::KindInfo& kind, std::string_view name);
/// `namespaces "x" already exists`
ApiError already_exists(const model::KindInfo& kind, std::string_view name);
/// `Operation cannot be fulfilled on statefulsets.apps "x": <why>`
ApiError conflict(const model::KindInfo& kind, std::string_view name, std::string_view why);
/// 403 `pods "x" is forbidden: <why>`: whoever asks.
ApiError not_permitted(const model::KindInfo& kind, std::string_view name, std::string_view why);
ApiError stale_object(const model::KindInfo& kind, std::string_view name);
/// 422 `StatefulSet.apps "x" is invalid: [field: message, ...]` with one cause per problem.
ApiError invalid(const model::KindInfo& kind, std::string_view name, const std::vector<model::Problem>& problems);
ApiError bad_request(std::string message);
ApiError method_not_allowed();
ApiError unsupported_media_type(std::string message);
ApiError not_acceptable(std::string message);
ApiError path_not_found();
/// 410: `too old resource version: 1 (2000)`
ApiError expired(std::string message);
/// 504 `Timeout: Too large resource version: 9, current: 3`: the client has seen a state that this store has not.
ApiError revision_too_large(std::uint64_t wanted, std::uint64_t current);
ApiError internal(std::string message);
/// A failed write or runtime call about one object. Only what is over the store's size limit (OutOfRange) is 413; what
/// it cannot store for another reason is 422, with the reason. A watch that comes too late is expired(), which see.
ApiError from_error(const Error& error, const model::KindInfo& kind, std::string_view name);

/// `statefulsets.apps`, `pods`
std::string qualified_plural(const model::KindInfo& kind);

/// A `T`, or the answer that says why not.
template <typename T>
using ApiResult = Result<T, ApiError>;

}  // namespace berth::api
