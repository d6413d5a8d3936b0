// api/writes/delete_options.cpp - see delete_options.hpp.
#include "api/writes/delete_options.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/writes/write_body.hpp"

namespace berth::api {

namespace {

constexpr std::int64_t kMaxGraceSeconds = 10LL * 365 * 24 * 3600;

/// What the parts say together.
ApiResult<bool> check(DeleteOptions& options) {
  if (options.grace_seconds && *options.grace_seconds < 0) options.grace_seconds = 1;  // as Kubernetes reads it
  if (options.grace_seconds && *options.grace_seconds > kMaxGraceSeconds) {
    return bad_request(fmt::format("gracePeriodSeconds: must be at most {}", kMaxGraceSeconds));
  }
  const auto& policy = options.propagation;
  if (!policy.empty() && policy != "Orphan" && policy != "Background" && policy != "Foreground") {
    return bad_request(fmt::format(
        "propagationPolicy: Unsupported value: \"{}\": supported values: \"Background\", \"Foreground\", \"Orphan\"",
        policy));
  }
  return true;
}

/// orphanDependents is propagationPolicy of before Kubernetes 1.7; both at once is a mistake.
ApiResult<bool> take_orphan(bool orphan, bool given, DeleteOptions& options) {
  if (!given) return true;
  if (!options.propagation.empty()) {
    return bad_request("propagationPolicy: Invalid value: orphanDependents and propagationPolicy cannot be both set");
  }
  options.propagation = orphan ? "Orphan" : "Background";
  return true;
}

ApiResult<bool> take_dry_run(std::string_view word, DeleteOptions& options) {
  if (word != "All") {
    return bad_request(fmt::format("dryRun: Unsupported value: \"{}\": supported values: \"All\"", word));
  }
  options.dry_run = true;
  return true;
}

}  // namespace

ApiResult<bool> take_delete_options(const json::object& body, DeleteOptions& options) {
  const auto kind = text_at(body, {"kind"});
  if (!kind.empty() && kind != "DeleteOptions") {
    return bad_request(fmt::format("a {} cannot be handled as DeleteOptions", kind));
  }
  if (const auto* value = field(body, {"gracePeriodSeconds"}); value != nullptr && !value->is_null()) {
    if (!value->is_int64()) return bad_request("gracePeriodSeconds: must be a whole number");
    options.grace_seconds = value->get_int64();
  }
  const auto* orphan = field(body, {"orphanDependents"});
  const bool orphan_given = orphan != nullptr && orphan->is_bool();
  const auto policy = text_at(body, {"propagationPolicy"});
  if (!policy.empty() || orphan_given) options.propagation = policy;
  if (auto taken = take_orphan(orphan_given && orphan->get_bool(), orphan_given, options); !taken) return taken;
  options.uid = text_at(body, {"preconditions", "uid"});
  options.resource_version = text_at(body, {"preconditions", "resourceVersion"});
  if (const auto* dry_run = field(body, {"dryRun"}); dry_run != nullptr && dry_run->is_array()) {
    for (const auto& word : dry_run->get_array()) {
      if (auto taken = take_dry_run(word.is_string() ? view(word.get_string()) : "", options); !taken) return taken;
    }
  }
  return check(options);
}

ApiResult<DeleteOptions> read_delete_options(const Query& query, const HttpRequest& request) {
  DeleteOptions options;
  const auto grace = query.number("gracePeriodSeconds");
  if (!grace) return bad_request(grace.error().message());
  options.grace_seconds = *grace;
  options.propagation = query.get("propagationPolicy");
  if (auto taken = take_orphan(query.flag("orphanDependents"), query.has("orphanDependents"), options); !taken) {
    return taken.error();
  }
  for (const auto& word : query.all("dryRun")) {
    if (auto taken = take_dry_run(word, options); !taken) return taken.error();
  }
  if (request.body.empty()) {
    if (auto checked = check(options); !checked) return checked.error();
    return options;
  }
  const auto body = read_json_body(request);
  if (!body) return body.error();
  if (auto taken = take_delete_options(*body, options); !taken) return taken.error();
  return options;
}

}  // namespace berth::api
