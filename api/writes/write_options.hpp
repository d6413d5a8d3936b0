// api/writes/write_options.hpp - how a create, update or patch is to be made: dryRun, fieldValidation, fieldManager.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "api/request/user.hpp"
#include "api/writes/field_check.hpp"
#include "model/managed_fields.hpp"

namespace berth::api {

/// How one write is made.
struct WriteOptions {
  bool status = false;   ///< Only `status` is taken from the change, else all but `status`.
  FieldCheck fields{};   ///< fieldValidation, and what is wrong with the body for it.
  bool dry_run = false;  ///< Compute, do not store.
  bool system = false;  ///< Our own change of system fields (deletion): not defaulted, not validated, nothing restored.
  bool force = false;   ///< Server-side apply: take over what others own.
  /// Whose the changed fields are, for metadata.managedFields. When it applies, the change has recorded them already.
  model::FieldManager manager;
  User user{};  ///< Who writes.
};

/// Reads the query. The manager is ?fieldManager=, else the client's name: its User-Agent up to the first '/'.
/// 422 in the words of k8s.io/apimachinery's ValidateCreateOptions, ValidateUpdateOptions and ValidatePatchOptions:
/// server-side apply needs a fieldManager, only it can be forced.
ApiResult<WriteOptions> read_write_options(const ApiContext& context, const ResourcePath& path, const Query& query,
                                           const HttpRequest& request);

/// Is it a PATCH with application/apply-patch+yaml?
bool is_apply(const HttpRequest& request);

}  // namespace berth::api
