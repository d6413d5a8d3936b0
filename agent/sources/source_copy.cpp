// agent/sources/source_copy.cpp - see source_copy.hpp.
#include "agent/sources/source_copy.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

/// On the Lease, beside its holder.
constexpr const char* kContentAnnotation = "berth.io/source-content";

}  // namespace

bool notes_source(const model::ObjectMeta& node, std::string_view name) {
  const auto found = node.annotations.find(kSourcesNote);
  if (found == node.annotations.end()) return false;
  std::string_view rest = found->second;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    if (rest.substr(0, end) == name) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

model::ObjectKey applied_key(std::string_view name) {
  return {model::Kind::Lease, "kube-system", "berth-source-" + std::string(name)};
}

std::optional<AppliedCopy> applied_copy(const model::Object* lease) {
  if (lease == nullptr) return std::nullopt;
  const auto found = lease->meta.annotations.find(kContentAnnotation);
  const auto* spec = lease->raw.if_contains("spec");
  if (found == lease->meta.annotations.end() || found->second.empty() || spec == nullptr) return std::nullopt;
  return AppliedCopy{found->second, std::string(find_string(*spec, {"holderIdentity"}))};
}

void set_applied_copy(json::object& lease, std::string_view name, const AppliedCopy& applied) {
  const auto key = applied_key(name);
  lease["apiVersion"] = "coordination.k8s.io/v1";
  lease["kind"] = "Lease";
  auto& meta = model::object_in(lease, "metadata");
  meta["name"] = key.name;
  meta["namespace"] = key.ns;
  model::object_in(meta, "annotations")[kContentAnnotation] = applied.content;
  model::object_in(lease, "spec")["holderIdentity"] = applied.host;
}

Standing standing_of(const SourceCopy& copy, const std::optional<AppliedCopy>& applied, std::string_view own) {
  if (copy.content.empty()) return Standing::Unread;
  if (!applied) return Standing::Newer;
  if (applied->content == copy.content) return Standing::Same;
  if (applied->host == own) return Standing::Newer;
  return copy.agreed.empty() || copy.agreed == copy.content ? Standing::Older : Standing::Newer;
}

std::optional<std::string> content_of(const SourceSnapshot& snapshot) {
  if (!snapshot.complete) return std::string();
  std::string all;
  for (const auto& file : snapshot.files) {
    if (file->settling || file->vanished) return std::nullopt;
    if (file->hash.empty()) return std::string();
    all += file->id + '\n' + file->hash + '\n';
  }
  return content_hash(all);
}

}  // namespace berth::agent
