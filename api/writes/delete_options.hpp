// api/writes/delete_options.hpp - metav1.DeleteOptions: how an object is to be deleted. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

struct DeleteOptions {
  std::optional<std::int64_t> grace_seconds;  ///< Pods only; absent: what the pod says.
  std::string propagation;                    ///< "Background", "Foreground", "Orphan"; empty: the kind's default.
  std::string uid;                            ///< Precondition; empty: any.
  std::string resource_version;               ///< Precondition; empty: any.
  bool dry_run = false;
};

/// From the query, then the body, which wins. 400 for values that are not of their type or not offered.
ApiResult<DeleteOptions> read_delete_options(const Query& query, const HttpRequest& request);

/// Takes what `body`, a DeleteOptions object, says into `options`; the same errors.
ApiResult<bool> take_delete_options(const json::object& body, DeleteOptions& options);

}  // namespace berth::api
