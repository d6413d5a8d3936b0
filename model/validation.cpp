// model/validation.cpp - the small checks that every kind uses, and validate() itself.
#include "model/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/json_edit.hpp"
#include "model/kind_row.hpp"
#include "model/model.hpp"
#include "model/names.hpp"
#include "model/schema.hpp"

namespace berth::model {
namespace {

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 80;
  return text.size() <= kMost ? std::string(text) : std::string(text.substr(0, kMost)) + "...";
}

bool is_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

void check_owners(const Reader& metadata) {
  std::string controller;
  for (const auto& owner : metadata.children("ownerReferences")) {
    for (const auto* name : {"apiVersion", "kind", "name", "uid"}) {
      if (owner.text(name).empty()) owner.fail(name, "invalid value: \"\": must not be empty");
    }
    if (!owner.flag("controller")) continue;
    if (!controller.empty()) {
      owner.fail("controller", fmt::format("invalid value: true: only one reference can have controller set to true; "
                                           "found \"true\" in references for {} and {}",
                                           controller, owner.text("name")));
    }
    controller = owner.text("name");
  }
}

ObjectKey key_of(Kind kind, const json::object& raw) {
  ObjectKey key{kind, "", ""};
  const auto* metadata = raw.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return key;
  key.name = shown(text_at(metadata->get_object(), "name"));
  if (info(kind).namespaced) key.ns = shown(text_at(metadata->get_object(), "namespace"));
  return key;
}

std::vector<Problem> to_problems(Kind kind, const json::object& raw, Issues issues) {
  std::vector<Problem> problems;
  const auto object = key_of(kind, raw).display();
  for (auto& issue : issues) problems.push_back({"", 0, object, std::move(issue.field), std::move(issue.message)});
  return problems;
}

}  // namespace

std::string Problem::text() const {
  std::string text;
  if (!file.empty()) text += file + ":";
  if (!file.empty() && line > 0) text += std::to_string(line) + ":";
  if (!text.empty()) text += " ";
  if (!object.empty()) text += object + ": ";
  if (!field.empty()) text += field + ": ";
  return text + message;
}

std::string invalid(std::string_view value, std::string_view why) {
  return fmt::format("invalid value: \"{}\": {}", shown(value), why);
}

std::string unsupported(std::string_view value, std::initializer_list<std::string_view> choices) {
  std::string listed;
  for (const auto choice : choices) {
    if (!listed.empty()) listed += ", ";
    listed += fmt::format("\"{}\"", choice);
  }
  return fmt::format("unsupported value: \"{}\": supported values: {}", shown(value), listed);
}

bool require_text(const Reader& from, std::string_view name) {
  if (!from.text(name).empty()) return true;
  from.fail(name, "required");
  return false;
}

void check_text(const Reader& from, std::string_view name, std::string (*check)(std::string_view)) {
  const auto value = from.text(name);
  if (value.empty()) return;
  if (const auto why = check(value); !why.empty()) from.fail(name, invalid(value, why));
}

void check_each(const Reader& from, std::string_view name, std::string (*check)(std::string_view)) {
  const auto values = from.texts(name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (auto why = check(values[i]); !why.empty()) {
      from.issues().push_back({from.path_of(name, i), invalid(values[i], why)});
    }
  }
}

void check_choice(const Reader& from, std::string_view name, std::initializer_list<std::string_view> choices) {
  if (!from.has(name)) return;
  const auto value = from.text(name);
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  from.fail(name, unsupported(value, choices));
}

void check_range(const Reader& from, std::string_view name, std::int64_t low, std::int64_t high) {
  const auto value = from.maybe_integer(name);
  if (!value || (*value >= low && *value <= high)) return;
  from.fail(name, high == std::numeric_limits<std::int64_t>::max()
                      ? fmt::format("invalid value: {}: must be greater than or equal to {}", *value, low)
                      : fmt::format("invalid value: {}: must be between {} and {}, inclusive", *value, low, high));
}

void check_port_number(const Reader& from, std::string_view name) {
  if (!from.has(name)) return from.fail(name, "required");
  check_range(from, name, 1, 65535);
}

void check_port_or_name(const Reader& from, std::string_view name) {
  const auto* value = from.get(name);
  if (value == nullptr) return from.fail(name, "required");
  if (!value->is_string()) return check_range(from, name, 1, 65535);
  const auto text = from.text(name);
  if (const auto why = port_name_error(text); !why.empty()) from.fail(name, invalid(text, why));
}

void check_unique(const Reader& from, std::string_view name, const std::string& value, std::set<std::string>& seen) {
  if (value.empty() || seen.insert(value).second) return;
  from.fail(name, fmt::format("duplicate value: \"{}\"", shown(value)));
}

void check_labels(const Reader& from, std::string_view name) {
  for (const auto& [key, value] : from.text_map(name)) {
    if (const auto why = qualified_name_error(key); !why.empty()) from.fail(name, invalid(key, why));
    if (const auto why = label_value_error(value); !why.empty()) from.fail(name, invalid(value, why));
  }
}

void check_requirements(const Reader& from, std::string_view name, bool for_nodes) {
  for (const auto& one : from.children(name)) {
    const auto key = one.text("key");
    if (const auto why = qualified_name_error(key); !why.empty()) one.fail("key", invalid(key, why));
    if (require_text(one, "operator")) {
      if (for_nodes) {
        check_choice(one, "operator", {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"});
      } else {
        check_choice(one, "operator", {"In", "NotIn", "Exists", "DoesNotExist"});
      }
    }
    const auto op = one.text("operator");
    const auto values = one.texts("values");
    if ((op == "In" || op == "NotIn") && values.empty()) {
      one.fail("values", "required: must be specified when `operator` is 'In' or 'NotIn'");
    }
    if ((op == "Exists" || op == "DoesNotExist") && !values.empty()) {
      one.fail("values", "forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
    if (op == "Gt" || op == "Lt") {
      if (values.size() != 1) {
        one.fail("values", "required: must be specified single value when `operator` is 'Lt' or 'Gt'");
      } else if (!is_integer(values.front())) {
        one.fail("values", invalid(values.front(), "for 'Gt', 'Lt' operators, the value must be an integer"));
      }
      continue;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (const auto why = label_value_error(values[i]); !why.empty()) {
        one.issues().push_back({one.path_of("values", i), invalid(values[i], why)});
      }
    }
  }
}

void check_label_selector(const Reader& selector) {
  check_labels(selector, "matchLabels");
  check_requirements(selector, "matchExpressions", /*for_nodes=*/false);
}

void check_node_selector_term(const Reader& term) {
  check_requirements(term, "matchExpressions", /*for_nodes=*/true);
  for (const auto& field : term.children("matchFields")) {
    check_choice(field, "key", {"metadata.name"});
    check_choice(field, "operator", {"In", "NotIn"});
    if (field.texts("values").size() != 1) field.fail("values", "required: must be only one value");
  }
}

void check_node_selector(const Reader& selector) {
  if (!selector.present()) return;
  const auto terms = selector.children("nodeSelectorTerms");
  if (terms.empty()) selector.fail("nodeSelectorTerms", "required: must have at least one node selector term");
  for (const auto& term : terms) check_node_selector_term(term);
}

void check_meta(const Reader& metadata, const KindRow& row) {
  const auto& kind = row.info;
  if (require_text(metadata, "name")) check_text(metadata, "name", row.name_error);
  if (kind.namespaced) {
    if (require_text(metadata, "namespace")) check_text(metadata, "namespace", dns_label_error);
  } else if (!metadata.text("namespace").empty()) {
    metadata.fail("namespace", fmt::format("forbidden: not allowed on this type ({} has no namespace)", kind.name));
  }
  check_labels(metadata, "labels");
  check_owners(metadata);
  std::size_t annotation_bytes = 0;
  for (const auto& [key, value] : metadata.text_map("annotations")) {
    if (const auto why = qualified_name_error(key); !why.empty()) metadata.fail("annotations", invalid(key, why));
    annotation_bytes += key.size() + value.size();
  }
  constexpr std::size_t kMostAnnotations = 256 * 1024;
  if (annotation_bytes > kMostAnnotations) {
    metadata.fail("annotations", fmt::format("too long: may not be more than {} bytes", kMostAnnotations));
  }
  for (const auto& finalizer : metadata.texts("finalizers")) {
    if (const auto why = qualified_name_error(finalizer); !why.empty()) {
      metadata.fail("finalizers", invalid(finalizer, why));
    }
  }
}

std::vector<Problem> validate(Kind kind, const json::object& raw, const json::object* old) {
  Issues issues = schema_errors(kind, raw);
  if (issues.empty()) {  // the checks below read values by type
    const Reader root(raw, "", issues);
    check_meta(root.child("metadata"), row(kind));
    if (const auto check = row(kind).check) check(root);
    if (old != nullptr && issues.empty()) {
      Issues not_ours;  // an old object is not to blame
      // Rules and defaults that came after it was stored are no difference.
      auto filled = *old;
      apply_defaults(kind, filled);
      const Reader before(filled, "", not_ours);
      check_meta_update(root.child("metadata"), before.child("metadata"));
      if (const auto check = row(kind).check_update) check(root, before);
    }
  }
  return to_problems(kind, raw, std::move(issues));
}

std::vector<Problem> unknown_fields(Kind kind, const json::object& raw, Hosts hosts) {
  auto issues = schema_warnings(kind, raw, hosts == Hosts::Sharing);
  if (const auto why = info(kind).without_effect; !why.empty()) {
    issues.insert(issues.begin(), {"", fmt::format("kept, without effect here: {}", why)});
  }
  return to_problems(kind, raw, std::move(issues));
}

}  // namespace berth::model
