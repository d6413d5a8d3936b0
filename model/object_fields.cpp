// model/object_fields.cpp - see object_fields.hpp.
#include "model/object_fields.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "model/json_edit.hpp"

namespace berth::model {
namespace {

std::string field_element(std::string_view name) { return fmt::format("f:{}", name); }

enum class Form { Leaf, Struct, Map, Keyed, Set };

/// A place in the schema.
struct Place {
  TypeRef ref;
  const SchemaField* field = nullptr;  ///< Whose list or map `ref` is; null for elements and the root.

  static Place root(const SchemaType& type) { return {{Shape::Struct, Wrap::None, &type}, nullptr}; }

  Form form() const {
    if (field != nullptr && field->atomic) return Form::Leaf;
    switch (ref.wrap) {
      case Wrap::None: return ref.shape == Shape::Struct && !ref.type->atomic ? Form::Struct : Form::Leaf;
      case Wrap::Map: return Form::Map;
      case Wrap::List: break;
    }
    if (field != nullptr && !field->keys.empty()) return Form::Keyed;
    return field != nullptr && field->set ? Form::Set : Form::Leaf;
  }

  /// The form of this value, which may be of another shape than the schema has it.
  Form form_of(const json::value& value) const {
    const auto form = this->form();
    switch (form) {
      case Form::Leaf: return form;
      case Form::Struct:
      case Form::Map: return value.is_object() ? form : Form::Leaf;
      case Form::Set: return value.is_array() ? form : Form::Leaf;
      case Form::Keyed: break;
    }
    const auto* list = value.if_array();
    const bool sound = list != nullptr &&
                       std::all_of(list->begin(), list->end(), [](const auto& element) { return element.is_object(); });
    return sound ? form : Form::Leaf;
  }

  /// A member of the struct or map.
  Place member(std::string_view name) const {
    if (ref.wrap == Wrap::Map) return element();
    const auto* known = ref.type == nullptr ? nullptr : ref.type->find(name);
    return known == nullptr ? Place() : Place{known->ref, known};
  }
  Place element() const { return {{ref.shape, Wrap::None, ref.type}, nullptr}; }
  bool names(std::string_view element) const {
    return form() == Form::Struct && element.starts_with("f:") && ref.type->find(element.substr(2)) != nullptr;
  }
};

/// Upstream's schema has one default for a key.
json::value default_of_key(std::string_view key) { return key == "protocol" ? json::value("TCP") : json::value(); }

/// `k:{"containerPort":80,"protocol":"TCP"}` of an element, or `v:"x"` of a scalar.
std::string element_name(const Place& list, const json::value& element) {
  if (list.form() == Form::Set) return "v:" + json::serialize(element);
  auto keys = list.field->keys;
  std::sort(keys.begin(), keys.end());
  const auto& object = element.get_object();
  json::object named;
  for (const auto key : keys) {
    const auto* value = object.if_contains(key);
    named[key] = value == nullptr || value->is_null() ? default_of_key(key) : *value;
  }
  return "k:" + json::serialize(named);
}

void collect(const Place& place, const json::value& value, FieldSet& into);

void collect_members(const Place& place, const json::object& object, FieldSet& into) {
  for (const auto& entry : object) {
    if (entry.value().is_null()) continue;
    FieldSet child;
    collect(place.member(key_of(entry)), entry.value(), child);
    if (!child.empty()) into.below[field_element(key_of(entry))] = std::move(child);
  }
}

void collect(const Place& place, const json::value& value, FieldSet& into) {
  switch (place.form_of(value)) {
    case Form::Leaf: into.member = true; return;
    case Form::Struct:
    case Form::Map:
      if (value.get_object().empty()) into.member = true;
      return collect_members(place, value.get_object(), into);
    case Form::Keyed:
    case Form::Set:
      for (const auto& element : value.get_array()) {
        auto& child = into.below[element_name(place, element)];
        child.member = true;
        if (place.form() == Form::Keyed) collect(place.element(), element, child);
      }
      return;
  }
}

Status check_keys(const Place& place, const json::value& value, const std::string& path);

Status check_member_keys(const Place& place, const json::object& object, const std::string& path) {
  for (const auto& entry : object) {
    auto fine = check_keys(place.member(key_of(entry)), entry.value(), fmt::format("{}.{}", path, key_of(entry)));
    if (!fine) return fine;
  }
  return Ok{};
}

Status check_keys(const Place& place, const json::value& value, const std::string& path) {
  const auto form = place.form_of(value);
  if (form == Form::Struct) return check_member_keys(place, value.get_object(), path);
  if (form != Form::Keyed && form != Form::Set) return Ok{};
  std::unordered_set<std::string> seen;
  const auto& list = value.get_array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const auto key : place.field->keys) {  // none in a set
      const auto* found = list[i].get_object().if_contains(key);
      if ((found == nullptr || found->is_null()) && default_of_key(key).is_null()) {
        return Error(ErrorCode::InvalidArgument,
                     fmt::format("{}: element {}: associative list with keys has an element that omits key field "
                                 "\"{}\" (and doesn't have default value)",
                                 path, i, key));
      }
    }
    auto name = element_name(place, list[i]);
    const auto text = path_text({name});
    if (!seen.insert(std::move(name)).second) {
      return Error(ErrorCode::InvalidArgument, fmt::format("{}: duplicate entries for key {}", path, text));
    }
    if (auto fine = check_keys(place.element(), list[i], path + text); !fine) return fine;
  }
  return Ok{};
}

void merge(const Place& place, json::value& live, const json::value& config);

/// Elements of `config` in its order; those that only `live` has keep their place before or after a shared one.
json::array merge_elements(const Place& place, json::array live, const json::array& config) {
  std::unordered_map<std::string, const json::value*> wanted;
  std::vector<std::string> wanted_names;
  for (const auto& element : config) {
    wanted_names.push_back(element_name(place, element));
    wanted.emplace(wanted_names.back(), &element);
  }
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < live.size(); ++i) {
    names.push_back(element_name(place, live[i]));
    at.emplace(names.back(), i);
  }
  json::array out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < config.size(); ++i) {
    const auto& name = wanted_names[i];
    const auto shared = at.find(name);
    for (; next < live.size(); ++next) {
      const bool only_live = !wanted.contains(names[next]);
      if (only_live) out.push_back(std::move(live[next]));
      if (!only_live && (shared == at.end() || next == shared->second)) break;
    }
    if (shared == at.end()) {
      out.push_back(config[i]);
      continue;
    }
    auto element = std::move(live[shared->second]);
    live[shared->second] = nullptr;
    merge(place.element(), element, config[i]);
    out.push_back(std::move(element));
  }
  for (; next < live.size(); ++next) {
    if (!wanted.contains(names[next])) out.push_back(std::move(live[next]));
  }
  return out;
}

void merge_members(const Place& place, json::object& live, const json::object& config) {
  for (const auto& entry : config) {
    if (entry.value().is_null()) continue;
    if (auto* value = live.if_contains(entry.key())) {
      merge(place.member(key_of(entry)), *value, entry.value());
    } else {
      live.emplace(entry.key(), entry.value());
    }
  }
}

void merge(const Place& place, json::value& live, const json::value& config) {
  const auto form = place.form_of(config);
  if (form == Form::Leaf || place.form_of(live) != form) {
    live = config;
    return;
  }
  if (form == Form::Keyed || form == Form::Set) {
    live = merge_elements(place, std::move(live.get_array()), config.get_array());
    return;
  }
  merge_members(place, live.get_object(), config.get_object());
}

/// Null counts as absent.
const json::value* value_at(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

using Elements = std::map<std::string, const json::value*>;
Elements elements_of(const Place& place, const json::value* list) {
  Elements out;
  if (list == nullptr) return out;
  for (const auto& element : list->get_array()) out.emplace(element_name(place, element), &element);
  return out;
}

void compare(const Place& place, const json::value* before, const json::value* after, FieldChanges& changes);

void compare_child(const Place& place, const std::string& name, const json::value* before, const json::value* after,
                   FieldChanges& changes) {
  FieldChanges child;
  compare(place, before, after, child);
  if (!child.changed.empty()) changes.changed.below[name] = std::move(child.changed);
  if (!child.removed.empty()) changes.removed.below[name] = std::move(child.removed);
}

void compare_members(const Place& place, const json::object& before, const json::object& after, FieldChanges& changes) {
  for (const auto& entry : before) {
    const auto name = key_of(entry);
    compare_child(place.member(name), field_element(name), value_at(before, name), value_at(after, name), changes);
  }
  for (const auto& entry : after) {
    const auto name = key_of(entry);
    if (value_at(before, name) != nullptr) continue;
    compare_child(place.member(name), field_element(name), nullptr, value_at(after, name), changes);
  }
}

void compare_elements(const Place& place, const json::value* before, const json::value* after, FieldChanges& changes) {
  const auto element = place.form() == Form::Set ? Place() : place.element();
  const auto old_elements = elements_of(place, before);
  const auto new_elements = elements_of(place, after);
  for (const auto& [name, old_one] : old_elements) {
    const auto found = new_elements.find(name);
    compare_child(element, name, old_one, found == new_elements.end() ? nullptr : found->second, changes);
    if (found == new_elements.end()) changes.removed.below[name].member = true;
  }
  for (const auto& [name, new_one] : new_elements) {
    if (old_elements.contains(name)) continue;
    compare_child(element, name, nullptr, new_one, changes);
    changes.changed.below[name].member = true;
  }
}

void compare(const Place& place, const json::value* before, const json::value* after, FieldChanges& changes) {
  if (before == nullptr && after == nullptr) return;
  const auto form = place.form_of(after != nullptr ? *after : *before);
  const bool comparable = before == nullptr || after == nullptr || place.form_of(*before) == form;
  if (form == Form::Leaf || !comparable) {
    if (after == nullptr) {
      changes.removed.member = true;
    } else if (before == nullptr || *before != *after) {
      changes.changed.member = true;
    }
    return;
  }
  if (after == nullptr) changes.removed.member = true;
  if (form == Form::Keyed || form == Form::Set) return compare_elements(place, before, after, changes);
  if (before == nullptr && (form == Form::Map || after->get_object().empty())) changes.changed.member = true;
  static const json::object kNothing;
  compare_members(place, before == nullptr ? kNothing : before->get_object(),
                  after == nullptr ? kNothing : after->get_object(), changes);
}

/// True when nothing is left.
bool remove(const Place& place, json::value& value, const FieldSet& gone);

void remove_members(const Place& place, json::object& object, const FieldSet& gone) {
  for (const auto& [element, child] : gone.below) {
    if (!element.starts_with("f:")) continue;
    const auto name = std::string_view(element).substr(2);
    auto* found = object.if_contains(name);
    if (found == nullptr) continue;
    if (child.member || remove(place.member(name), *found, child)) erase(object, name);
  }
}

bool remove(const Place& place, json::value& value, const FieldSet& gone) {
  switch (place.form_of(value)) {
    case Form::Leaf: return false;
    case Form::Struct:
    case Form::Map: remove_members(place, value.get_object(), gone); return value.get_object().empty();
    case Form::Keyed:
    case Form::Set: break;
  }
  json::array kept;
  for (auto& element : value.get_array()) {
    const auto found = gone.below.find(element_name(place, element));
    if (found != gone.below.end() && found->second.member) continue;
    if (found != gone.below.end() && place.form() == Form::Keyed) remove(place.element(), element, found->second);
    kept.push_back(std::move(element));
  }
  value = std::move(kept);
  return value.get_array().empty();
}

void add_named_parents(const Place& place, FieldSet& set) {
  for (auto& [element, child] : set.below) {
    if (place.names(element)) child.member = true;
    const bool is_field = element.starts_with("f:");
    const auto form = place.form();
    if (is_field && (form == Form::Struct || form == Form::Map)) {
      add_named_parents(place.member(std::string_view(element).substr(2)), child);
    } else if (!is_field && form == Form::Keyed) {
      add_named_parents(place.element(), child);
    }
  }
}

}  // namespace

FieldSet fields_of(const SchemaType& type, const json::object& object) {
  FieldSet set;
  collect_members(Place::root(type), object, set);
  return set;
}

Status check_list_keys(const SchemaType& type, const json::object& object) {
  return check_member_keys(Place::root(type), object, "");
}

void merge_fields(const SchemaType& type, json::object& live, const json::object& config) {
  merge_members(Place::root(type), live, config);
}

FieldChanges compare_fields(const SchemaType& type, const json::object& before, const json::object& after) {
  FieldChanges changes;
  compare_members(Place::root(type), before, after, changes);
  return changes;
}

void remove_fields(const SchemaType& type, json::object& object, const FieldSet& gone) {
  remove_members(Place::root(type), object, gone);
}

FieldSet with_named_parents(const SchemaType& type, FieldSet set) {
  add_named_parents(Place::root(type), set);
  return set;
}

}  // namespace berth::model
