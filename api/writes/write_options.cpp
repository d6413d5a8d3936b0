// api/writes/write_options.cpp - see write_options.hpp.
#include "api/writes/write_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/writes/write_body.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxManagerBytes = 128;

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: ...`
ApiError invalid_option(Method method, std::string_view option, std::string why) {
  const auto name = method == Method::Post ? "CreateOptions" : method == Method::Put ? "UpdateOptions" : "PatchOptions";
  const model::KindInfo kind{model::Kind::Pod, name, "meta.k8s.io", "v1", name, {}, {}, false};
  return invalid(kind, {}, {{.file = {}, .line = 0, .object = {}, .field = std::string(option), .message = why}});
}

/// "kubectl" of "kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0".
std::string client_name(std::string_view user_agent) {
  const auto name = user_agent.substr(0, std::min(user_agent.find('/'), kMaxManagerBytes));
  return name.empty() || !is_printable(name) ? "unknown" : std::string(name);
}

}  // namespace

bool is_apply(const HttpRequest& request) {
  return request.method == Method::Patch && media_type(request.content_type) == "application/apply-patch+yaml";
}

ApiResult<WriteOptions> read_write_options(const ApiContext& context, const ResourcePath& path, const Query& query,
                                           const HttpRequest& request) {
  WriteOptions options;
  const auto refused = [&](std::string_view option, std::string why) {
    return invalid_option(request.method, option, std::move(why));
  };
  options.status = path.subresource == "status" || path.subresource == "approval";
  const auto validation = query.get("fieldValidation");
  if (!validation.empty() && validation != "Strict" && validation != "Warn" && validation != "Ignore") {
    return refused("fieldValidation",
                   fmt::format("Unsupported value: \"{}\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
                               validation.substr(0, kMaxManagerBytes)));
  }
  options.fields = field_check_of(validation, request);
  if (!context.config.cluster.etcd_endpoints.empty()) options.fields.hosts = model::Hosts::Sharing;
  for (const auto& value : query.all("dryRun")) {
    if (value.empty()) continue;
    if (value != "All") {
      return refused("dryRun", fmt::format("Unsupported value: \"{}\": supported values: \"All\"",
                                           value.substr(0, kMaxManagerBytes)));
    }
    options.dry_run = true;
  }
  options.user = request.user;
  options.manager.applies = is_apply(request);
  options.manager.subresource = path.subresource;
  options.manager.name = query.get("fieldManager");
  if (options.manager.name.size() > kMaxManagerBytes) {
    return refused("fieldManager", fmt::format("Too long: may not be more than {} bytes", kMaxManagerBytes));
  }
  if (!is_printable(options.manager.name)) {
    return refused("fieldManager", "Invalid value: should only contain printable characters");
  }
  if (query.has("force") && request.method == Method::Patch && !options.manager.applies) {
    return refused("force", "Forbidden: may not be specified for non-apply patch");
  }
  if (options.manager.applies && options.manager.name.empty()) {
    return refused("fieldManager", "Required value: is required for apply patch");
  }
  options.force = query.flag("force");
  if (options.manager.name.empty()) options.manager.name = client_name(request.user_agent);
  return options;
}

}  // namespace berth::api
