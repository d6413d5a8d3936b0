// model/strategic_merge.cpp - see strategic_merge.hpp.
#include "model/strategic_merge.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "model/json_edit.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kOrder = "$setElementOrder";
constexpr std::string_view kRemoval = "$deleteFromPrimitiveList";

/// How much of a value a message shows.
constexpr std::size_t kShownBytes = 200;

bool is_directive(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kOrder) || key.starts_with(kRemoval);
}

Error malformed(std::string_view what) { return {ErrorCode::InvalidArgument, std::string(what)}; }
Error unfit(std::string message) { return {ErrorCode::FailedPrecondition, std::move(message)}; }

std::string shown(const json::value& value) { return json::serialize(value).substr(0, kShownBytes); }

/// Upstream's messages name Go's types.
std::string_view go_type(const json::value& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  if (value.is_string()) return "string";
  if (value.is_bool()) return "bool";
  if (value.is_double()) return "float64";
  return value.is_number() ? "int64" : "nil";
}

Error bad_type(std::string_view expected, const json::value& found) {
  return unfit(fmt::format("expected a {}, but received a {}", expected, go_type(found)));
}

Error unknown_directive(const json::value& directive, const json::object& in) {
  return malformed(fmt::format("unknown patch type: {} in map: {}", shown(directive), shown(in)));
}

/// "containers" of "$setElementOrder/containers"; empty when there is no such part.
std::string_view field_of(std::string_view key, std::string_view prefix) {
  return key.size() > prefix.size() && key[prefix.size()] == '/' ? key.substr(prefix.size() + 1) : std::string_view();
}

/// The directive at "$patch": "", "merge", "replace", "delete"; or an error.
Result<std::string_view> directive_of(const json::object& patch) {
  const auto* value = patch.if_contains(kPatch);
  if (value == nullptr) return std::string_view();
  const auto* text = value->if_string();
  const auto name = text == nullptr ? std::string_view() : view(*text);
  if (name == "merge" || name == "replace" || name == "delete") return name;
  return unknown_directive(*value, patch);
}

json::value without_directives(const json::value& value);

json::object without_directives(const json::object& patch) {
  json::object out;
  if (text_at(patch, kPatch) == "delete") return out;
  for (const auto& entry : patch) {
    if (entry.value().is_null() || is_directive(key_of(entry))) continue;
    out.emplace(entry.key(), without_directives(entry.value()));
  }
  return out;
}

/// What of a patch is content.
json::value without_directives(const json::value& value) {
  if (const auto* object = value.if_object()) return without_directives(*object);
  const auto* list = value.if_array();
  if (list == nullptr) return value;
  json::array out;
  for (const auto& element : *list) {
    const auto* object = element.if_object();
    const auto directive = object == nullptr ? std::string_view() : text_at(*object, kPatch);
    if (directive == "delete" || directive == "replace") continue;  // these are no elements
    out.push_back(without_directives(element));
  }
  return out;
}

/// How the list of one field merges.
struct ListRule {
  const SchemaType* element = nullptr;  ///< Null for scalars, and where nothing is known.
  std::string_view key;                 ///< Empty for a set of scalars.
  bool merges = false;                  ///< Else it is replaced whole.

  explicit ListRule(const SchemaField* field) {
    if (field == nullptr || field->ref.wrap != Wrap::List) return;
    element = field->ref.type;
    merges = field->set || !field->keys.empty();
    if (!field->keys.empty()) key = field->keys.front();
  }
};

/// What tells an element from the others of its list: its merge key's value, or the scalar itself.
Result<std::string> identity(const ListRule& rule, const json::value& element) {
  if (rule.key.empty()) {
    if (element.is_array()) return unfit("lists of lists are not supported");
    if (element.is_object()) return unfit(fmt::format("list element types are not identical: {}", shown(element)));
    return json::serialize(element);
  }
  const auto* object = element.if_object();
  if (object == nullptr) return bad_type("map[string]interface {}", element);
  const auto* value = object->if_contains(rule.key);
  if (value == nullptr) {
    return unfit(fmt::format("map: {} does not contain declared merge key: {}", shown(element), rule.key));
  }
  return json::serialize(*value);
}

Result<std::vector<std::string>> identities(const ListRule& rule, const json::array& list) {
  std::vector<std::string> out;
  out.reserve(list.size());
  for (const auto& element : list) {
    auto id = identity(rule, element);
    if (!id) return id.error();
    out.push_back(*std::move(id));
  }
  return out;
}

/// Places in a list, by identity; the first of equal ones counts.
class Places {
 public:
  explicit Places(const std::vector<std::string>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) at_.emplace(ids[i], i);
  }
  bool has(const std::string& id) const { return at_.contains(id); }
  /// Behind all for what is not there.
  std::size_t of(const std::string& id) const {
    const auto found = at_.find(id);
    return found == at_.end() ? static_cast<std::size_t>(-1) : found->second;
  }

 private:
  std::unordered_map<std::string, std::size_t> at_;
};

/// Elements that `wanted` lists come in its order, others keep the order of `live`; both are interleaved as they were
/// in `live`, as far as that can be told.
Result<json::array> in_order(const ListRule& rule, json::array merged, const std::vector<std::string>& wanted,
                             const std::vector<std::string>& live) {
  auto ids = identities(rule, merged);
  if (!ids) return ids.error();
  const Places wanted_at(wanted);
  const Places live_at(live);
  std::vector<std::size_t> listed;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < merged.size(); ++i) (wanted_at.has((*ids)[i]) ? listed : others).push_back(i);
  const auto sort_by = [&ids = *ids](std::vector<std::size_t>& elements, const Places& places) {
    std::stable_sort(elements.begin(), elements.end(),
                     [&](auto a, auto b) { return places.of(ids[a]) < places.of(ids[b]); });
  };
  sort_by(listed, wanted_at);
  sort_by(others, live_at);
  json::array out;
  out.reserve(merged.size());
  std::size_t next = 0;
  for (const auto element : listed) {
    const auto place = live_at.of((*ids)[element]);
    while (next < others.size() && live_at.has((*ids)[element]) && live_at.of((*ids)[others[next]]) < place) {
      out.push_back(std::move(merged[others[next++]]));
    }
    out.push_back(std::move(merged[element]));
  }
  while (next < others.size()) out.push_back(std::move(merged[others[next++]]));
  return out;
}

Status merge_object(const SchemaType* type, json::object& live, const json::object& patch);

json::array merge_scalars(json::array live, const std::vector<std::string>& live_ids, const json::array& patch,
                          const std::vector<std::string>& patch_ids) {
  std::unordered_set<std::string> seen;
  json::array out;
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (seen.insert(live_ids[i]).second) out.push_back(std::move(live[i]));
  }
  for (std::size_t i = 0; i < patch.size(); ++i) {
    if (seen.insert(patch_ids[i]).second) out.push_back(patch[i]);
  }
  return out;
}

/// The patch's elements sorted by what they want.
struct PatchElements {
  std::vector<std::pair<std::string, const json::object*>> merges;
  std::unordered_set<std::string> deletions;
  bool replace = false;
};

Result<PatchElements> read_elements(const ListRule& rule, const json::array& patch) {
  PatchElements out;
  for (const auto& element : patch) {
    const auto* object = element.if_object();
    if (object == nullptr) {
      if (element.is_array()) return unfit("lists of lists are not supported");
      return bad_type("map[string]interface {}", element);
    }
    const auto directive = directive_of(*object);
    if (!directive) return directive.error();
    if (*directive == "replace") {
      out.replace = true;
      continue;
    }
    auto id = identity(rule, element);
    if (!id) return id.error();
    if (*directive == "delete") {
      out.deletions.insert(*std::move(id));
    } else {
      out.merges.emplace_back(*std::move(id), object);
    }
  }
  return out;
}

Result<json::array> merge_keyed(const ListRule& rule, json::array live, const PatchElements& patch) {
  json::array out;
  std::unordered_map<std::string, std::size_t> places;
  if (!patch.replace) {
    for (auto& element : live) {
      auto id = identity(rule, element);
      if (!id) return id.error();
      if (patch.deletions.contains(*id)) continue;
      places.emplace(*std::move(id), out.size());
      out.push_back(std::move(element));
    }
  }
  for (const auto& [id, element] : patch.merges) {
    const auto [place, is_new] = places.emplace(id, out.size());
    if (is_new) {
      out.push_back(without_directives(*element));
    } else if (auto merged = merge_object(rule.element, out[place->second].get_object(), *element); !merged) {
      return merged.error();
    }
  }
  return out;
}

/// One list after the patch, in upstream's order: what the patch names in its order, the rest around it.
Result<json::array> merge_list(const ListRule& rule, json::array live, const json::array& patch) {
  if (!rule.merges) return without_directives(patch).get_array();
  if (rule.key.empty()) {
    auto live_ids = identities(rule, live);
    if (!live_ids) return live_ids.error();
    auto patch_ids = identities(rule, patch);
    if (!patch_ids) return patch_ids.error();
    return in_order(rule, merge_scalars(std::move(live), *live_ids, patch, *patch_ids), *patch_ids, *live_ids);
  }
  auto elements = read_elements(rule, patch);
  if (!elements) return elements.error();
  const auto live_ids = identities(rule, live);
  if (!live_ids) return live_ids.error();
  auto merged = merge_keyed(rule, std::move(live), *elements);
  if (!merged || elements->replace) return merged;
  std::vector<std::string> wanted;
  for (const auto& [id, element] : elements->merges) wanted.push_back(id);
  return in_order(rule, *std::move(merged), wanted, *live_ids);
}

/// What the patch puts into a list must be listed in its $setElementOrder, in the same order.
Status check_order(const ListRule& rule, const json::array& patch, const std::vector<std::string>& wanted,
                   const json::array& order) {
  if (wanted.empty()) return Ok{};
  std::size_t next = 0;
  for (const auto& element : patch) {
    if (element.is_object() && element.get_object().contains(kPatch)) continue;
    const auto id = identity(rule, element);
    if (!id) return id.error();
    while (next < wanted.size() && wanted[next] != *id) ++next;
    if (next == wanted.size()) {
      return unfit(fmt::format("The order in patch list:\n{}\n doesn't match {} list:\n{}\n", shown(patch), kOrder,
                               shown(order)));
    }
    ++next;
  }
  return Ok{};
}

/// A list that merged to nothing goes: upstream's are all "omitempty".
void put_list(json::object& live, std::string_view name, json::array list) {
  if (list.empty()) return erase(live, name);
  live[name] = std::move(list);
}

/// `$setElementOrder/x` and `x` together.
Status merge_ordered(const SchemaType* type, std::string_view name, json::object& live, const json::array& order,
                     const json::value* patch) {
  const ListRule rule(type == nullptr ? nullptr : type->find(name));
  const auto* stored = live.if_contains(name);
  if (stored != nullptr && !stored->is_array()) return bad_type("[]interface {}", *stored);
  if (patch != nullptr && !patch->is_array()) return bad_type("[]interface {}", *patch);
  if (stored == nullptr && patch == nullptr) return Ok{};
  const auto patch_list = patch == nullptr ? json::array() : patch->get_array();
  auto list = stored == nullptr ? json::array() : stored->get_array();
  if (!rule.merges) {  // one value: there is nothing to order
    if (patch != nullptr) live[name] = without_directives(*patch);
    return Ok{};
  }
  const auto wanted = identities(rule, order);
  if (!wanted) return wanted.error();
  if (auto fits = check_order(rule, patch_list, *wanted, order); !fits) return fits;
  const auto live_ids = identities(rule, list);
  if (!live_ids) return live_ids.error();
  auto merged = patch == nullptr ? Result<json::array>(std::move(list)) : merge_list(rule, std::move(list), patch_list);
  if (!merged) return merged.error();
  auto ordered = in_order(rule, *std::move(merged), *wanted, *live_ids);
  if (!ordered) return ordered.error();
  put_list(live, name, *std::move(ordered));
  return Ok{};
}

Status retain_keys(json::object& live, const json::object& patch) {
  const auto* value = patch.if_contains(kRetainKeys);
  if (value == nullptr) return Ok{};
  const auto* list = value->if_array();
  if (list == nullptr) return malformed("invalid patch format of retainKeys");
  std::unordered_set<std::string> kept;
  for (const auto& key : *list) {
    if (const auto* text = key.if_string()) kept.emplace(view(*text));
  }
  for (const auto& entry : patch) {
    if (entry.value().is_null() || is_directive(key_of(entry))) continue;
    if (!kept.contains(std::string(key_of(entry)))) return malformed("invalid patch format of retainKeys");
  }
  std::vector<std::string> gone;
  for (const auto& entry : live) {
    if (!kept.contains(std::string(key_of(entry)))) gone.emplace_back(key_of(entry));
  }
  for (const auto& key : gone) erase(live, key);
  return Ok{};
}

/// `$deleteFromPrimitiveList/x`.
Status remove_scalars(json::object& live, std::string_view name, const json::value& removal) {
  const auto* list = removal.if_array();
  if (list == nullptr || name.empty()) return malformed("invalid patch format of primitive list");
  auto* value = live.if_contains(name);
  auto* stored = value == nullptr ? nullptr : value->if_array();
  if (stored == nullptr) return Ok{};
  std::unordered_set<std::string> gone;
  for (const auto& item : *list) gone.insert(json::serialize(item));
  json::array kept;
  for (auto& item : *stored) {
    if (!gone.contains(json::serialize(item))) kept.push_back(std::move(item));
  }
  put_list(live, name, std::move(kept));
  return Ok{};
}

Status merge_field(const SchemaType* type, json::object& live, std::string_view name, const json::value& patch) {
  if (patch.is_null()) {
    erase(live, name);
    return Ok{};
  }
  const auto* field = type == nullptr ? nullptr : type->find(name);
  auto* stored = live.if_contains(name);
  if (patch.is_object() && stored != nullptr && stored->is_object()) {
    const bool has_type = field != nullptr && field->ref.wrap == Wrap::None;
    return merge_object(has_type ? field->ref.type : nullptr, stored->get_object(), patch.get_object());
  }
  if (patch.is_array() && (stored == nullptr || stored->is_array())) {
    const ListRule rule(field);
    auto list = stored == nullptr ? json::array() : std::move(stored->get_array());
    auto merged = merge_list(rule, std::move(list), patch.get_array());
    if (!merged) return merged.error();
    if (rule.merges) {
      put_list(live, name, *std::move(merged));
    } else {
      live[name] = *std::move(merged);
    }
    return Ok{};
  }
  live[name] = without_directives(patch);
  return Ok{};
}

Status merge_object(const SchemaType* type, json::object& live, const json::object& patch) {
  const auto directive = directive_of(patch);
  if (!directive) return directive.error();
  if (*directive == "replace" || *directive == "delete") {
    live = without_directives(patch);
    return Ok{};
  }
  if (auto kept = retain_keys(live, patch); !kept) return kept;
  // Order first: it needs the list and what the patch says of it. Removals last: they hold whatever was added.
  std::unordered_set<std::string_view> done;
  for (const auto& entry : patch) {
    if (!key_of(entry).starts_with(kOrder)) continue;
    const auto name = field_of(key_of(entry), kOrder);
    if (name.empty() || !entry.value().is_array()) return malformed("invalid patch format of setElementOrder list");
    const auto* values = patch.if_contains(name);
    if (values != nullptr && values->is_null()) continue;
    done.insert(name);
    if (auto merged = merge_ordered(type, name, live, entry.value().get_array(), values); !merged) return merged;
  }
  for (const auto& entry : patch) {
    if (is_directive(key_of(entry)) || done.contains(key_of(entry))) continue;
    if (auto merged = merge_field(type, live, key_of(entry), entry.value()); !merged) return merged;
  }
  for (const auto& entry : patch) {
    if (!key_of(entry).starts_with(kRemoval)) continue;
    if (auto removed = remove_scalars(live, field_of(key_of(entry), kRemoval), entry.value()); !removed) return removed;
  }
  return Ok{};
}

}  // namespace

Status apply_strategic_merge(const SchemaType* type, json::object& target, const json::object& patch) {
  return merge_object(type, target, patch);
}

}  // namespace berth::model
