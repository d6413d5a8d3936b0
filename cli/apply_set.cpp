// cli/apply_set.cpp - see apply_set.hpp.
#include "cli/apply_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/sha256.hpp"
#include "cli/resources.hpp"
#include "model/base64.hpp"
#include "model/json_edit.hpp"

namespace berth::cli {

namespace {

constexpr std::string_view kIdLabel = "applyset.kubernetes.io/id";
constexpr std::string_view kMemberLabel = "applyset.kubernetes.io/part-of";
constexpr std::string_view kTooling = "applyset.kubernetes.io/tooling";
constexpr std::string_view kKinds = "applyset.kubernetes.io/contains-group-kinds";
constexpr std::string_view kNamespaces = "applyset.kubernetes.io/additional-namespaces";
constexpr std::string_view kUs = "berth/v" BERTH_VERSION;

std::string group_kind(const model::KindInfo& kind) {
  return kind.group.empty() ? std::string(kind.name) : fmt::format("{}.{}", kind.name, kind.group);
}

std::set<std::string> split(std::string_view list) {
  std::set<std::string> out;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (comma > 0) out.emplace(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

unsigned hex_digit(char digit) { return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

/// RFC 4648 section 5, without padding.
std::string base64_url(std::string_view bytes) {
  auto text = model::encode_base64(bytes);
  std::erase(text, '=');
  for (auto& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

}  // namespace

std::string apply_set_id(std::string_view name, std::string_view ns, std::string_view kind, std::string_view group) {
  const auto hex = sha256_hex(fmt::format("{}.{}.{}.{}", name, ns, kind, group));
  std::string digest;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    digest += static_cast<char>(hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1]));
  }
  return fmt::format("applyset-{}-v1", base64_url(digest));
}

ApplySet::ApplySet(const Server& server, const model::KindInfo& kind, std::string ns, std::string name,
                   std::string manager, DryRun dry_run)
    : server_(&server),
      kind_(&kind),
      ns_(std::move(ns)),
      name_(std::move(name)),
      manager_(std::move(manager)),
      dry_run_(dry_run),
      id_(apply_set_id(name_, ns_, kind.name, kind.group)) {}

Result<ApplySet> ApplySet::open(const Server& server, const Global& global, const std::string& word,
                                std::string manager, DryRun dry_run) {
  const auto slash = word.find('/');
  const auto* kind = &model::info(model::Kind::Secret);
  if (slash != std::string::npos) kind = model::find_kind(word.substr(0, slash));
  auto name = slash == std::string::npos ? word : word.substr(slash + 1);
  if (kind == nullptr || (kind->kind != model::Kind::Secret && kind->kind != model::Kind::ConfigMap)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("--applyset {}: the parent of an apply set is a secret or a configmap", word));
  }
  if (name.empty()) return Error(ErrorCode::InvalidArgument, fmt::format("--applyset {}: no name is given", word));
  ApplySet set(server, *kind, global.ns, std::move(name), std::move(manager), dry_run);
  const auto parent = server.get(*kind, set.ns_, set.name_);
  if (failed_with(parent, ErrorCode::NotFound)) return set;
  if (!parent) return parent.error();
  const auto tooling = find_string(*parent, {"metadata", "annotations", kTooling});
  if (!tooling.starts_with("berth/")) {
    return Error(
        ErrorCode::Aborted,
        fmt::format("ApplySet parent object {} already exists and {}", display_name(*kind, set.name_),
                    tooling.empty() ? std::string("is none: it has no annotation ") + std::string(kTooling)
                                    : fmt::format("is managed by tooling \"{}\" instead of \"berth\"", tooling)));
  }
  if (const auto id = find_string(*parent, {"metadata", "labels", kIdLabel}); id != set.id_) {
    return Error(ErrorCode::Aborted, fmt::format("ApplySet parent object {} exists and has incorrect value for label "
                                                 "\"{}\" (got: {}, want: {})",
                                                 display_name(*kind, set.name_), kIdLabel, id, set.id_));
  }
  set.old_kinds_ = split(find_string(*parent, {"metadata", "annotations", kKinds}));
  set.old_namespaces_ = split(find_string(*parent, {"metadata", "annotations", kNamespaces}));
  return set;
}

void ApplySet::take(ManifestObject& object) {
  model::object_in(model::object_in(object.raw, "metadata"), "labels")[kMemberLabel] = id_;
  kinds_.insert(group_kind(*object.kind));
  if (!object.ns.empty() && object.ns != ns_) namespaces_.insert(object.ns);
}

Status ApplySet::begin() {
  auto kinds = kinds_;
  auto namespaces = namespaces_;
  kinds.insert(old_kinds_.begin(), old_kinds_.end());
  namespaces.insert(old_namespaces_.begin(), old_namespaces_.end());
  return write(kinds, namespaces);
}

PruneChoice ApplySet::leftovers() const {
  PruneChoice choice;
  choice.labels = fmt::format("{}={}", kMemberLabel, id_);
  choice.dry_run = dry_run_;
  choice.namespaces = namespaces_;
  choice.namespaces.insert(old_namespaces_.begin(), old_namespaces_.end());
  choice.namespaces.insert(ns_);
  auto kinds = kinds_;
  kinds.insert(old_kinds_.begin(), old_kinds_.end());
  for (const auto& each : kinds) {
    // A kind that is not served has no objects here.
    const auto* kind = model::kind_named(each.substr(0, each.find('.')));
    if (kind != nullptr && group_kind(*kind) == each) choice.kinds.push_back(kind);
  }
  return choice;
}

Status ApplySet::end() { return write(kinds_, namespaces_); }

Status ApplySet::write(const std::set<std::string>& kinds, const std::set<std::string>& namespaces) {
  if (dry_run_ == DryRun::Client) return Ok{};
  const json::object parent{{"apiVersion", "v1"},
                            {"kind", kind_->name},
                            {"metadata",
                             {{"name", name_},
                              {"namespace", ns_},
                              {"labels", {{kIdLabel, id_}}},
                              {"annotations",
                               {{kTooling, kUs},
                                {kKinds, fmt::format("{}", fmt::join(kinds, ","))},
                                {kNamespaces, fmt::format("{}", fmt::join(namespaces, ","))}}}}}};
  auto path = fmt::format("{}?fieldManager={}&force=true", resource_path(*kind_, ns_, name_),
                          url_encode(manager_ + "-applyset"));
  if (dry_run_ == DryRun::Server) path += "&dryRun=All";
  const auto done = server_->patch(path, kApplyPatch, json::serialize(parent));
  if (!done) return done.error();
  return Ok{};
}

}  // namespace berth::cli
