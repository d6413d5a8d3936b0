// model/server_side_apply.cpp - see server_side_apply.hpp. The steps are merge/update.go's of structured-merge-diff.
#include "model/server_side_apply.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "model/json_edit.hpp"
#include "model/model.hpp"
#include "model/object_fields.hpp"
#include "model/schema.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
constexpr std::string_view kBeforeFirstApply = "before-first-apply";
constexpr std::string_view kClientSideApply = "kubectl-client-side-apply";
constexpr std::string_view kKubectl = "kubectl";

std::vector<std::string> last_applied_path() {
  return {"f:metadata", "f:annotations", fmt::format("f:{}", kLastApplied)};
}

const json::string* last_applied_in(const json::object& object) {
  const auto* metadata = object.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return nullptr;
  const auto* annotations = metadata->get_object().if_contains("annotations");
  if (annotations == nullptr || !annotations->is_object()) return nullptr;
  const auto* text = annotations->get_object().if_contains(kLastApplied);
  return text == nullptr ? nullptr : text->if_string();
}

enum class Defaults { Without, With };

/// The fields of the last client-side apply that are still as they were applied.
FieldSet client_side_applied(Kind kind, const json::object& live, Defaults defaults) {
  const auto* text = last_applied_in(live);
  if (text == nullptr) return {};
  auto parsed = parse_json(view(*text));
  if (!parsed || !parsed->is_object()) return {};
  auto& config = parsed->get_object();
  if (defaults == Defaults::With) apply_defaults(kind, config);
  const auto& type = schema_type(kind);
  const auto changes = compare_fields(type, config, live);
  return without(without(fields_of(type, config), changes.changed), changes.removed);
}

/// Who owned what before the first apply.
ManagedFieldsList first_managers(const ApplyRequest& request, const SchemaType& type, const json::object& live) {
  if (live.empty()) return {};
  const auto api_version = info(request.kind).api_version();
  // The defaults came with that write: they must go with the fields that they belong to.
  auto applied = ownable(request.kind, {}, client_side_applied(request.kind, live, Defaults::With));
  if (!applied.empty()) applied.insert(last_applied_path());
  // As if the object had just been written: with its elements and maps, as compare has them.
  auto rest = ownable(request.kind, {}, compare_fields(type, {}, live).changed);
  rest = without(std::move(rest), applied);
  return {{{std::string(kClientSideApply), false, {}}, api_version, request.now, std::move(applied)},
          {{std::string(kBeforeFirstApply), false, {}}, api_version, request.now, std::move(rest)}};
}

/// What this request may say: not what the system or another endpoint says.
json::object sayable(const ApplyRequest& request, const json::object& config) {
  auto out = config;
  remove_nulls(request.kind, out);
  if (request.manager.subresource == "status") {
    json::object only{{"metadata", json::object()}};
    if (auto* status = out.if_contains("status")) only["status"] = std::move(*status);
    return only;
  }
  if (schema_type(request.kind).find("status") != nullptr) erase(out, "status");
  return out;
}

std::vector<FieldConflict> conflicts_of(const ManagedFieldsList& others, const FieldSet& changed,
                                        const FieldSet& allowed) {
  std::vector<FieldConflict> out;
  for (const auto& entry : others) {
    without(common(entry.fields, changed), allowed).each([&](const std::vector<std::string>& path) {
      out.push_back({entry.manager, entry.api_version, path_text(path)});
    });
  }
  std::stable_sort(out.begin(), out.end(), [](const FieldConflict& a, const FieldConflict& b) {
    return std::tie(a.owner.name, a.owner.subresource) < std::tie(b.owner.name, b.owner.subresource);
  });
  return out;
}

/// kubectl's own note of what it applied follows what it applies server-side.
void update_last_applied(const ApplyRequest& request, const json::object& config, json::object& object) {
  if (request.manager.name != kKubectl || !request.manager.subresource.empty()) return;
  if (const auto* text = last_applied_in(object); text == nullptr || text->empty()) return;
  auto noted = config;
  if (auto* metadata = object_at(noted, "metadata")) {
    if (auto* annotations = object_at(*metadata, "annotations")) {
      erase(*annotations, kLastApplied);
      if (annotations->empty()) erase(*metadata, "annotations");
    }
  }
  object.at("metadata").at("annotations").get_object()[kLastApplied] = fmt::format("{}\n", json::serialize(noted));
}

/// The manager's own entry, taken out of the list.
std::optional<ManagedFields> take(ManagedFieldsList& list, const FieldManager& manager) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.manager == manager; });
  if (found == list.end()) return std::nullopt;
  auto entry = std::move(*found);
  list.erase(found);
  return entry;
}

}  // namespace

std::string FieldConflict::owner_text() const {
  auto text = json::serialize(json::string(owner.name));
  if (!owner.subresource.empty()) text += fmt::format(" with subresource \"{}\"", owner.subresource);
  if (!owner.applies) text += fmt::format(" using {}", api_version);
  return text;
}

std::string conflict_message(const std::vector<FieldConflict>& conflicts) {
  if (conflicts.size() == 1) {
    return fmt::format("Apply failed with 1 conflict: conflict with {}: {}", conflicts[0].owner_text(),
                       conflicts[0].path);
  }
  std::string text = fmt::format("Apply failed with {} conflicts:", conflicts.size());
  std::string owner;
  for (const auto& conflict : conflicts) {
    if (conflict.owner_text() != owner) {
      text += fmt::format("{}conflicts with {}:", owner.empty() ? " " : "\n", conflict.owner_text());
      owner = conflict.owner_text();
    }
    text += fmt::format("\n- {}", conflict.path);
  }
  return text;
}

Result<Applied> server_side_apply(const ApplyRequest& request, const json::object& live, const json::object& config) {
  const auto& type = schema_type(request.kind);
  const auto said = sayable(request, config);
  if (auto fine = check_list_keys(type, said); !fine) return fine.error();

  auto others = managed_fields_of(live);
  if (others.empty()) others = first_managers(request, type, live);
  const auto last = take(others, request.manager);
  const auto set = ownable(request.kind, request.manager.subresource, fields_of(type, said));

  Applied result;
  result.object = live;
  merge_fields(type, result.object, said);
  if (last) {
    auto owned = set;
    for (const auto& entry : others) owned = united(std::move(owned), entry.fields);
    const auto gone = without(with_named_parents(type, last->fields), with_named_parents(type, std::move(owned)));
    remove_fields(type, result.object, gone);
  }

  const auto changes = compare_fields(type, live, result.object);
  if (!request.force) {
    const auto allowed =
        request.manager.name == kKubectl ? client_side_applied(request.kind, live, Defaults::Without) : FieldSet();
    result.conflicts = conflicts_of(others, changes.changed, allowed);
    if (!result.conflicts.empty()) return result;
  }
  for (auto& entry : others) entry.fields = without(without(std::move(entry.fields), changes.changed), changes.removed);

  const bool same = last && last->fields == set && changes.changed.empty() && changes.removed.empty();
  others.push_back({request.manager, info(request.kind).api_version(), same ? last->time : request.now, set});
  put_managed_fields(result.object, std::move(others));
  update_last_applied(request, said, result.object);
  return result;
}

}  // namespace berth::model
