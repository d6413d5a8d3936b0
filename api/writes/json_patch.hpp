// api/writes/json_patch.hpp - merge patch (RFC 7386) and JSON patch (RFC 6902). Pure.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::api {

/// RFC 7386: objects merge, null removes, everything else replaces. Cannot fail.
void apply_merge_patch(json::value& target, const json::value& patch);

/// RFC 6902. On error `target` is as it was. At most 10,000 operations, as Kubernetes has it.
/// Errors: InvalidArgument (not a patch, or over the limit), FailedPrecondition (a path is missing or a
/// test failed; the text names the operation).
Status apply_json_patch(json::value& target, const json::value& patch);

}  // namespace berth::api
